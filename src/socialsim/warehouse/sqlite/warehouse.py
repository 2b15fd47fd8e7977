"""The embedded warehouse: one SQLite file in WAL mode, written by a dedicated thread."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from socialsim.errors import OwnershipLostError
from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.events.types import TIME_US_MAX
from socialsim.warehouse.base import Batch, OffsetKey, Stored, Warehouse
from socialsim.warehouse.batches.conflicts import (
    CONTENT_COLUMNS,
    Conflict,
    DuplicateCandidates,
    dead_letters_of,
    differing,
    row_key,
)
from socialsim.warehouse.batches.positions import OffsetRowKey, StoredPosition, compare, log_changes, replaced_error
from socialsim.warehouse.batches.rows import (
    INSTANT_SOURCE,
    SECONDS,
    ColumnKind,
    RowFormatter,
    columns,
    compile_formatter,
    instant_text,
    payload_kinds,
)
from socialsim.warehouse.batches.run_keys import KnownRun, check_scenarios, unknown_runs
from socialsim.warehouse.batches.transaction import (
    Group,
    MoveRow,
    TransactionCounts,
    dead_letter_row,
    groups,
    move_rows,
)
from socialsim.warehouse.driver_errors import translate_sqlite
from socialsim.warehouse.engines import SQLITE_PAGE_BYTES
from socialsim.warehouse.schema.revision import check_revision
from socialsim.warehouse.urls import SqliteTarget

_T = TypeVar("_T")

BUSY_TIMEOUT_S: Final = 10.0

# The page cache holds the inner index pages of about ten million rows.
_CACHE_KIB: Final = 65_536
# WAL lets readers work beside the writer. synchronous=NORMAL does not wait for the disk at each
# commit: a power loss may undo the last transactions, each as a whole. Rows and offsets are undone
# together, so the consumer reads those records from the log again and nothing is lost; FULL would
# only make that rarer. Random inserts write the same index pages again and again; a WAL of 64 MiB
# collects these writes before a checkpoint copies them into the file.
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    f"PRAGMA wal_autocheckpoint={64 * 1024 * 1024 // SQLITE_PAGE_BYTES}",
    f"PRAGMA cache_size=-{_CACHE_KIB}",
    "PRAGMA temp_store=MEMORY",
)
_NOW: Final = "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"

_INSERT_RUN: Final = f"""\
INSERT INTO runs (run_id, created_at, scenario_digest) VALUES (?, {_NOW}, ?) ON CONFLICT (run_id) DO NOTHING"""  # noqa: S608
_SET_SCENARIO_DIGEST: Final = "UPDATE runs SET scenario_digest = ? WHERE run_id = ? AND scenario_digest = ''"
_SELECT_RUN: Final = "SELECT run_key, scenario_digest FROM runs WHERE run_id = ?"
_INSERT_OFFSET: Final = f"""\
INSERT INTO consumer_offsets (log_id, consumer_group, topic, partition_id, next_offset, consumed, inserted, duplicates,
  dead_letters, commits, updated_at, topic_identity) VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0, 0, {_NOW}, ?)
ON CONFLICT (log_id, consumer_group, topic, partition_id) DO NOTHING"""  # noqa: S608
_SELECT_OFFSET: Final = """\
SELECT next_offset, topic_identity FROM consumer_offsets
WHERE log_id = ? AND consumer_group = ? AND topic = ? AND partition_id = ?"""
_ADOPT_OFFSETS: Final = """\
UPDATE consumer_offsets SET topic_identity = ?
WHERE log_id = ? AND consumer_group = ? AND topic = ? AND topic_identity = ''"""
_ADOPT_DEAD_LETTERS: Final = """\
UPDATE dead_letters SET topic_identity = ? WHERE log_id = ? AND topic = ? AND topic_identity = ''"""
_RESTART_OFFSET: Final = f"""\
UPDATE consumer_offsets SET next_offset = 0, topic_identity = ?, commits = commits + 1, updated_at = {_NOW}
WHERE log_id = ? AND consumer_group = ? AND topic = ? AND partition_id = ?"""  # noqa: S608
_MOVE_OFFSET: Final = f"""\
UPDATE consumer_offsets SET next_offset = ?, consumed = consumed + ?, inserted = inserted + ?,
  duplicates = duplicates + ?, dead_letters = dead_letters + ?, commits = commits + 1, updated_at = {_NOW}
WHERE log_id = ? AND consumer_group = ? AND topic = ? AND partition_id = ? AND next_offset = ?
  AND ? IN ('', topic_identity)"""  # noqa: S608
_INSERT_DEAD_LETTER: Final = f"""\
INSERT INTO dead_letters (log_id, topic, partition_id, record_offset, raw, raw_bytes, raw_sha256, error_class, reason,
  topic_identity, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {_NOW})
ON CONFLICT (log_id, topic, topic_identity, partition_id, record_offset) DO NOTHING"""  # noqa: S608
# Marks a day and all later ones dirty, see ``kpi.compute``.
_MARK_DAYS: Final = "UPDATE kpi_days SET dirty = dirty + 1 WHERE run_key = ? AND day >= ?"


def _insert(name: str) -> str:
    names = columns(name)
    marks = ", ".join("?" * len(names))
    return (
        f"INSERT INTO {PLURALS[name]} ({', '.join(names)}) VALUES ({marks}) "  # noqa: S608
        "ON CONFLICT (run_key, event_time, shard, seq) DO NOTHING"
    )


def _formatter(name: str) -> RowFormatter:
    payload = [
        f"e.{column}.isoformat()" if kind is ColumnKind.DATE else f"e.{column}"
        for column, kind in payload_kinds(name).items()
    ]
    common = f"run, {INSTANT_SOURCE}, e.shard, e.seq, e.user_id, e.device, e.version"
    return compile_formatter(name, f"({', '.join([common, *payload])})", {"SECONDS": SECONDS})


def _select_content(name: str) -> str:
    return (
        f"SELECT {', '.join(CONTENT_COLUMNS[name])} FROM {PLURALS[name]} "  # noqa: S608 - our own names
        "WHERE run_key = ? AND event_time = ? AND shard = ? AND seq = ?"
    )


_INSERTS: Final = {name: _insert(name) for name in EVENT_TYPES}
_SELECT_CONTENTS: Final = {name: _select_content(name) for name in EVENT_TYPES}
_FORMATTERS: Final = {name: _formatter(name) for name in EVENT_TYPES}


class SqliteWarehouse(Warehouse):
    """Stores rows in the SQLite file ``path``, created by ``migrate``.

    One lane: SQLite has one writer at a time.

    All SQL runs on a dedicated thread and does not block the event loop. Other processes may read
    at any time; while another one writes, this one waits up to ``busy_timeout_s`` and then raises
    TransientError.
    """

    lanes = 1

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._target = SqliteTarget(path)
        self._busy_timeout_s = busy_timeout_s
        self._executor: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._runs: dict[str, KnownRun] = {}

    def __repr__(self) -> str:
        return f"<SqliteWarehouse {self._target} {'open' if self._connection else 'closed'}>"

    async def open(self) -> None:
        """See Warehouse."""
        if not self._target.path.exists():
            check_revision(None, self._target)
        await self._call(self._check_schema)

    async def offsets(self, keys: Sequence[OffsetKey], *, restart: bool = False) -> dict[OffsetKey, int]:
        """See Warehouse."""
        wanted = sorted(set(keys))
        return await self._call(lambda connection: _offsets(connection, wanted, restart=restart)) if wanted else {}

    async def stored(self, keys: Sequence[OffsetKey]) -> dict[OffsetKey, int]:
        """See Warehouse."""
        wanted = sorted(set(keys))
        return await self._call(lambda connection: _stored(connection, wanted))

    async def store(self, lane: int, batch: Batch) -> Stored:
        """See Warehouse."""
        if lane != 0:
            raise ValueError(f"lane {lane}: SQLite has the one lane 0")
        return await self._call(lambda connection: self._store(connection, batch))

    async def counts(self) -> dict[str, int]:
        """See Warehouse."""
        return await self._call(_counts)

    async def close(self) -> None:
        """See Warehouse."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        await asyncio.get_running_loop().run_in_executor(executor, self._drop_connection)
        executor.shutdown(wait=False)

    async def _call(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run ``work`` on the thread.

        If the caller is cancelled, the transaction still commits or rolls back.
        """
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="socialsim-sqlite")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run_on_thread, work)

    def _run_on_thread(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return work(self._connected())
        except BaseException as error:
            # Closing rolls back any open transaction.
            self._drop_connection()
            if isinstance(error, (sqlite3.Error, OSError)):
                raise translate_sqlite(error, self._target) from error
            raise

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            path = self._target.path
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=self._busy_timeout_s, isolation_level=None)
            try:
                for pragma in _PRAGMAS:
                    connection.execute(pragma)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        self._runs = {}
        if connection is not None:
            connection.close()

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if exists else None
        check_revision(row[0] if row else None, self._target)

    def _store(self, connection: sqlite3.Connection, batch: Batch) -> Stored:
        connection.execute("BEGIN IMMEDIATE")
        new_runs = self._missing_runs(connection, batch)
        run_keys = {run_id: run.run_key for run_id, run in (self._runs | new_runs).items()}
        counts = TransactionCounts()
        conflicts: list[Conflict] = []
        earliest_us: dict[int, int] = {}  # by run key, the earliest time of a group with new rows
        for group in groups(batch, run_keys, by_partition=True):
            rows = _FORMATTERS[group.name](group.run_key, group.events)
            inserted = connection.executemany(_INSERTS[group.name], rows).rowcount
            counts.add(group.name, group.key, inserted, len(rows) - inserted)
            if inserted:
                earliest_us[group.run_key] = min(earliest_us.get(group.run_key, TIME_US_MAX), group.events[0].time_us)
            if inserted < len(rows):
                conflicts += _conflicts(connection, group, rows)
        dead_letters = [*batch.dead_letters, *dead_letters_of(batch, conflicts, counts)]
        connection.executemany(_INSERT_DEAD_LETTER, sorted(map(dead_letter_row, dead_letters)))
        for run_key, time_us in earliest_us.items():
            connection.execute(_MARK_DAYS, (run_key, instant_text(time_us)[:10]))
        for move in move_rows(batch, counts, dead_letters):
            _move(connection, move)
        connection.execute("COMMIT")
        # Cached only after the commit: a rollback undoes the run keys too.
        self._runs.update(new_runs)
        return counts.stored(dead_letters)

    def _missing_runs(self, connection: sqlite3.Connection, batch: Batch) -> dict[str, KnownRun]:
        found: dict[str, KnownRun] = {}
        wanted = unknown_runs(batch, self._runs)
        for run_id, digest in wanted.items():
            connection.execute(_INSERT_RUN, (run_id, digest))
            connection.execute(_SET_SCENARIO_DIGEST, (digest, run_id))
            found[run_id] = KnownRun(*connection.execute(_SELECT_RUN, (run_id,)).fetchone())
        check_scenarios(wanted, found)
        return found


def _conflicts(connection: sqlite3.Connection, group: Group, rows: list[tuple[Any, ...]]) -> list[Conflict]:
    """The events of ``group`` that are stored with different content than their ``rows``."""
    select = _SELECT_CONTENTS[group.name]
    stored = {
        row_key(event): connection.execute(select, row[:4]).fetchone()
        for event, row in zip(group.events, rows, strict=True)
    }
    return differing(DuplicateCandidates(group, group.events), (row[4:] for row in rows), stored)


def _move(connection: sqlite3.Connection, move: MoveRow) -> None:
    counters = (move.new, move.new - move.old, move.inserted, move.duplicates, move.dead_letters)
    if connection.execute(_MOVE_OFFSET, (*counters, *move.key.primary_key, move.old, move.key.identity)).rowcount != 1:
        partition = f"{move.key.topic}/{move.key.partition}"
        raise OwnershipLostError(
            f"group {move.key.group}: {partition} is not at offset {move.old}: another consumer owns it"
        )


def _rows(connection: sqlite3.Connection, keys: list[OffsetKey]) -> dict[OffsetRowKey, StoredPosition]:
    found = {key.primary_key: connection.execute(_SELECT_OFFSET, key.primary_key).fetchone() for key in keys}
    return {key: StoredPosition(*row) for key, row in found.items() if row is not None}


def _offsets(connection: sqlite3.Connection, keys: list[OffsetKey], *, restart: bool) -> dict[OffsetKey, int]:
    connection.execute("BEGIN IMMEDIATE")
    rows = _rows(connection, keys)
    found = compare(keys, rows)
    if found.replaced and not restart:
        raise replaced_error(found.replaced, rows)
    log_changes(found)
    connection.executemany(_INSERT_OFFSET, [(*key.primary_key, key.identity) for key in found.missing])
    for log_id, group, topic, _, identity in sorted({key._replace(partition=0) for key in found.adopted}):
        connection.execute(_ADOPT_OFFSETS, (identity, log_id, group, topic))
        connection.execute(_ADOPT_DEAD_LETTERS, (identity, log_id, topic))
    connection.executemany(_RESTART_OFFSET, [(key.identity, *key.primary_key) for key in found.replaced])
    connection.execute("COMMIT")
    return found.offsets | dict.fromkeys([*found.missing, *found.replaced], 0)


def _stored(connection: sqlite3.Connection, keys: list[OffsetKey]) -> dict[OffsetKey, int]:
    connection.execute("BEGIN")
    rows = _rows(connection, keys)
    connection.execute("COMMIT")
    return dict.fromkeys(keys, 0) | compare(keys, rows).offsets


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    tables = {**PLURALS, "dead_letters": "dead_letters"}
    connection.execute("BEGIN")
    counts = {
        name: int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names
        for name, table in tables.items()
    }
    connection.execute("COMMIT")
    return counts
