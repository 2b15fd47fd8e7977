"""Brokers that freeze, die, vanish behind a network or lose the lead, under a run and a consumer at
work.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from compose.native import KafkaCluster
from socialsim import Scenario
from socialsim.transport.kafka import KafkaLog
from socialsim.warehouse.schema.migrate import migrate
from tests.faults.kafka_pipelines import SETTINGS, UNACKNOWLEDGED_BYTES_MAX, KafkaRun, make_topics, reader_of
from tests.faults.marks import slow
from tests.faults.pipelines import MIDDLE, following, until
from tests.support.account import assert_all_stored, assert_whole_log, events_of
from tests.support.patience import HANG_S
from tests.support.proxy import Proxy
from tests.warehouse.warehouse_fixtures import WarehouseFixture

#: What a run may hand over before it looks: a portion of events, and one window's.
OVERSHOOT_BYTES = 1_500 * 400


@pytest.fixture
def db(tmp_path: Path) -> WarehouseFixture:
    db = WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None)
    migrate(db.url)
    return db


async def assert_clock_stands(kafka_run: KafkaRun, seconds: float) -> None:
    """While the broker is down, the run waits ``seconds`` within its memory limit."""
    writer = kafka_run.writer
    waits, since_s, at_us = -1, 0.0, 0

    def lasts() -> bool:
        """Answers that were on their way may let it go on once more: what counts is a wait that
        lasts.
        """
        nonlocal waits, since_s, at_us
        if not writer.waiting.is_set() or writer.waits != waits:
            waits, since_s, at_us = writer.waits, time.monotonic(), kafka_run.simulated_us
            return False
        return time.monotonic() - since_s >= seconds

    await until(lasts, f"the run waits for the log for {seconds} s")
    assert kafka_run.simulated_us == at_us
    assert UNACKNOWLEDGED_BYTES_MAX < writer.unacknowledged_bytes <= UNACKNOWLEDGED_BYTES_MAX + OVERSHOOT_BYTES


@pytest.mark.parametrize("seconds", [1.0, slow(60.0)], ids=["a moment", "a minute"])
async def test_a_broker_that_freezes_and_dies_stops_the_clock_and_loses_nothing(
    kafka_cluster_factory: Callable[..., KafkaCluster], db: WarehouseFixture, seconds: float
) -> None:
    with Proxy() as proxy:
        advertised = {"advertised.listeners": f"PLAINTEXT://127.0.0.1:{proxy.port}"}
        cluster = await asyncio.to_thread(kafka_cluster_factory, brokers=1, properties=advertised)
        proxy.target_port = cluster.spec.ports[0]
        broker = cluster.brokers[0]
        log = KafkaLog((f"127.0.0.1:{proxy.port}",))
        await make_topics(log)
        fired: list[str] = []

        def strike(name: str, act: Callable[[], object]) -> Callable[[], None]:
            def fire() -> None:
                act()
                fired.append(name)

            return fire

        def hold() -> None:
            proxy.holding = True

        kafka_run = KafkaRun(
            log,
            MIDDLE,
            {
                500: strike("cut", proxy.cut),
                1_200: strike("frozen", broker.freeze),
                2_400: strike("held", hold),
                3_600: strike("killed", broker.kill),
            },
        )
        async with db.opened() as warehouse:
            settings = replace(SETTINGS, drain=False)
            async with following(reader_of(log), warehouse, settings) as (consumer, consuming):
                running = asyncio.create_task(kafka_run.work())
                await until(lambda: "frozen" in fired, "the broker is frozen")
                await assert_clock_stands(kafka_run, seconds)
                broker.thaw()
                await until(lambda: "held" in fired, "the network is a black hole")
                await assert_clock_stands(kafka_run, 0.5)
                assert proxy.held_bytes > 0
                proxy.holding = False
                await until(lambda: "killed" in fired, "the broker is dead")
                await assert_clock_stands(kafka_run, seconds)
                await asyncio.to_thread(broker.start)
                result = await asyncio.wait_for(running, HANG_S)
                assert sum(result.events.values()) == len(events_of(MIDDLE))
                await until(
                    lambda: sum(consumer.stats().inserted.values()) == len(events_of(MIDDLE)),
                    "all is stored",
                    ended=consuming.done,
                )
                assert not consuming.done()
        assert fired == ["cut", "frozen", "held", "killed"]
        await assert_whole_log(reader_of(log, group=None), MIDDLE)
    assert_all_stored(db, MIDDLE)


@pytest.mark.slow_faults
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_leader_that_is_killed_is_replaced_and_comes_back(
    kafka_cluster_factory: Callable[..., KafkaCluster], db: WarehouseFixture, seed: int
) -> None:
    scenario = Scenario(users=500, days=3, seed=seed, shards=8)
    cluster = await asyncio.to_thread(kafka_cluster_factory, brokers=3)
    log = KafkaLog(tuple(cluster.bootstrap.split(",")))
    await make_topics(log, partitions=3)
    leaders = await leaders_of(log)
    victim = cluster.brokers[max(set(leaders), key=leaders.count) - 1]
    killed: list[float] = []

    def kill() -> None:
        victim.kill()
        killed.append(time.monotonic())

    kafka_run = KafkaRun(log, scenario, {2_000: kill})
    settings = replace(SETTINGS, drain=False)
    async with db.opened() as warehouse, following(reader_of(log), warehouse, settings) as (consumer, task):
        result = await asyncio.wait_for(kafka_run.work(), HANG_S)
        assert killed
        assert victim.node not in await leaders_of(log)
        total = len(events_of(scenario))
        assert sum(result.events.values()) == total
        await until(
            lambda: sum(consumer.stats().inserted.values()) == total, "all is stored, of two brokers", ended=task.done
        )
        await asyncio.to_thread(victim.start)
    await assert_whole_log(reader_of(log, group=None), scenario)
    assert_all_stored(db, scenario)


async def leaders_of(log: KafkaLog) -> list[int]:
    """The leader's number of each partition."""
    client = AIOKafkaAdminClient(bootstrap_servers=list(log.bootstrap))
    await client.start()
    try:
        topics = await client.describe_topics([log.topic("pictures"), log.topic("picture_likes"), log.topic("users")])
    finally:
        await client.close()
    return [partition["leader"] for topic in topics for partition in topic["partitions"]]
