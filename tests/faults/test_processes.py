"""Processes of a run that die or are told to stop, at moments all over the run: the finished log is
the same.
"""

import asyncio
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from compose.native import KafkaCluster
from compose.native.server import ProcessIdentity
from socialsim import Scenario
from socialsim.bootstrap.log import TOPICS
from socialsim.consumer import Consumer, ConsumerSettings
from socialsim.runs.directory import DEFAULT_ROOT, RunDirectory
from socialsim.transport.files import FileReader
from socialsim.transport.kafka import KafkaLog, describe_topics
from socialsim.verification.offsets import LogEnds
from socialsim.verification.verify import read_manifests
from socialsim.warehouse.schema.migrate import migrate
from tests.faults.kafka_pipelines import SETTINGS, drain, make_topics, reader_of
from tests.faults.marks import slow
from tests.faults.pipelines import until
from tests.support.account import assert_all_stored, assert_whole_log, events_of
from tests.support.patience import HANG_S, eventually, pace
from tests.support.processes import Cli
from tests.warehouse.warehouse_fixtures import WarehouseFixture

TOWN = Scenario(users=400, days=5, seed=8, shards=8)
RUN = ("run", "--users", "400", "--days", "5", "--seed", "8", "--shards", "8")
ORPHANS_GONE_S = 5.0
DRAINED_S = 10.0

Start = Callable[..., Cli]
#: How much of the megabyte and a half of events is in the files when the fault comes.
EARLY, MIDDLE, LATE = 20_000, 300_000, 700_000
MOMENTS = [
    slow(EARLY),
    MIDDLE,
    slow(LATE),
]


def paced() -> tuple[str, ...]:
    """A quarter of a minute, more on a slow machine, and all that happened is in the files soon."""
    return ("--processes", "2", "--speed", pace(30_000))


def reach(directory: Path, size: int, run: Cli) -> None:
    """Wait until the run has written ``size`` bytes; it must be under way still."""

    def written() -> int:
        return sum(path.stat().st_size for path in directory.glob("socialsim-data/events/*/*/*.ndjson"))

    eventually(lambda: written() >= size or run.process.poll() is not None, f"{size} bytes in the files")
    assert run.process.poll() is None, f"the run ended before the fault: {run.tail()}"


def shard_processes(run: Cli) -> list[ProcessIdentity]:
    """The children that simulate; multiprocessing has one of its own beside them."""

    def simulates(child: ProcessIdentity) -> bool:
        try:
            return b"spawn_main" in Path(f"/proc/{child.pid}/cmdline").read_bytes()
        except OSError:
            return False

    return [child for child in run.children() if simulates(child)]


async def assert_proven(directory: Path) -> None:
    """The log has the digest of a run that never died, and the stored rows match the run's
    manifests.
    """
    data = directory / "socialsim-data"
    await assert_whole_log(FileReader(data / "events"), TOWN)
    db = WarehouseFixture(f"sqlite:///{data}/socialsim.sqlite", None)
    migrate(db.url)
    reader = FileReader(data / "events")
    async with db.opened() as warehouse:
        await Consumer(reader, warehouse, ConsumerSettings(drain=True)).run()
        ends = await reader.end_offsets()
        await reader.close()
    manifests = read_manifests(RunDirectory(data / "runs", TOWN.run_id), TOWN)
    identities = {topic: reader.identity(topic) for topic, _ in ends}
    log = LogEnds(reader.log_id, {(topic, number): end for (topic, number), end in ends.items()}, identities)
    assert_all_stored(db, TOWN, manifests=manifests, log=log)


@pytest.mark.slow_faults
@pytest.mark.parametrize("size", MOMENTS)
@pytest.mark.parametrize("rank", [0, slow(1)])
async def test_a_shard_process_that_is_killed_is_replaced_without_a_person(
    start: Start, tmp_path: Path, size: int, rank: int
) -> None:
    run = start(*RUN, *paced())
    reach(tmp_path, size, run)
    shards = shard_processes(run)
    assert len(shards) == 2
    assert shards[rank].send(signal.SIGKILL)
    run.wait(0)
    assert run.says("was killed by SIGKILL")
    await assert_proven(tmp_path)


async def test_a_shard_process_that_dies_again_and_again_ends_the_run_and_the_next_one_completes_it(
    start: Start, tmp_path: Path
) -> None:
    run = start(*RUN, *paced())
    killed = 0  # as soon as they are there: also before they have heard what they are for
    while run.process.poll() is None:
        reach(tmp_path, EARLY, run)
        killed += sum(child.send(signal.SIGKILL) for child in shard_processes(run))
        eventually(lambda: run.process.poll() is not None or len(run.children()) >= 3, "another life")
    assert killed > 4
    run.wait(1)
    assert run.says("was killed by SIGKILL")
    start(*RUN).wait(0)
    await assert_proven(tmp_path)


@pytest.mark.parametrize("size", MOMENTS)
async def test_the_parent_killed_leaves_no_orphan_and_the_same_command_goes_on(
    start: Start, tmp_path: Path, size: int
) -> None:
    run = start(*RUN, *paced())
    reach(tmp_path, size, run)
    children = run.children()
    assert len(children) >= 2
    run.send(signal.SIGKILL)
    run.wait(-signal.SIGKILL)
    eventually(lambda: not any(child.alive for child in children), "the end of its children", ORPHANS_GONE_S)
    again = start(*RUN, "--processes", "1")
    again.wait(0)
    assert again.says("exists: resuming it")
    await assert_proven(tmp_path)


@pytest.mark.parametrize(
    ("number", "code", "twice"),
    [
        (signal.SIGTERM, 143, False),
        (signal.SIGINT, 130, True),
        slow(signal.SIGINT, 130, False),
        slow(signal.SIGTERM, 143, True),
    ],
)
async def test_signals_end_a_run_of_several_processes(
    start: Start, tmp_path: Path, number: int, code: int, twice: bool
) -> None:
    run = start(*RUN, *paced())
    reach(tmp_path, MIDDLE, run)
    children = run.children()
    assert len(children) >= 2
    run.send(number)
    if twice:
        while run.process.poll() is None:
            run.send(number)
    out = run.wait(code, DRAINED_S)
    assert twice or "stopped before its end" in out
    eventually(lambda: not any(child.alive for child in children), "the end of its children", ORPHANS_GONE_S)
    start(*RUN, "--processes", "1").wait(0)
    await assert_proven(tmp_path)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        slow(signal.SIGINT),
        slow(signal.SIGTERM),
    ],
)
async def test_a_consumer_that_is_ended_is_followed_by_one_that_completes(
    start: Start, tmp_path: Path, number: int
) -> None:
    run = start(*RUN, *paced())
    reach(tmp_path, MIDDLE, run)
    writers = run.children()
    # the log is at no end while the consumer is at work, however long that takes
    run.send(signal.SIGSTOP)
    for writer in writers:
        writer.send(signal.SIGSTOP)
    consumer = start("consume", "--batch-rows", "200")
    database = tmp_path / "socialsim-data" / "socialsim.sqlite"
    eventually(lambda: stored_rows(database) > 500, "some rows in the database")
    consumer.send(number)
    consumer.wait(-number if number == signal.SIGKILL else 128 + number, DRAINED_S)
    assert stored_rows(database) < len(events_of(TOWN)), "the fault came too late"
    for writer in writers:
        writer.send(signal.SIGCONT)
    run.send(signal.SIGCONT)
    run.wait(0)
    await assert_proven(tmp_path)


def stored_rows(database: Path) -> int:
    """Rows stored according to the offset counters, read from outside."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            (rows,) = connection.execute("SELECT COALESCE(SUM(inserted), 0) FROM consumer_offsets").fetchone()
    except sqlite3.OperationalError:  # there is no such table yet
        return 0
    return int(rows)


async def test_a_run_into_kafka_whose_shard_and_then_parent_is_killed_goes_on(
    start: Start, tmp_path: Path, kafka: KafkaCluster, topic_prefix: str, unique_name: str
) -> None:
    log = KafkaLog((kafka.bootstrap,), topic_prefix)
    await make_topics(log, partitions=2)

    async def reach_records(count: int, run: Cli) -> None:
        async with asyncio.timeout(HANG_S):
            while sum(topic.records for topic in await describe_topics(log, TOPICS)) < count:
                assert run.process.poll() is None, f"the run ended before the fault: {run.tail()}"

    run = start(*RUN, *paced(), "--to", log.url)
    await reach_records(300, run)
    assert shard_processes(run)[0].send(signal.SIGKILL)
    await until(lambda: run.says("was killed by SIGKILL"), "the death is noticed")
    await reach_records(2_500, run)
    children = run.children()
    run.send(signal.SIGKILL)
    await asyncio.to_thread(run.wait, -signal.SIGKILL)
    await until(lambda: not any(child.alive for child in children), "the end of its children", ORPHANS_GONE_S)
    again = start(*RUN, "--processes", "1", "--to", log.url)
    await asyncio.to_thread(again.wait, 0)
    assert again.says("exists: resuming it")

    await assert_whole_log(reader_of(log, group=None), TOWN)
    db = WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None)
    migrate(db.url)
    stats = await drain(log, db, replace(SETTINGS, group=unique_name))
    assert stats.identity_conflicts == 0
    print(f"{sum(stats.duplicates.values())} of {stats.records} records are in the log twice")
    assert_all_stored(db, TOWN, manifests=read_manifests(RunDirectory(tmp_path / DEFAULT_ROOT, TOWN.run_id), TOWN))
