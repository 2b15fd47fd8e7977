"""A broker that is away when somebody wants to leave, or for longer than the watchdog waits: told
once, in one line.
"""

import asyncio
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from compose.native import KafkaCluster
from compose.native.ports import free_port
from socialsim import Scenario
from socialsim.bootstrap.log import TOPICS
from socialsim.errors import ServiceUnavailableError
from socialsim.transport.base import TopicPartition
from socialsim.transport.kafka import KafkaLog, KafkaReader, describe_topics
from socialsim.warehouse.schema.migrate import migrate
from tests.faults.kafka_pipelines import SETTINGS, TYPES, make_topics, reader_of
from tests.faults.marks import slow
from tests.faults.pipelines import SMALL, following, until
from tests.faults.test_group import produce
from tests.support.account import assert_all_stored, assert_whole_log, events_of
from tests.support.patience import HANG_S, pace
from tests.support.processes import Cli
from tests.warehouse.warehouse_fixtures import WarehouseFixture

TOWN: Final = Scenario(users=300, days=3, seed=8, shards=8)
RUN: Final = (
    "run",
    "--users",
    "300",
    "--days",
    "3",
    "--seed",
    "8",
    "--shards",
    "8",
)
LEFT_S: Final = 10.0
ORPHANS_GONE_S: Final = 5.0

Start = Callable[..., Cli]
Clusters = Callable[..., KafkaCluster]


def metric(port: int, name: str) -> float:
    """A metric's value as a run tells it; 0 while it tells none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=HANG_S) as answer:
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, ConnectionError):
        return 0.0
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


def assert_quiet(cli: Cli, lines_max: int) -> None:
    """What a person reads of the outage is short, and no driver's."""
    lines = cli.err.read_text().splitlines()
    told = [line for line in lines if "events/s" not in line and "rows/s" not in line and "assigned" not in line]
    assert len(told) <= lines_max, told
    assert not any("Unable connect" in line or "Traceback" in line or "NodeNotReady" in line for line in lines), lines


@pytest.mark.parametrize(("processes", "how"), [("2", "freeze"), slow("1", "kill")])
async def test_a_run_that_is_told_to_stop_while_its_broker_is_away_leaves_in_time_and_is_gone_on_with(
    kafka_cluster_factory: Clusters, start: Start, processes: str, how: str
) -> None:
    cluster = await asyncio.to_thread(kafka_cluster_factory)
    broker, log, port = cluster.brokers[0], KafkaLog((cluster.bootstrap,)), free_port()
    await make_topics(log)
    half_a_minute = ("--speed", pace(10_000))
    options = (*half_a_minute, "--processes", processes, "--drain-timeout-s", "2", "--metrics-port", str(port))
    run = start(*RUN, "--to", log.url, *options)
    async with asyncio.timeout(HANG_S):
        while sum(topic.records for topic in await describe_topics(log, TOPICS)) < 300:
            assert run.process.poll() is None, run.tail()
    await asyncio.to_thread(broker.freeze if how == "freeze" else broker.kill)
    await until(lambda: metric(port, "socialsim_backlog_bytes") > 10_000, "events wait for the broker")
    children = run.children()
    run.send(signal.SIGTERM)
    await asyncio.to_thread(run.wait, 3, LEFT_S)
    await until(lambda: not any(child.alive for child in children), "the end of its children", ORPHANS_GONE_S)
    assert run.says(" events of run ")
    assert run.says(f"are not written; they are not lost, to write them run: socialsim run --resume {TOWN.run_id}")
    assert_quiet(run, 4)

    await asyncio.to_thread(broker.thaw if how == "freeze" else broker.start)
    again = start("run", "--resume", TOWN.run_id, "--to", log.url)
    await asyncio.to_thread(again.wait, 0)
    await assert_whole_log(reader_of(log, group=None), TOWN)


class Expectant(KafkaReader):
    """Told of one record more than there is while ``expecting``: there is lag when the broker goes,
    and it stays.

    Counts the probes that failed. ``patient``: to them the broker is away, so that the watchdog,
    which is far more impatient here than by default, gives the driver the time that it needs to
    find a broker that has just come back.
    """

    expecting = True
    patient = False
    failed_probes = 0

    async def end_offsets(self) -> dict[TopicPartition, int]:
        ends = await super().end_offsets()
        return {partition: end + (self.expecting and partition == min(ends)) for partition, end in ends.items()}

    async def probe(self, timeout_s: float = 15.0) -> None:
        try:
            await super().probe(timeout_s)
        except ServiceUnavailableError:
            self.failed_probes += 1
            raise
        if self.patient:
            raise ServiceUnavailableError("a broker that has just come back", timeout_s, "wait a little longer")


async def test_a_consumer_whose_broker_is_away_says_so_waits_goes_on_and_can_leave(
    kafka_cluster_factory: Clusters, start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = await asyncio.to_thread(kafka_cluster_factory)
    broker, log = cluster.brokers[0], KafkaLog((cluster.bootstrap,))
    await make_topics(log)
    half = len(events_of(SMALL)) // 2
    await produce(log, events_of(SMALL)[:half], partitions=2)
    db = WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None)
    migrate(db.url)
    other = start("consume", "--from", log.url, "--group", "other", "--session-timeout-s", "6")
    await until(
        lambda: other.says(f"assigned {2 * len(TOPICS)} more partitions"), "a consumer follows, in its own process"
    )

    reader = Expectant(log, TYPES, group="faults", session_timeout_s=6)
    settings = replace(SETTINGS, drain=False, stuck_after_s=2)
    async with db.opened() as warehouse, following(reader, warehouse, settings) as (consumer, consuming):
        await until(lambda: consumer.stats().rows == half and consumer.stats().lag == 1, "half is stored")
        await asyncio.to_thread(broker.kill)
        await until(lambda: reader.failed_probes >= 2, "the watchdog's patience has ended twice")
        await until(lambda: other.says("the log does not answer, waiting for it"), "the other says so too")
        other.send(signal.SIGTERM)
        await asyncio.to_thread(other.wait, 143, LEFT_S)
        assert not consuming.done()
        reader.expecting, reader.patient = False, True
        await asyncio.to_thread(broker.start)
        await produce(log, events_of(SMALL)[half:], partitions=2)
        # the log may hold some of it twice: the producer has tried again
        everything = len(events_of(SMALL))
        await until(lambda: sum(consumer.stats().inserted.values()) == everything or consuming.done(), "all is stored")
        assert not consuming.done()
    assert_all_stored(db, SMALL)
    assert_quiet(other, 2)
    said = [record.getMessage() for record in caplog.records if "does not answer" in record.getMessage()]
    assert len(said) == 1, said
