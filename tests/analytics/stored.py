"""Small simulated runs, stored as a consumer stores them, with the books that a simulation keeps."""

from pathlib import Path
from typing import Any


from socialsim.analytics.offsets import LogEnds
from socialsim.analytics.report import Report
from socialsim.analytics.verify import read_books, verify_run
from socialsim.events import PLURALS, WIRE_NAMES, Event
from socialsim.manifest import Ledger
from socialsim.rundir import RunDirectory, RunRecord
from socialsim.scenario import Scenario
from socialsim.simulate import simulate
from socialsim.warehouse.base import Batch, OffsetKey, OffsetMove
from socialsim.warehouse.engines import read_engine
from socialsim.warehouse.tables import EVENT_TABLES
from tests.warehouse.places import Place

SCENARIO = Scenario(users=40, days=3, shards=3, actions_per_day=24, request_share=0.3, video_share=0.1)
LOG_ID = "file-test"
GROUP = "socialsim"


def keep_books(runs_dir: Path, run_id: str, events: list[Event], *, sealed: bool = True) -> RunDirectory:
    """What ``socialsim run`` leaves of ``events`` in the run's directory."""
    ledger = Ledger(run_id, range(SCENARIO.shards))
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
    return LogEnds(LOG_ID, {place: len(part) for place, part in log_of(events).items()})


async def store(place: Place, events: list[Event]) -> None:
    """Store them as one consumer would that reads everything in one go."""
    batch = Batch()
    for (topic, shard), part in log_of(events).items():
        key = OffsetKey(LOG_ID, GROUP, topic, shard)
        batch.add(key, WIRE_NAMES[type(part[0])], part)
        batch.moves.append(OffsetMove(key, 0, len(part)))
    async with place.opened() as warehouse:
        await warehouse.offsets([move.key for move in batch.moves])
        await warehouse.store(0, batch)


def events_of(run_id: str, **changes: Any) -> list[Event]:
    return list(simulate(Scenario(**{**_fields(), **changes}), run_id))


def _fields() -> dict[str, Any]:
    return {name: getattr(SCENARIO, name) for name in SCENARIO.__struct_fields__}


def verified(place: Place, runs_dir: Path, run_id: str, log: LogEnds | None = None) -> Report:
    """What ``socialsim verify`` finds."""
    directory = RunDirectory(runs_dir, run_id)
    record = directory.read_record()
    scenario = None if record is None else record.scenario
    with read_engine(place.url, place.password).connect() as connection:
        return verify_run(connection, read_books(directory, scenario), scenario, log)


def broken(report: Report) -> dict[str, list[str]]:
    """The first breaks of each broken check."""
    return {check.name: [str(each) for each in check.breaks] for check in report.checks if check.state == "broken"}


def identities(place: Place, name: str, run_id: str, count: int) -> list[dict[str, Any]]:
    """The keys of the first rows of a table, in order."""
    return place.rows(
        f"SELECT run_key, event_time, shard, seq FROM {EVENT_TABLES[name].name} "
        f"WHERE run_key = (SELECT run_key FROM runs WHERE run_id = :run_id) ORDER BY event_time, shard, seq LIMIT {count}",
        run_id=run_id,
    )


def execute_all(place: Place, statements: list[tuple[str, dict[str, Any]]]) -> None:
    for sql, values in statements:
        place.change(sql, **values)
