"""MySQL: decoding and storing as the consumer does, against LOAD DATA INFILE of the same rows.

LOAD DATA is what the server achieves without a client's work: the files are on the server already,
and it uses one connection, the same tables and indexes, and the same transactions.
"""

import asyncio
import itertools
import secrets
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import conditions, print_table
from compose.native import Database, MySQLServer
from compose.native.mysql import Flavour
from socialsim import simulate
from socialsim.events import PLURALS, WIRE_NAMES, Event, decode, encode
from socialsim.scenario.model import Scenario
from socialsim.warehouse.base import Batch, OffsetAdvance, OffsetKey
from socialsim.warehouse.mysql.warehouse import MysqlWarehouse
from socialsim.warehouse.schema.migrate import migrate
from socialsim.warehouse.urls import MysqlTarget, parse_warehouse_url

_LANES = (1, 3)
_OPTIONS = {"innodb-buffer-pool-size": "512M", "innodb-log-file-size": "256M"}

Portion = dict[str, list[bytes]]  # one transaction's records, encoded, by wire name


def _portions(events: list[Event], rows: int) -> list[Portion]:
    portions = []
    for start in range(0, len(events), rows):
        portion = defaultdict(list)
        for event in events[start : start + rows]:
            portion[WIRE_NAMES[type(event)]].append(encode(event))
        portions.append(dict(portion))
    return portions


async def _store(database: Database, portions: list[Portion], lanes: int) -> float:
    """Seconds from JSON bytes to the last commit over ``lanes`` connections, offsets included."""
    target = parse_warehouse_url(database.url)
    assert isinstance(target, MysqlTarget)  # noqa: S101 - every Database has one
    warehouse = MysqlWarehouse(target, database.password, lanes=lanes)
    await warehouse.open()
    waiting = iter(portions)

    async def work(lane: int) -> None:
        key = OffsetKey("bench", "bench", "mixed", lane)
        offset = 0
        for portion in waiting:
            batch = Batch()
            for name, values in portion.items():
                batch.add(key, name, [decode(value, name) for value in values])
            batch.moves.append(OffsetAdvance(key, offset, offset + batch.rows))
            offset += batch.rows
            await warehouse.store(lane, batch)

    try:
        await warehouse.offsets([OffsetKey("bench", "bench", "mixed", lane) for lane in range(lanes)])
        begin_s = time.perf_counter()
        await asyncio.gather(*(work(lane) for lane in range(lanes)))
        return time.perf_counter() - begin_s
    finally:
        await warehouse.close()


def _export(
    server: MySQLServer, database: Database, portions: list[Portion], label: str
) -> list[list[tuple[str, str]]]:
    """Write the stored rows to files on the server: (table, file) pairs for each transaction."""
    loads = []
    done: dict[str, int] = defaultdict(int)
    with server.root_cursor(database.name) as cursor:
        for number, portion in enumerate(portions):
            files = []
            for name, values in portion.items():
                table = PLURALS[name]
                path = server.files_directory / f"{label}-{number}-{table}"
                cursor.execute(
                    f"SELECT * FROM {table} ORDER BY run_key, event_time, shard, seq "
                    f"LIMIT {len(values)} OFFSET {done[name]} INTO OUTFILE '{path}' CHARACTER SET utf8mb4"
                )
                done[name] += len(values)
                files.append((table, str(path)))
            loads.append(files)
    return loads


def _load(server: MySQLServer, database: Database, loads: list[list[tuple[str, str]]]) -> float:
    with server.root_cursor(database.name) as cursor:
        begin_s = time.perf_counter()
        for files in loads:
            cursor.execute("BEGIN")
            for table, path in files:
                cursor.execute(f"LOAD DATA INFILE '{path}' INTO TABLE {table} CHARACTER SET utf8mb4")
            cursor.execute("COMMIT")
        return time.perf_counter() - begin_s


def _version(server: MySQLServer) -> str:
    with server.root_cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        (version,) = cursor.fetchone() or ("",)
    return f"{server.flavour} {version}"


def _rows(server: MySQLServer, database: Database) -> int:
    with server.root_cursor(database.name) as cursor:
        total = 0
        for table in PLURALS.values():
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            (count,) = cursor.fetchone() or (0,)
            total += count
    return total


class _Bench:
    def __init__(self, server: MySQLServer) -> None:
        self.server = server
        self.speeds: dict[tuple[str, str], list[float]] = defaultdict(list)

    def _fresh(self) -> Database:
        database = self.server.create_database(f"b{secrets.token_hex(6)}")
        migrate(database.url, database.password)
        return database

    def measure(self, what: str, how: str, rows: int, task: Any) -> None:
        """Run ``task`` on empty tables and check that it stored all ``rows``."""
        database = self._fresh()
        seconds = task(database)
        if (found := _rows(self.server, database)) != rows:
            raise SystemExit(f"{how} stored {found} of {rows} rows")
        self.speeds[what, how].append(rows / seconds)
        self.server.drop_database(database)

    def export(self, portions: list[Portion], label: str) -> list[list[tuple[str, str]]]:
        database = self._fresh()
        asyncio.run(_store(database, portions, 1))
        loads = _export(self.server, database, portions, label)
        self.server.drop_database(database)
        return loads


def main(*, rounds: int, users: int, days: int, rows_max: int, rows_per_transaction: int, flavour: Flavour) -> None:
    """Measure and print."""
    print(conditions("socialsim", "aiomysql", "PyMySQL", "msgspec"))
    events = list(itertools.islice(simulate(Scenario(users=users, days=days)), rows_max))
    likes = [event for event in events if WIRE_NAMES[type(event)] == "picture_like"]
    works = {"all tables": events, "picture likes": likes}
    with tempfile.TemporaryDirectory(prefix="socialsim-bench-", ignore_cleanup_errors=True) as scratch:
        server = MySQLServer.create(Path(scratch) / "server", flavour=flavour, options=_OPTIONS)
        with server:
            bench = _Bench(server)
            version = _version(server)
            portions = {what: _portions(chosen, rows_per_transaction) for what, chosen in works.items()}
            loads = {what: bench.export(portions[what], str(number)) for number, what in enumerate(works)}
            for _, (what, chosen) in itertools.product(range(rounds), works.items()):
                rows = len(chosen)
                bench.measure(what, "LOAD DATA INFILE", rows, lambda db, what=what: _load(server, db, loads[what]))
                for lanes in _LANES:
                    bench.measure(
                        what,
                        f"socialsim, {lanes} connection{'s' if lanes > 1 else ''}",
                        rows,
                        lambda db, what=what, lanes=lanes: asyncio.run(_store(db, portions[what], lanes)),
                    )
    _report(bench.speeds, {what: len(chosen) for what, chosen in works.items()}, version)


def _report(speeds: dict[tuple[str, str], list[float]], sizes: dict[str, int], server: str) -> None:
    rates = {key: median(measured) for key, measured in speeds.items()}
    rows = [
        (f"{what}: {how}", f"{sizes[what]:,}", f"{rate:,.0f}", f"{rate / rates[what, 'LOAD DATA INFILE']:.2f}")
        for (what, how), rate in rates.items()
    ]
    print_table(
        f"JSON bytes to committed rows, {server}, durable commits (medians)",
        ("", "rows", "rows per second", "ratio to LOAD DATA"),
        rows,
    )
