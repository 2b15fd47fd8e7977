"""The contract of event logs, tested on files, on a real broker and on the fake in memory."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from socialsim.errors import InputError, LogReplacedError, OffsetsLostError, ServiceUnavailableError, TerminalError
from socialsim.transport.base import TopicPartition
from tests.transport.logs import (
    SHARDS,
    TYPES,
    FilesUnderTest,
    KafkaUnderTest,
    LogUnderTest,
    MemoryUnderTest,
    Reading,
    make_records,
)


@pytest.fixture(params=["files", "memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def log(request: pytest.FixtureRequest, tmp_path: Path, topic_prefix: str) -> Iterator[LogUnderTest]:
    made: LogUnderTest
    if request.param == "files":
        made = FilesUnderTest(tmp_path / "events")
    elif request.param == "memory":
        made = MemoryUnderTest()
    else:
        made = KafkaUnderTest(request.getfixturevalue("kafka").bootstrap, topic_prefix)
    yield made
    made.close()


def write(log: LogUnderTest, count: int = 200, *, first_seq: int = 0) -> list[bytes]:
    """Write ``count`` records of each shard, durably. Returns their values."""
    writer = log.writer()
    records = {shard: make_records(shard, first_seq, count) for shard in range(SHARDS)}
    try:
        for start in range(0, count, 17):
            for shard, all_ in records.items():
                writer.append(shard, all_[start : start + 17])
            writer.throttle()
        writer.drain(60)
        assert [writer.acknowledged_seq(shard) for shard in range(SHARDS)] == [first_seq + count - 1] * SHARDS
    finally:
        writer.close()
    return [record.value for all_ in records.values() for record in all_]


async def test_records_are_read_once_in_order_with_their_type(log: LogUnderTest) -> None:
    written = await asyncio.to_thread(write, log)
    reading = await Reading(log.reader()).start()
    values = await reading.poll_for(len(written), records_max=37)
    assert sorted(values) == sorted(written)
    for fetched in reading.fetched:
        topic = msgspec.json.decode(fetched.values[0])["topic"]
        assert fetched.event_name == TYPES[topic]
        assert fetched.partition.topic.endswith(topic)
    for in_partition in reading.by_partition().values():
        by_shard: dict[int, list[int]] = defaultdict(list)
        for value in in_partition:
            event = msgspec.json.decode(value)
            by_shard[event["shard"]].append(event["seq"])
        assert all(seqs == sorted(seqs) for seqs in by_shard.values())
    assert await reading.poll() == []
    await reading.reader.close()


async def test_end_offsets_equal_the_positions_after_all_records_are_read(log: LogUnderTest) -> None:
    written = await asyncio.to_thread(write, log)
    reading = await Reading(log.reader()).start()
    await reading.poll_for(len(written))
    ends = await reading.reader.end_offsets()
    assert ends.keys() == reading.reader.assignment()
    assert {partition: end for partition, end in ends.items() if end} == reading.next_offsets
    assert sum(ends.values()) == len(written)
    await reading.reader.close()


async def test_end_offsets_include_partitions_of_other_readers(log: LogUnderTest) -> None:
    written = await asyncio.to_thread(write, log)
    one, two = Reading(log.reader()), Reading(log.reader())
    await one.start()
    await one.poll_for(1)
    await two.start()
    for reading in (one, two):
        assert sum((await reading.reader.end_offsets()).values()) == len(written)
        look = await reading.reader.look_at_group()
        held = [member.partitions for member in look.others if member.partitions is not None]
        assert all(each.isdisjoint(reading.reader.assignment()) for each in held if look.settled)
    await one.reader.close()
    await two.reader.close()


async def test_a_topics_identity_does_not_change(log: LogUnderTest) -> None:
    await asyncio.to_thread(write, log, 5)
    identities = []
    for _ in range(2):
        reading = await Reading(log.reader()).start()
        await reading.poll_for(1)
        topics = sorted({partition.topic for partition in await reading.reader.end_offsets()})
        identities.append([reading.reader.identity(topic) for topic in topics])
        await reading.reader.close()
    assert identities[0] == identities[1]
    assert all(0 < len(each) <= 64 for each in identities[0])


async def test_a_topic_that_is_recreated_while_it_is_read_is_reported(log: LogUnderTest) -> None:
    await asyncio.to_thread(write, log, 20)
    reading = await Reading(log.reader()).start()
    await reading.poll_for(20 * SHARDS)
    topic = min(reading.next_offsets).topic
    before = reading.reader.identity(topic)
    await asyncio.to_thread(log.remake)
    await asyncio.to_thread(write, log, 30)
    with pytest.raises(LogReplacedError):
        await reading.reader.end_offsets()
    await reading.reader.close()
    anew = await Reading(log.reader()).start()
    assert len(await anew.poll_for(30 * SHARDS)) == 30 * SHARDS
    assert anew.reader.identity(topic) != before
    await anew.reader.close()


async def test_nothing_is_acknowledged_before_it_is_written(log: LogUnderTest) -> None:
    writer = await asyncio.to_thread(log.writer)
    assert [writer.acknowledged_seq(shard) for shard in range(SHARDS)] == [-1] * SHARDS
    writer.append(1, make_records(1, 0, 3))
    await asyncio.to_thread(writer.drain, 60)
    assert [writer.acknowledged_seq(shard) for shard in range(SHARDS)] == [-1, 2, -1]
    await asyncio.to_thread(writer.close)


async def test_a_reader_starts_at_the_stored_positions(log: LogUnderTest) -> None:
    written = await asyncio.to_thread(write, log)
    first = await Reading(log.reader()).start()
    await first.poll_for(100, records_max=20)
    await first.reader.commit_hint(first.next_offsets)
    await first.reader.close()
    second = await Reading(log.reader(), first.next_offsets).start()
    await second.poll_for(len(written) - len(first.values))
    assert sorted(first.values + second.values) == sorted(written)
    assert second.reader.log_id == first.reader.log_id
    assert 0 < len(second.reader.log_id) <= 64
    await second.reader.close()


async def test_a_reader_follows_a_log_that_grows(log: LogUnderTest) -> None:
    await asyncio.to_thread(write, log, 10)
    reading = await Reading(log.reader()).start()
    await reading.poll_for(10 * SHARDS)
    writer = await asyncio.to_thread(log.resumed_writer, dict.fromkeys(range(SHARDS), 9))
    for step in range(3):
        for shard in range(SHARDS):
            writer.append(shard, make_records(shard, 10 + step, 1))
        await asyncio.to_thread(writer.flush)
        await reading.poll_for((11 + step) * SHARDS)
    assert len(set(reading.values)) == len(reading.values) == 13 * SHARDS
    await asyncio.to_thread(writer.close)
    await reading.reader.close()


async def test_seek_reads_again(log: LogUnderTest) -> None:
    written = await asyncio.to_thread(write, log, 60)
    reading = await Reading(log.reader()).start()
    await reading.poll_for(len(written), records_max=11)
    partition, values = max(reading.by_partition().items(), key=lambda item: len(item[1]))
    reading.reader.seek(partition, 2)
    reading.next_offsets[partition] = 2
    reading.fetched.clear()
    assert await reading.poll_for(len(values) - 2, records_max=5) == values[2:]
    await reading.reader.close()


async def test_a_paused_reader_returns_nothing_and_resumes_at_its_position(log: LogUnderTest) -> None:
    written = await asyncio.to_thread(write, log, 60)
    reading = await Reading(log.reader()).start()
    await reading.poll_for(20, records_max=10)
    reading.reader.pause()
    for _ in range(3):
        assert await reading.poll(timeout_s=0.05) == []
    reading.reader.resume()
    assert sorted(await reading.poll_for(len(written))) == sorted(written)
    await reading.reader.close()


async def test_a_position_after_the_logs_end_is_refused(log: LogUnderTest) -> None:
    written = await asyncio.to_thread(write, log, 20)
    first = await Reading(log.reader()).start()
    await first.poll_for(len(written))
    await first.reader.close()
    stored = dict(first.next_offsets)
    stored[min(stored)] += 1
    reader = log.reader()
    with pytest.raises(OffsetsLostError):  # noqa: PT012 - at the start or at the first polls, either is early enough
        second = await Reading(reader, stored).start()
        await second.poll_until(lambda: False)
    await reader.close()


async def test_an_exception_of_the_positions_loader_reaches_the_caller(log: LogUnderTest) -> None:
    class PositionsGoneError(Exception): ...

    class Broken(Reading):
        async def load(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
            raise PositionsGoneError

    await asyncio.to_thread(write, log, 5)
    reader = log.reader()
    with pytest.raises(PositionsGoneError):  # noqa: PT012
        reading = await Broken(reader).start()
        await reading.poll_until(lambda: False)
    assert reader.assignment() == frozenset()
    await reader.close()


async def test_a_log_with_nothing_to_read_is_refused(log: LogUnderTest) -> None:
    reader = log.empty_reader()
    for look in (lambda: reader.probe(30), Reading(reader).start):
        with pytest.raises(InputError, match=r"socialsim (run|topics create) --to"):
            await look()
    await reader.close()


async def test_an_existing_log_can_be_probed_at_any_time(log: LogUnderTest) -> None:
    await asyncio.to_thread(write, log, 5)
    reading = Reading(log.reader())
    await reading.reader.probe(30)
    await reading.start()
    await reading.poll_for(5 * SHARDS)
    await reading.reader.probe(30)
    await reading.reader.close()


async def test_an_abandoned_wait_returns_without_the_log(log: LogUnderTest) -> None:
    writer = await asyncio.to_thread(lambda: log.writer(limit_bytes=1))
    writer.append(0, make_records(0, 0, 100))
    writer.throttle(lambda: True)
    with suppress(ServiceUnavailableError):  # unless everything is durable by then
        writer.drain(60, lambda: True)
    await asyncio.to_thread(writer.drain, 60)
    assert writer.acknowledged_seq(0) == 99
    await asyncio.to_thread(writer.close)


async def test_closing_twice_is_harmless(log: LogUnderTest) -> None:
    writer = await asyncio.to_thread(log.writer)
    writer.append(0, make_records(0, 0, 1))
    await asyncio.to_thread(writer.drain, 60)
    for _ in range(2):
        await asyncio.to_thread(writer.close)
    reader = log.reader()
    await Reading(reader).start()
    for _ in range(2):
        await reader.close()


def test_seqs_that_are_not_consecutive_are_refused(log: LogUnderTest) -> None:
    writer = log.writer()
    writer.append(0, make_records(0, 0, 5))
    with pytest.raises(TerminalError, match="shard 0"):
        writer.append(0, make_records(0, 6, 1))
    with pytest.raises(TerminalError, match="shard 0"):
        writer.append(0, [*make_records(0, 5, 1), *make_records(0, 7, 1)])
    writer.close()


async def test_a_resumed_writer_skips_records_that_the_log_has(log: LogUnderTest) -> None:
    written = await asyncio.to_thread(write, log, 30)
    writer = await asyncio.to_thread(log.resumed_writer, dict.fromkeys(range(SHARDS), 29))
    assert [writer.acknowledged_seq(shard) for shard in range(SHARDS)] == [29] * SHARDS
    for shard in range(SHARDS):
        writer.append(shard, make_records(shard, 0, 25))
        writer.append(shard, make_records(shard, 25, 15))
        written += [record.value for record in make_records(shard, 30, 10)]
    await asyncio.to_thread(writer.drain, 60)
    await asyncio.to_thread(writer.close)
    reading = await Reading(log.reader()).start()
    assert sorted(await reading.poll_for(len(written))) == sorted(written)
    await reading.reader.close()


def test_throttle_waits_until_the_backlog_is_small(log: LogUnderTest) -> None:
    writer = log.writer(limit_bytes=1)
    for start in range(0, 1000, 100):
        writer.append(0, make_records(0, start, 100))
        writer.throttle()
        assert writer.acknowledged_seq(0) == start + 99
    writer.close()
