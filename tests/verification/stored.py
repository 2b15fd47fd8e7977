"""Small simulated runs, stored as a consumer stores them, with the manifests of a simulation."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import structs
from sqlalchemy import ColumnElement, Connection, and_, select

from socialsim.events import PLURALS, WIRE_NAMES, Event
from socialsim.runs.directory import RunDirectory, RunRecord
from socialsim.runs.manifest import ManifestBuilder
from socialsim.scenario.model import Scenario
from socialsim.simulation.iterate import simulate
from socialsim.verification.offsets import LogEnds
from socialsim.verification.result import VerificationReport, Violation
from socialsim.verification.verify import read_manifests, verify_run
from socialsim.warehouse.base import Batch, OffsetAdvance, OffsetKey
from socialsim.warehouse.engines import read_engine, writing_engine
from socialsim.warehouse.schema.tables import EVENT_TABLES, runs
from tests.warehouse.warehouse_fixtures import WarehouseFixture

SCENARIO = Scenario(
    users=40, days=3, shards=3, seed=3, adoption_midpoint=0.1, adoption_steepness=6, active_day_alpha=5,
    sessions_per_active_day=6, friends_mean=10, accept_delay_median_s=60, post_share=0.2, video_share=0.3, recency_s=20_000,
)  # fmt: skip
LOG_ID = "file-test"
GROUP = "socialsim"


def keep_books(runs_dir: Path, run_id: str, events: list[Event], *, sealed: bool = True) -> RunDirectory:
    """What ``socialsim run`` leaves of ``events`` in the run's directory."""
    ledger = ManifestBuilder(run_id, range(SCENARIO.shards))
    ledger.add(events)
    directory = RunDirectory(runs_dir, run_id).lead()
    for shard in range(SCENARIO.shards):
        last = max((event.seq for event in events if event.shard == shard), default=-1)
        directory.write_manifest(ledger.manifest(shard, acknowledged_seq=last, sealed=sealed))
    directory.write_record(RunRecord(run_id=run_id, log="file:events", scenario=SCENARIO, state="complete"))
    directory.release()
    return directory


def log_of(events: list[Event]) -> dict[tuple[str, int], list[Event]]:
    """The partitions of a log in files."""
    partitions: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        partitions.setdefault((f"{event.run_id}/{PLURALS[WIRE_NAMES[type(event)]]}", event.shard), []).append(event)
    return partitions


def ends_of(events: list[Event]) -> LogEnds:
    """What that log says of its ends."""
    return LogEnds(LOG_ID, {db: len(part) for db, part in log_of(events).items()})


async def store(db: WarehouseFixture, events: list[Event]) -> None:
    """Store them as one consumer would that reads everything in one go."""
    batch = Batch(digests={event.run_id: SCENARIO.digest for event in events})
    for (topic, shard), part in log_of(events).items():
        key = OffsetKey(LOG_ID, GROUP, topic, shard)
        batch.add(key, WIRE_NAMES[type(part[0])], part)
        batch.moves.append(OffsetAdvance(key, 0, len(part)))
    async with db.opened() as warehouse:
        await warehouse.offsets([move.key for move in batch.moves])
        await warehouse.store(0, batch)


@cache
def events_of(run_id: str, seed: int = 1) -> list[Event]:
    """The events of a small run in order of time. Cached: do not change it."""
    return list(simulate(structs.replace(SCENARIO, seed=seed), run_id))


def verified(db: WarehouseFixture, runs_dir: Path, run_id: str, log: LogEnds | None = None) -> VerificationReport:
    """What ``socialsim verify`` finds."""
    with read_engine(db.url, db.password).connect() as connection:
        return verify_on(connection, runs_dir, run_id, log)


def verify_on(connection: Connection, runs_dir: Path, run_id: str, log: LogEnds | None = None) -> VerificationReport:
    directory = RunDirectory(runs_dir, run_id)
    record = directory.read_record()
    scenario = None if record is None else record.scenario
    return verify_run(connection, read_manifests(directory, scenario), scenario, log)


@contextmanager
def sabotage(db: WarehouseFixture) -> Iterator[Connection]:
    """A connection whose changes are seen by it alone, and are taken back."""
    engine = writing_engine(db.target, db.password)
    with engine.connect() as connection:
        try:
            yield connection
        finally:
            connection.rollback()
    engine.dispose()


def breaks_of(report: VerificationReport, check: str) -> list[Violation]:
    """The first breaks of the check named ``check``; it must be broken, and the whole verification
    with it.
    """
    (found,) = [each for each in report.checks if each.name == check]
    assert found.state == "broken", f"{check} is {found.state}"
    assert found.breaks
    assert not report.ok
    return list(found.breaks)


def broken_checks(report: VerificationReport) -> set[str]:
    return {check.name for check in report.checks if check.state == "broken"}


def rows_of(connection: Connection, name: str, run_id: str = "r1") -> list[dict[str, Any]]:
    """All rows of a table, in the order of its key."""
    table = EVENT_TABLES[name]
    key = select(runs.c.run_key).where(runs.c.run_id == run_id).scalar_subquery()
    query = select(table).where(table.c.run_key == key).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def row_where(name: str, row: dict[str, Any]) -> ColumnElement[bool]:
    """The condition that is true of ``row`` alone."""
    return and_(*(column == row[column.name] for column in EVENT_TABLES[name].primary_key.columns))


def change(connection: Connection, name: str, row: dict[str, Any], **values: Any) -> None:
    done = connection.execute(EVENT_TABLES[name].update().where(row_where(name, row)).values(**values))
    assert done.rowcount == 1
