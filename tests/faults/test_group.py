"""Consumers of one group on a real broker: they come and go, one sleeps past its session, and the
log may lose records.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from compose.native import KafkaCluster
from socialsim.bootstrap.log import TOPICS
from socialsim.errors import OffsetsLostError
from socialsim.events import PLURALS, WIRE_NAMES, Event, encode
from socialsim.transport.kafka import KafkaLog
from tests.faults.kafka_pipelines import SETTINGS, drain, make_topics, reader_of
from tests.faults.marks import one_flavour
from tests.faults.pipelines import MIDDLE, SMALL, following, until
from tests.support.account import assert_all_stored, events_of
from tests.support.processes import Cli
from tests.support.proxy import MysqlProxy, Statement, Verdict
from tests.warehouse.warehouse_fixtures import WarehouseFixture

pytestmark = one_flavour

PARENTS = ("user", "picture", "video", "friend_request")


@pytest.fixture
async def log(kafka: KafkaCluster, topic_prefix: str) -> KafkaLog:
    """Topics of this test alone on the shared broker."""
    made = KafkaLog((kafka.bootstrap,), topic_prefix)
    await make_topics(made, partitions=4)
    return made


@pytest.fixture
def group_settings(unique_name: str) -> dict[str, Any]:
    return {"group": unique_name, "batch_rows": 50, "poll_records": 50, "flush_after_ms": 20}


async def produce(log: KafkaLog, events: Iterable[Event], partitions: int = 4) -> None:
    """Put events into the log as they are, by whatever partition their user's number gives."""
    async with AIOKafkaProducer(bootstrap_servers=list(log.bootstrap), acks="all", linger_ms=5) as producer:
        sent = [
            await producer.send(
                log.topic(PLURALS[WIRE_NAMES[type(event)]]), encode(event), partition=event.user_id % partitions
            )
            for event in events
        ]
        await asyncio.gather(*sent)


async def test_one_consumer_then_four_then_one(log: KafkaLog, mysql_db: WarehouseFixture, unique_name: str) -> None:
    settings = replace(SETTINGS, group=unique_name, batch_rows=50, poll_records=50, drain=False)
    events = events_of(MIDDLE)
    fifth = len(events) // 5
    everything = 4 * len(TOPICS)
    async with AsyncExitStack() as first:
        consumers = []

        async def join(stack: AsyncExitStack) -> None:
            warehouse = await stack.enter_async_context(mysql_db.opened(lanes=1))
            consumer, _ = await stack.enter_async_context(following(reader_of(log, unique_name), warehouse, settings))
            consumers.append(consumer)

        def shares() -> list[int]:
            return [consumer.stats().assigned for consumer in consumers]

        def stored() -> int:
            (row,) = mysql_db.rows("SELECT SUM(consumed) AS n FROM consumer_offsets")
            return int(row["n"] or 0)

        await join(first)
        await until(lambda: shares() == [everything], "one consumer has every partition")
        await produce(log, events[:fifth])
        async with AsyncExitStack() as others:
            for _ in range(3):
                await join(others)
            await produce(log, events[fifth : 2 * fifth])
            await until(lambda: sum(shares()) == everything and min(shares()) > 0, "four share the partitions")
            await produce(log, events[2 * fifth : 3 * fifth])
            rows = [consumer.stats().rows for consumer in consumers]
            await produce(log, events[3 * fifth : 4 * fifth])
            await until(
                lambda: all(consumer.stats().rows > before for consumer, before in zip(consumers, rows, strict=True)),
                "each of the four stores something",
            )
        await until(lambda: shares()[0] == everything, "one has every partition again")
        await produce(log, events[4 * fifth :])
        await until(lambda: stored() == len(events), "everything is stored")
        assert sum(sum(consumer.stats().duplicates.values()) for consumer in consumers) == 0
    assert_all_stored(mysql_db, MIDDLE)


async def test_a_zombie_finds_its_offsets_moved_and_leaves(  # noqa: PLR0917 - fixtures
    start: Callable[..., Cli],
    log: KafkaLog,
    mysql_db: WarehouseFixture,
    proxied: WarehouseFixture,
    proxy: MysqlProxy,
    group_settings: dict[str, Any],
) -> None:
    await produce(log, events_of(SMALL))
    zombies: list[Cli] = []

    def freeze(statement: Statement) -> Verdict:
        """About to store its second batch, with a copy of it in hand, it falls asleep."""
        if statement == "begin" and statement.number == 2:
            zombies[0].send(signal.SIGSTOP)
        return Verdict.PASS

    def consumer(db: WarehouseFixture, *, follow: bool) -> Cli:
        options = {
            "bootstrap": log.address,
            "prefix": log.topic_prefix,
            "url": db.url,
            "session_timeout_s": 6.0,
            "lanes": 1,
            "settings": {**group_settings, "drain": not follow},
        }
        program = (sys.executable, "-m", "tests.support.consumer_main", json.dumps(options))
        secret = {"SOCIALSIM_MYSQL_PASSWORD": db.password, "PYTHONPATH": ":".join(sys.path)}
        return start(program=program, **secret)

    proxy.rule = freeze
    zombies.append(consumer(proxied, follow=True))
    await until(zombies[0].is_frozen, "the first consumer is frozen in a transaction")
    (row,) = mysql_db.rows("SELECT SUM(consumed) AS n FROM consumer_offsets")
    assert 0 < int(row["n"]) < len(events_of(SMALL))

    survivor = await drain(log, mysql_db, replace(SETTINGS, group=group_settings["group"], batch_rows=50))
    assert survivor.rows == len(events_of(SMALL)) - int(row["n"])
    assert_all_stored(mysql_db, SMALL)

    zombies[0].send(signal.SIGCONT)
    await until(lambda: zombies[0].says("another consumer owns one of"), "the zombie's move hits no row")
    zombies[0].send(signal.SIGTERM)
    await asyncio.to_thread(zombies[0].wait, 0)
    assert json.loads(zombies[0].out.read_text())["inserted"] == int(row["n"]), "it stored something in its second life"
    assert_all_stored(mysql_db, SMALL)


async def test_likes_that_come_long_before_their_pictures_are_no_orphans_in_the_end(
    log: KafkaLog, mysql_db: WarehouseFixture, unique_name: str
) -> None:
    settings = replace(SETTINGS, group=unique_name)
    children = [event for event in events_of(SMALL) if WIRE_NAMES[type(event)] not in PARENTS]
    await produce(log, children)
    await drain(log, mysql_db, settings)
    orphans = (
        "SELECT COUNT(*) AS n FROM picture_likes l LEFT JOIN pictures p USING (run_key, picture_id) WHERE p.seq IS NULL"
    )
    (row,) = mysql_db.rows(orphans)
    assert row["n"] > 30, "the likes are stored, and no picture is there yet"
    await produce(log, [event for event in events_of(SMALL) if WIRE_NAMES[type(event)] in PARENTS])
    await drain(log, mysql_db, settings)
    (row,) = mysql_db.rows(orphans)
    assert row["n"] == 0
    assert_all_stored(mysql_db, SMALL)


async def test_records_lost_to_retention_are_a_hard_stop(
    log: KafkaLog, mysql_db: WarehouseFixture, unique_name: str
) -> None:
    settings = replace(SETTINGS, group=unique_name)
    half = len(events_of(SMALL)) // 2
    await produce(log, events_of(SMALL)[:half])
    await drain(log, mysql_db, settings)
    before = mysql_db.rows("SELECT * FROM consumer_offsets ORDER BY topic, partition_id")
    await produce(log, events_of(SMALL)[half:])
    lost = await _forget(log)
    with pytest.raises(OffsetsLostError, match=rf"{lost.topic}.*retention|{lost.topic}.*missing"):
        await drain(log, mysql_db, settings)
    after = mysql_db.rows("SELECT * FROM consumer_offsets ORDER BY topic, partition_id")
    stuck = [(row["topic"], row["partition_id"]) for row in before if row in after]
    assert tuple(lost) in stuck, "the lost partition's offset did not move"


async def _forget(log: KafkaLog) -> TopicPartition:
    """Have the broker forget everything in a partition, as retention does with old records."""
    partition = TopicPartition(log.topic("pictures"), 1)
    client = AIOKafkaAdminClient(bootstrap_servers=list(log.bootstrap))
    await client.start()
    try:
        await client.delete_records({partition: RecordsToDelete(before_offset=-1)})
    finally:
        await client.close()
    return partition
