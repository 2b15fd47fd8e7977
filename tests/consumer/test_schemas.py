"""Records that name their schemas, from the log into the warehouse; on virtual time, in memory."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

from socialsim.consumer import Consumer, ConsumerSettings, ConsumerStats
from socialsim.consumer.assembly import Position, decode_chunk
from socialsim.events import EVENT_TYPES
from socialsim.events.avro import compile_writer
from socialsim.formats import ValueFormat, ValueReader, register_subjects
from socialsim.registry import VALUE_SCHEMA_HEADER, Limits, guid_header, id_prefix
from socialsim.testing import MemoryLog, MemoryRegistry, MemoryWarehouse, run_virtual
from socialsim.transport.base import Fetched, TopicPartition
from socialsim.transport.kafka.origins import read_schema_headers
from socialsim.warehouse.base import OffsetKey
from tests.consumer.events import picture, raw

PARTITION = TopicPartition("pictures", 0)
WRITE = compile_writer(EVENT_TYPES["picture"])


async def registered() -> tuple[MemoryRegistry, bytes, bytes]:
    """A registry that holds the Avro schema of pictures; its prefix, and the header's content."""
    registry = MemoryRegistry()
    (subject,) = await register_subjects(registry, {"picture": "pictures"}, ValueFormat.AVRO)
    assert subject.registered.guid is not None
    return registry, id_prefix(subject.registered.schema_id), guid_header(subject.registered.guid)[1]


async def consume(
    values: Sequence[bytes], reader: ValueReader, warehouse: MemoryWarehouse, *, stop_after_s: float | None = None
) -> ConsumerStats:
    log = MemoryLog(["pictures"], partitions=1)
    log.append(PARTITION, *values)
    source = log.reader()
    consumer = Consumer(source, warehouse, ConsumerSettings(drain=True), decoder=reader)
    if stop_after_s is not None:
        asyncio.get_running_loop().call_later(stop_after_s, consumer.stop)
    try:
        return await consumer.run()
    finally:
        await source.close()
        await reader.close()


def test_formats_in_one_topic_are_stored_and_an_unknown_schema_waits_then_is_a_dead_letter() -> None:
    warehouse = MemoryWarehouse()

    async def main() -> tuple[ConsumerStats, float]:
        registry, prefix, _ = await registered()
        unknown = id_prefix(99) + b"x"
        values = [*raw(picture(0, 0)), prefix + WRITE(picture(0, 1)), unknown, prefix + WRITE(picture(0, 2))]
        stats = await consume(values, ValueReader(registry, Limits(wait_s=10)), warehouse)
        return stats, asyncio.get_running_loop().time()

    stats, took_s = run_virtual(main())
    assert (stats.inserted, stats.dead_letters, stats.lag) == ({"picture": 3}, 1, 0)
    assert 9 <= took_s < 60
    stored = warehouse.rows["picture"].values()
    assert sorted(stored, key=lambda event: event.seq) == [picture(0, seq) for seq in range(3)]
    (letter,) = warehouse.dead_letters.values()
    assert (letter.offset, letter.error_class, letter.raw) == (2, "unknown_schema", id_prefix(99) + b"x")


def test_a_stop_request_ends_the_wait_for_a_schema_and_no_offset_moves() -> None:
    warehouse = MemoryWarehouse()

    async def main() -> tuple[ConsumerStats, float]:
        registry, _, _ = await registered()
        stats = await consume(
            [id_prefix(99) + b"x"], ValueReader(registry, Limits(wait_s=600)), warehouse, stop_after_s=3
        )
        return stats, asyncio.get_running_loop().time()

    stats, took_s = run_virtual(main())
    assert (stats.dead_letters, stats.lag) == (0, 1)
    assert took_s < 60


def test_each_record_is_read_by_its_own_header() -> None:
    async def main() -> None:
        registry, prefix, header = await registered()
        reader = ValueReader(registry)
        avro = [WRITE(picture(0, seq)) for seq in range(3)]
        values = [*raw(picture(0, 9)), avro[0], b"?", prefix + avro[1], avro[2]]
        headers = [None, header, header, None, header]
        await reader.prepare(values, headers)
        position = Position(PARTITION, OffsetKey("log", "g", "pictures", 0, ""), 0, 0)
        chunk = decode_chunk(position, Fetched(PARTITION, 40, values, "picture", schema_headers=headers), reader)
        assert chunk.in_order == [picture(0, seq) for seq in (9, 0, 1, 2)]
        (letter,) = chunk.dead_letters
        assert (letter.offset, letter.error_class, letter.raw) == (42, "not_avro", header + b"?")

    run_virtual(main())


def test_the_header_of_each_record_is_kept() -> None:
    plain = [("run_id", b"r1"), ("type", b"picture")]
    named = [*plain, (VALUE_SCHEMA_HEADER, b"\1" * 17)]
    other = [*plain, (VALUE_SCHEMA_HEADER, b"\2")]
    records = [SimpleNamespace(headers=each) for each in (plain, named, named, plain, other)]
    assert read_schema_headers(records) == [None, b"\1" * 17, b"\1" * 17, None, b"\2"]
    assert read_schema_headers(records[:1]) is None
