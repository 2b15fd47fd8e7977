"""Values in every format: what is written is read, and what cannot be read is named."""

import io
import json
import pickle
from collections.abc import Callable
from uuid import UUID

import fastavro
import msgspec
import pytest
from hypothesis import given, settings

from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event, InvalidRecordError, encode
from socialsim.events.avro import avro_schema, compile_writer
from socialsim.formats import (
    CanonicalReader,
    SchemaIdPlace,
    ValueFormat,
    ValueReader,
    WireFormat,
    dead_letter_bytes,
    find_subjects,
    register_subjects,
    schema_of,
)
from socialsim.formats.reading import split_dead_letter
from socialsim.registry import Limits, SchemaKind, SchemaText, guid_header, id_prefix
from socialsim.testing import MemoryLog, MemoryReader, MemoryRegistry, run_virtual
from socialsim.transport.base import Fetched, TopicPartition
from tests.support.event_strategies import EVENTS

TOPICS = {name: f"t.{name}s" for name in EVENT_TYPES}
NAMED = [(ValueFormat.JSON_REGISTRY, SchemaIdPlace.PREFIX), (ValueFormat.AVRO, SchemaIdPlace.PREFIX)]
BY_GUID = [(value_format, SchemaIdPlace.HEADER) for value_format in ValueFormat]


async def formats_of(value_format: ValueFormat, place: SchemaIdPlace) -> tuple[MemoryRegistry, WireFormat]:
    registry = MemoryRegistry()
    await register_subjects(registry, TOPICS, value_format)
    return registry, await find_subjects(registry, TOPICS, value_format, place, "push")


def record_of(wire: WireFormat, event: Event) -> tuple[bytes, bytes | None]:
    """Value and schema header, as they are in a log."""
    headers = dict(wire.headers(WIRE_NAMES[type(event)]))
    return wire.make_encoder()(event), headers.get("__value_schema_id")


@pytest.mark.slow
@pytest.mark.parametrize(("value_format", "place"), [(ValueFormat.JSON, SchemaIdPlace.PREFIX), *NAMED, *BY_GUID])
def test_what_is_written_is_read(
    one_of_each: dict[str, Event], value_format: ValueFormat, place: SchemaIdPlace
) -> None:
    async def prepare() -> tuple[WireFormat, ValueReader]:
        registry, wire = await formats_of(value_format, place)
        reader = ValueReader(registry)
        await reader.preload(registry, (f"{topic}-value" for topic in TOPICS.values()))
        registry.away = True
        for event in one_of_each.values():
            raw, header = record_of(wire, event)
            await reader.prepare([raw], [header])
        return pickle.loads(pickle.dumps(wire)), reader  # noqa: S301 - as it travels to shard processes

    wire, reader = run_virtual(prepare())
    encoder = wire.make_encoder()
    header_of = {name: dict(wire.headers(name)).get("__value_schema_id") for name in EVENT_TYPES}

    @settings(max_examples=1_000, deadline=None)
    @given(EVENTS)
    def check(event: Event) -> None:
        name = WIRE_NAMES[type(event)]
        raw, header = encoder(event), header_of[name]
        assert reader.decode(raw, name, header) == event
        assert reader.decode(raw, None, header) == event
        assert reader.canonical(raw, name, header) == encode(event)
        again, split = split_dead_letter(dead_letter_bytes(raw, header))
        assert reader.decode(again, name, split) == event

    check()


@pytest.mark.parametrize(("value_format", "place"), [(ValueFormat.JSON, SchemaIdPlace.HEADER), BY_GUID[1]])
def test_json_with_a_header_is_the_same_bytes_as_plain_json(
    one_of_each: dict[str, Event], value_format: ValueFormat, place: SchemaIdPlace
) -> None:
    _, wire = run_virtual(formats_of(value_format, place))
    for event in one_of_each.values():
        raw, header = record_of(wire, event)
        assert raw == encode(event)
        assert header is not None
        assert ValueReader().decode(raw, None, header) == event  # also without a registry


def test_content_types() -> None:
    async def main() -> None:
        for value_format, expected in zip(
            ValueFormat, (b"application/json", b"application/json", b"avro/binary"), strict=True
        ):
            _, wire = await formats_of(value_format, SchemaIdPlace.PREFIX)
            assert dict(wire.headers("user")) == {"content-type": expected}
        assert WireFormat().headers("user") == ()

    run_virtual(main())


def error_of(decode: Callable[[], Event]) -> tuple[str, str]:
    with pytest.raises(InvalidRecordError) as caught:
        decode()
    return caught.value.error_class, caught.value.reason


def test_what_cannot_be_read_is_named(one_of_each: dict[str, Event]) -> None:
    async def main() -> None:
        registry, wire = await formats_of(ValueFormat.AVRO, SchemaIdPlace.PREFIX)
        proto = await registry.register("p", SchemaText(SchemaKind.PROTOBUF, "message M {}"))
        graph = await registry.register("g", SchemaText(SchemaKind.OTHER, "{}"))
        other = await registry.register(
            "o", SchemaText(SchemaKind.AVRO, json.dumps({"type": "record", "name": "Cat", "fields": []}))
        )
        reader = ValueReader(registry, Limits(wait_s=0))
        like = wire.make_encoder()(one_of_each["picture_like"])
        cases = {
            id_prefix(999) + b"x": ("unknown_schema", "schema 999 is not known"),
            id_prefix(proto.schema_id) + b"x": ("unreadable_schema", "PROTOBUF; readable are JSON and AVRO"),
            id_prefix(graph.schema_id) + b"x": ("unreadable_schema", "OTHER; readable are JSON and AVRO"),
            id_prefix(other.schema_id) + b"x": ("unreadable_schema", "describes Cat; events are User"),
            b"\0\0": ("bad_schema_id", "names no schema"),
            like[:-1]: ("not_avro", ""),
            like + b"\0": ("not_avro", ""),
            b"": ("not_json", ""),
        }
        await reader.prepare([like, *cases])
        for raw, (error_class, reason) in cases.items():
            found = error_of(lambda raw=raw: reader.decode(raw, None))  # type: ignore[misc]
            assert found[0] == error_class, raw
            assert reason in found[1], raw
            assert reader.canonical(raw, None) == raw
        assert error_of(lambda: reader.decode(like, "user")) == (
            "wrong_type",
            "the value is a picture_like, its topic holds values of user",
        )
        assert error_of(lambda: ValueReader().decode(like, None))[0] == "needs_registry"
        header = guid_header(UUID(int=7))[1]
        assert error_of(lambda: ValueReader().decode(like[5:], None, header))[0] == "needs_registry"
        await reader.prepare([like[5:]], [header])
        assert error_of(lambda: reader.decode(like[5:], None, header))[0] == "unknown_schema"

    run_virtual(main())


def test_a_schema_that_is_registered_later_is_found() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        reader = ValueReader(registry, Limits(wait_s=0, unknown_s=60))
        raw = id_prefix(1) + b"{}"
        await reader.prepare([raw])
        assert error_of(lambda: reader.decode(raw, "user"))[0] == "unknown_schema"
        await registry.register("s", schema_of("user", ValueFormat.JSON_REGISTRY))
        fresh = ValueReader(registry, Limits(wait_s=0))
        await fresh.prepare([raw])
        assert error_of(lambda: fresh.decode(raw, "user"))[0] == "invalid_member"

    run_virtual(main())


def test_an_optional_addition_is_skipped(one_of_each: dict[str, Event]) -> None:
    event = one_of_each["session"]

    async def main() -> None:
        registry = MemoryRegistry()
        schema = avro_schema(type(event))
        schema["fields"].append({"name": "mood", "type": ["null", "string"], "default": None})
        registered = await registry.register("s", SchemaText(SchemaKind.AVRO, json.dumps(schema)))
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), msgspec.structs.asdict(event) | {"mood": "good"})
        reader = ValueReader(registry)
        raw = id_prefix(registered.schema_id) + out.getvalue()
        await reader.prepare([raw])
        assert reader.decode(raw, "session") == event

    run_virtual(main())


class OneFetch(MemoryReader):
    """Returns one part."""

    def __init__(self, part: Fetched) -> None:
        super().__init__(MemoryLog(["t.sessions"]), "g")
        self._part = part

    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        return [self._part]


def test_a_canonical_reader_turns_all_formats_into_json(one_of_each: dict[str, Event]) -> None:
    async def main() -> None:
        registry, avro = await formats_of(ValueFormat.AVRO, SchemaIdPlace.PREFIX)
        event = one_of_each["session"]
        header = guid_header(UUID(int=3))[1]
        other = id_prefix(77) + b"x"
        values = [encode(event), avro.make_encoder()(event), other, encode(event)]
        part = Fetched(TopicPartition("t.sessions", 0), 5, values, "session", schema_headers=[None, None, None, header])
        reader = CanonicalReader(OneFetch(part), ValueReader(registry, Limits(wait_s=0)))
        (plain,) = await reader.poll(10, 0)
        assert plain.values == [encode(event), encode(event), other, encode(event)]
        assert (plain.first_offset, plain.schema_headers) == (5, None)
        assert part.part(1, 3).values == values[1:3]
        assert part.part(3, 4).schema_headers == [header]
        assert part.part(3, 4).first_offset == 8

    run_virtual(main())


def test_writers_of_every_event_type_put_the_id_first(one_of_each: dict[str, Event]) -> None:
    async def main() -> None:
        for value_format in (ValueFormat.JSON_REGISTRY, ValueFormat.AVRO):
            _, wire = await formats_of(value_format, SchemaIdPlace.PREFIX)
            encoder = wire.make_encoder()
            for name, event in one_of_each.items():
                schema_id = wire.schemas[name]
                assert isinstance(schema_id, int)
                body = (
                    encode(event) if value_format is ValueFormat.JSON_REGISTRY else compile_writer(type(event))(event)
                )
                assert encoder(event) == id_prefix(schema_id) + body

    run_virtual(main())
