"""What must be stored of a run, and whether it is: every simulated event once, each field as it was
emitted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

from socialsim import Scenario, simulate
from socialsim.events import WIRE_NAMES, Event, encode
from socialsim.runs.digest import RunDigest, identify
from socialsim.runs.manifest import ManifestBuilder
from socialsim.transport.base import EventReader, TopicPartition
from socialsim.verification.offsets import LogEnds
from socialsim.verification.reconcile import ManifestSet
from socialsim.verification.verify import verify_run
from socialsim.warehouse.engines import read_engine
from tests.warehouse.warehouse_fixtures import WarehouseFixture


@cache
def events_of(scenario: Scenario, run_id: str | None = None) -> tuple[Event, ...]:
    """The run's events, in order of time."""
    return tuple(simulate(scenario, run_id))


@cache
def digest_of(scenario: Scenario, run_id: str | None = None) -> str:
    """The digest that a complete log of the run has."""
    digest = RunDigest(run_id or scenario.run_id)
    for event in events_of(scenario, run_id):
        digest.add(event.shard, event.seq, encode(event))
    return digest.hexdigest()


@cache
def manifests_of(scenario: Scenario, run_id: str | None = None) -> ManifestSet:
    """The sealed manifests that the run writes."""
    run_id, shards = run_id or scenario.run_id, range(scenario.shards)
    ledger = ManifestBuilder(run_id, shards)
    ledger.add(events_of(scenario, run_id))
    last = Counter(event.shard for event in events_of(scenario, run_id))
    sealed = {shard: ledger.manifest(shard, acknowledged_seq=last[shard] - 1, sealed=True) for shard in shards}
    return ManifestSet(run_id, dict(sealed))


def assert_all_stored(
    db: WarehouseFixture,
    scenario: Scenario,
    *,
    dead_letters: int = 0,
    run_id: str | None = None,
    manifests: ManifestSet | None = None,
    log: LogEnds | None = None,
) -> None:
    """Fails unless the warehouse has exactly the run's events and ``verify`` passes.

    ``manifests`` are the run's own if it has any; ``log`` has the log ends.
    """
    assert_stored(db, events_of(scenario, run_id), dead_letters=dead_letters)
    engine = read_engine(db.url, db.password)
    try:
        with engine.connect() as connection:
            report = verify_run(connection, manifests or manifests_of(scenario, run_id), scenario, log)
    finally:
        engine.dispose()
    broken = [check for check in report.checks if check.state == "broken"]
    assert report.ok, f"verify: {broken}"


async def read_all(reader: EventReader) -> dict[TopicPartition, list[bytes]]:
    """Every record that is in the log now. Closes the reader."""

    async def beginning(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def nothing(partitions: Sequence[TopicPartition]) -> None:
        pass

    found: dict[TopicPartition, list[bytes]] = {}
    try:
        await reader.start(beginning, nothing)
        ends = {partition: end for partition, end in (await reader.end_offsets()).items() if end}
        while any(len(found.get(partition, ())) < end for partition, end in ends.items()):
            for part in await reader.poll(10_000, 1.0):
                found.setdefault(part.partition, []).extend(part.values)
    finally:
        await reader.close()
    return found


async def assert_whole_log(reader: EventReader, scenario: Scenario, run_id: str | None = None) -> None:
    """Fails unless the log holds the run's events, each at least once, and none that differs."""
    digest = RunDigest(run_id or scenario.run_id)
    for values in (await read_all(reader)).values():
        for value in values:
            event = identify(value)
            if event is not None and event.run_id == digest.run_id:
                digest.add(event.shard, event.seq, value)
    assert digest.hexdigest() == digest_of(scenario, run_id)


def assert_stored(db: WarehouseFixture, events: tuple[Event, ...], *, dead_letters: int = 0) -> None:
    """Fails unless the warehouse holds exactly ``events``."""
    stored = {name: Counter(map(encode, found)) for name, found in db.events().items()}
    expected: dict[str, Counter[bytes]] = {name: Counter() for name in stored}
    for event in events:
        expected[WIRE_NAMES[type(event)]][encode(event)] += 1
    for name, rows in stored.items():
        missing, extra = expected[name] - rows, rows - expected[name]
        assert not missing, f"{name}: {missing.total()} are lost, the first is {next(iter(missing))!r}"
        assert not extra, f"{name}: {extra.total()} are too many, the first is {next(iter(extra))!r}"
    (letters,) = db.rows("SELECT COUNT(*) AS n FROM dead_letters")
    assert letters["n"] == dead_letters, db.rows("SELECT topic, error_class, reason FROM dead_letters LIMIT 3")
    assert_counters_add_up(db)


def assert_counters_add_up(db: WarehouseFixture) -> None:
    """Fails unless each partition's consumed records are accounted for."""
    wrong = db.rows("SELECT * FROM consumer_offsets WHERE consumed <> inserted + duplicates + dead_letters")
    assert not wrong, f"{len(wrong)} partitions, the first is {wrong[0]}"
