"""Features of the log in Kafka only: topics, partitions, groups, and outages of the broker."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from compose.native import KafkaCluster
from compose.native.ports import free_port
from socialsim.errors import InputError, OffsetsLostError, ServiceUnavailableError
from socialsim.transport.kafka import (
    KafkaLog,
    KafkaReader,
    KafkaWriter,
    ProducerOptions,
    SettingOverrides,
    admin,
    alter_topics,
    create_topics,
    describe_topics,
    inspect_topics,
    parse_overrides,
)
from socialsim.transport.kafka.partitioner import user_hash
from tests.transport.logs import DEADLINE_S, INFO, SHARDS, TOPICS, TYPES, Reading, make_records

PARTITIONS = 4


@pytest.fixture
async def cluster(kafka: KafkaCluster, topic_prefix: str) -> KafkaLog:
    log = KafkaLog((kafka.bootstrap,), topic_prefix)
    await create_topics(log, TOPICS, partitions=PARTITIONS)
    return log


def write(cluster: KafkaLog, count: int, **options: Any) -> KafkaWriter:
    """Write ``count`` records of each shard. Returns the closed writer."""
    writer = KafkaWriter(cluster, INFO, range(SHARDS), **options)
    for start in range(0, count, 50):
        for shard in range(SHARDS):
            writer.append(shard, make_records(shard, start, min(50, count - start)))
        writer.throttle()
    writer.drain(60)
    writer.close()
    return writer


async def read_records(cluster: KafkaLog, count: int) -> list[Any]:
    """The records as another client sees them."""
    consumer = AIOKafkaConsumer(
        *map(cluster.topic, TOPICS), bootstrap_servers=list(cluster.bootstrap), auto_offset_reset="earliest"
    )
    await consumer.start()
    records: list[Any] = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            while len(records) < count:
                for part in (await consumer.getmany(timeout_ms=200)).values():
                    records += part
    finally:
        await consumer.stop()
    return records


async def test_records_carry_key_partition_time_and_headers_for_other_clients(cluster: KafkaLog) -> None:
    await asyncio.to_thread(write, cluster, 30)
    written = {record.value: record for shard in range(SHARDS) for record in make_records(shard, 0, 30)}
    records = await read_records(cluster, len(written))
    assert len(records) == len(written)
    for record in records:
        ours = written[record.value]
        assert record.key == str(ours.user_id).encode()
        assert record.topic == cluster.topic(ours.topic)
        assert record.partition == user_hash(ours.user_id) % PARTITIONS
        assert (record.timestamp, record.timestamp_type) == (ours.time_us // 1000, 0)
        headers = {"type": TYPES[ours.topic].encode(), "version": b"1", "run_id": INFO.run_id.encode()}
        assert dict(record.headers) == headers


async def test_topics_are_created_once_and_described(cluster: KafkaLog) -> None:
    assert await create_topics(cluster, TOPICS, partitions=PARTITIONS) == ([], [])
    with pytest.raises(InputError, match=f"{cluster.topic('users')}.*{PARTITIONS} partitions"):
        await create_topics(cluster, TOPICS, partitions=PARTITIONS + 1)
    with pytest.raises(InputError, match="replication is 2"):
        await create_topics(cluster, ["more"], partitions=1, replication=2)
    await asyncio.to_thread(write, cluster, 30)
    described = await describe_topics(cluster, [*TOPICS, "absent"])
    assert [(each.topic, each.partitions, each.replication) for each in described] == [
        (cluster.topic(topic), PARTITIONS, 1) for topic in TOPICS
    ]
    assert sum(each.records for each in described) == 30 * SHARDS


async def test_a_writer_says_which_topics_are_missing(kafka: KafkaCluster, topic_prefix: str) -> None:
    log = KafkaLog((kafka.bootstrap,), topic_prefix)
    await create_topics(log, TOPICS[:1], partitions=1)
    with pytest.raises(InputError, match=r"pictures.*socialsim topics create --to kafka://"):
        await asyncio.to_thread(KafkaWriter, log, INFO, range(SHARDS))


async def test_an_absent_broker_is_named() -> None:
    log = KafkaLog((f"127.0.0.1:{free_port()}",))
    reader = KafkaReader(log, TYPES, group="g", connect_timeout_s=0.3)
    makers: list[Callable[[], Any]] = [
        lambda: asyncio.to_thread(KafkaWriter, log, INFO, [0], connect_timeout_s=0.3),
        lambda: Reading(reader).start(),
        lambda: describe_topics(log, TOPICS, timeout_s=0.3),
    ]
    for make in makers:
        with pytest.raises(ServiceUnavailableError, match=log.address) as caught:
            await make()
        assert "make up" in caught.value.remedy
    await reader.close()


async def test_a_session_that_the_broker_does_not_allow_is_refused(cluster: KafkaLog) -> None:
    reader = KafkaReader(cluster, TYPES, group=cluster.topic_prefix, session_timeout_s=1)
    reading = await Reading(reader).start()
    with pytest.raises(InputError, match="--session-timeout-s"):
        await reading.poll_until(lambda: False)
    await reader.close()


async def test_a_group_shares_the_partitions_and_hands_them_over(cluster: KafkaLog) -> None:
    await asyncio.to_thread(write, cluster, 60)
    one = await Reading(KafkaReader(cluster, TYPES, group=cluster.topic_prefix)).start()
    everything = len(TOPICS) * PARTITIONS
    await one.poll_until(lambda: len(one.reader.assignment()) == everything, records_max=5)
    two = await Reading(KafkaReader(cluster, TYPES, group=cluster.topic_prefix), one.next_offsets).start()

    def is_shared() -> bool:
        # The records that a reader has returned are those that it would have stored.
        one.stored = two.stored = one.next_offsets
        sizes = len(one.reader.assignment()), len(two.reader.assignment())
        return sum(sizes) == everything and all(sizes)

    async with asyncio.timeout(DEADLINE_S):
        while not is_shared():
            await asyncio.gather(one.reader.poll(1, 0.05), two.reader.poll(1, 0.05))
    assert one.reader.assignment().isdisjoint(two.reader.assignment())
    assert len(one.revoked) == everything
    await two.reader.close()
    await one.poll_until(lambda: len(one.reader.assignment()) == everything)
    await one.reader.close()


async def test_records_lost_to_retention_are_a_hard_stop(cluster: KafkaLog) -> None:
    await asyncio.to_thread(write, cluster, 60)
    client = AIOKafkaAdminClient(bootstrap_servers=list(cluster.bootstrap))
    await client.start()
    lost = {TopicPartition(cluster.topic("users"), number): RecordsToDelete(before_offset=-1) for number in range(4)}
    await client.delete_records(lost)
    await client.close()
    reader = KafkaReader(cluster, TYPES, group=None)
    reading = await Reading(reader).start()
    with pytest.raises(OffsetsLostError, match=r"users.*retention"):
        await reading.poll_until(lambda: False)
    await reader.close()


async def test_the_producer_is_replaced_before_its_sequence_numbers_end(cluster: KafkaLog) -> None:
    options = ProducerOptions(records_per_producer_max=60)
    writer = await asyncio.to_thread(write, cluster, 1000, options=options)
    assert int(repr(writer).split("producers=")[1].rstrip(">")) > 1
    records = await read_records(cluster, 1000 * SHARDS)
    assert len({record.value for record in records}) == len(records) == 1000 * SHARDS


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_a_broker_that_goes_away_and_comes_back_loses_nothing(
    kafka_cluster_factory: Callable[..., KafkaCluster], how: str
) -> None:
    broker = await asyncio.to_thread(kafka_cluster_factory)
    cluster = KafkaLog((broker.bootstrap,))
    await create_topics(cluster, TOPICS, partitions=PARTITIONS)
    options = ProducerOptions(batch_bytes=4096, request_timeout_s=2.0)
    writer = await asyncio.to_thread(
        KafkaWriter, cluster, INFO, range(SHARDS), options=options, unacknowledged_bytes_max=20_000
    )
    count = 3000
    written = threading.Event()

    def simulate() -> None:
        for start in range(0, count, 50):
            for shard in range(SHARDS):
                writer.append(shard, make_records(shard, start, 50))
            writer.throttle()
            if start == 1000:
                written.set()
        writer.drain(120)

    simulating = asyncio.create_task(asyncio.to_thread(simulate))
    await asyncio.to_thread(written.wait, DEADLINE_S)
    node = broker.brokers[0]
    before = writer.acknowledged_seq(0)
    if how == "kill":
        await asyncio.to_thread(node.kill)
    else:
        await asyncio.to_thread(node.freeze)
    # The simulation waits: backpressure bounds the unacknowledged records.
    async with asyncio.timeout(DEADLINE_S):
        stood_still = 0
        while stood_still < 10:
            now = writer.acknowledged_seq(0)
            stood_still = stood_still + 1 if now == before else 0
            before = now
            await asyncio.sleep(0.05)
    assert not simulating.done()
    await asyncio.to_thread(node.restart if how == "kill" else node.thaw)
    await simulating
    assert [writer.acknowledged_seq(shard) for shard in range(SHARDS)] == [count - 1] * SHARDS
    await asyncio.to_thread(writer.close)

    wanted = {record.value for shard in range(SHARDS) for record in make_records(shard, 0, count)}
    reading = await Reading(KafkaReader(cluster, TYPES, group=None)).start()
    ends = await reading.reader.end_offsets()
    await reading.poll_for(sum(ends.values()))
    await reading.reader.close()
    assert set(reading.values) == wanted
    # The first copies are in order in each partition.
    order = {record.value: record.seq for shard in range(SHARDS) for record in make_records(shard, 0, count)}
    for values in reading.by_partition().values():
        for shard in range(SHARDS):
            mine = [order[v] for v in dict.fromkeys(values) if b'"shard":%d,' % shard in v]
            assert mine == sorted(mine)
    assert max(Counter(reading.values).values()) < 10


async def test_a_writer_gives_up_at_its_deadline_and_closes_while_the_broker_is_down(
    kafka_cluster_factory: Callable[..., KafkaCluster],
) -> None:
    broker = await asyncio.to_thread(kafka_cluster_factory)
    cluster = KafkaLog((broker.bootstrap,))
    await create_topics(cluster, TOPICS, partitions=1)
    writer = await asyncio.to_thread(
        KafkaWriter,
        cluster,
        INFO,
        range(SHARDS),
        options=ProducerOptions(request_timeout_s=1.0),
        delivery_timeout_s=2.0,
        unacknowledged_bytes_max=1,
    )
    await asyncio.to_thread(broker.kill)
    writer.append(0, make_records(0, 0, 10))
    with pytest.raises(ServiceUnavailableError, match=cluster.address):
        await asyncio.to_thread(writer.throttle)
    with pytest.raises(ServiceUnavailableError):
        writer.append(0, make_records(0, 10, 1))
    assert writer.acknowledged_seq(0) == -1
    await asyncio.to_thread(writer.close)


@pytest.mark.parametrize("override", ["retention.ms=abc", "no.such.setting=1"])
async def test_a_setting_that_the_cluster_refuses_is_named_and_no_topic_is_created(
    kafka: KafkaCluster, topic_prefix: str, override: str
) -> None:
    log = KafkaLog((kafka.bootstrap,), topic_prefix)
    with pytest.raises(InputError, match=rf"{topic_prefix}users.*{override}.*--no-topic-config"):
        await create_topics(log, TOPICS, partitions=1, overrides=parse_overrides([override], only=False))
    assert await describe_topics(log, TOPICS) == []
    made = await create_topics(log, TOPICS, partitions=1, overrides=parse_overrides(["retention.ms="], only=False))
    assert len(made.names) == len(TOPICS)


async def test_topics_without_settings_are_created_with_a_warning_and_refused_later(
    kafka: KafkaCluster, topic_prefix: str
) -> None:
    log = KafkaLog((kafka.bootstrap,), topic_prefix)
    made = await create_topics(log, TOPICS, partitions=1, overrides=SettingOverrides(only=True))
    assert {each.setting for each in made.warnings} >= {"retention.ms", "segment.ms"}
    with pytest.raises(InputError, match=r"retention\.ms is 604800000.*topics alter.*kafka-configs\.sh"):
        await create_topics(log, TOPICS, partitions=1)
    # Explicit settings are set, and settings made by others stay.
    await alter_topics(log, TOPICS, overrides=parse_overrides(["delete.retention.ms=5000"], only=True))
    changed = await alter_topics(log, TOPICS, overrides=parse_overrides(["retention.ms=-1", "segment.ms="], only=False))
    assert {each.setting for each in changed} == {"retention.ms", "message.timestamp.after.max.ms"}
    state = (await inspect_topics(log, TOPICS)).topics["users"]
    assert state.settings is not None
    assert (state.settings["retention.ms"], state.settings["segment.ms"]) == ("-1", "604800000")
    assert state.settings["delete.retention.ms"] == "5000"
    assert await create_topics(log, TOPICS, partitions=1, overrides=parse_overrides(["segment.ms="], only=False))


def test_a_policy_violation_names_the_settings_that_it_concerns() -> None:
    answer = SimpleNamespace(topic_errors=[("s.users", 44, "segment.ms must be under a week, says the policy")])
    with pytest.raises(
        InputError, match=r"s\.users.*policy.*requested were 3 replicas and segment\.ms=7; --replication"
    ):
        admin._check_created(KafkaLog(("h:1",)), answer, 3, {"segment.ms": "7", "retention.ms": "-1"})
    answer = SimpleNamespace(topic_errors=[("s.users", 38, "Replication factor: 1 smaller than 3")])
    with pytest.raises(InputError, match=r"smaller than 3.*--replication"):
        admin._check_created(KafkaLog(("h:1",)), answer, 1, {})
