"""Avro: our bytes are those of an independent implementation, and what is read is checked as JSON
is.
"""

import io
import json
from datetime import date
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialsim.events import (
    EVENT_TYPES,
    RECORD_BYTES_MAX,
    CommentPosted,
    Event,
    InvalidRecordError,
    PictureLiked,
    PicturePosted,
    SessionStarted,
    UserSignedUp,
)
from socialsim.events.avro import (
    UnreadableSchemaError,
    avro_schema,
    avro_schema_text,
    compile_reader,
    compile_writer,
)
from socialsim.events.avro.reader import plain_reader
from socialsim.events.avro.varints import long, varint
from socialsim.events.avro.writer import plain_writer
from socialsim.events.members import DESCRIPTIONS, FieldKind, members
from socialsim.events.types import ID_MAX, TIME_US_MAX
from tests.support.event_strategies import EVENTS, events_of

PARSED = {event_type: fastavro.parse_schema(avro_schema(event_type)) for event_type in EVENT_TYPES.values()}
WRITERS = {event_type: compile_writer(event_type) for event_type in EVENT_TYPES.values()}
READERS = {event_type: compile_reader(event_type) for event_type in EVENT_TYPES.values()}
PLAIN_READERS = {event_type: plain_reader(event_type) for event_type in EVENT_TYPES.values()}

POST = PicturePosted("r1", 3, 5, 1_767_225_600_000_001, 17, "web", 64, 'Grüße, "du" 😍\n', 640, 480)
LIKE = PictureLiked("r1", 70, 200, 1_767_225_600_000_001, 17, "mobile", 70_000)


def values(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def by_fastavro(record: dict[str, Any], schema: Any) -> bytes:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, fastavro.parse_schema(schema), record)
    return written.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("event_type", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_the_bytes_are_fastavros_and_come_back(event_type: type[Event]) -> None:
    @settings(max_examples=1_000)
    @given(events_of(event_type))
    def hold(event: Event) -> None:
        raw = WRITERS[event_type](event)
        written = io.BytesIO()
        fastavro.schemaless_writer(written, PARSED[event_type], values(event))
        assert raw == written.getvalue()
        assert plain_writer(event_type)(event) == raw
        assert READERS[event_type](raw) == event
        assert PLAIN_READERS[event_type](raw) == event

    hold()


@pytest.mark.parametrize("number", [0, 1, 63, 64, 8_191, 8_192, 2**27 - 1, 2**27, 2**41 - 1, 2**41, 2**55, ID_MAX])
def test_numbers_at_the_borders_of_the_tables(number: int) -> None:
    event = msgspec.structs.replace(LIKE, seq=number, time_us=min(number, TIME_US_MAX), picture_id=number)
    raw = WRITERS[PictureLiked](event)
    assert raw == by_fastavro(values(event), avro_schema(PictureLiked))
    assert READERS[PictureLiked](raw) == event


@pytest.mark.parametrize("day", [date.min, date(1969, 12, 31), date(1970, 1, 1), date.max])
def test_dates_before_and_after_the_epoch(day: date) -> None:
    event = UserSignedUp("r", 0, 0, 1, 2, "web", "u", "a@b", "1", "A", "B", day, "DE", "C")
    raw = WRITERS[UserSignedUp](event)
    assert raw == by_fastavro(values(event), avro_schema(UserSignedUp))
    assert READERS[UserSignedUp](raw) == event


def test_many_runs_and_instants_do_not_fill_the_memory() -> None:
    write, read = compile_writer(PictureLiked), compile_reader(PictureLiked)
    for n in range(60_000):
        event = msgspec.structs.replace(LIKE, time_us=LIKE.time_us + n * 2**28, run_id=f"r{n // 2_000}")
        assert read(write(event)) == event


# What the writer refuses


@pytest.mark.parametrize("shape", ["compiled", "plain"])
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("seq", -1),
        ("shard", -1),
        ("shard", 4_096),
        ("user_id", -(2**40)),
        ("picture_id", 2**63),
        ("time_us", -5),
        ("time_us", 2**70),
        ("device", "unknown"),
        ("device", "fridge"),
        ("device", None),
        ("run_id", None),
    ],
)
def test_a_value_that_another_could_be_read_for_is_not_written(shape: str, member: str, value: Any) -> None:
    writer = WRITERS[PictureLiked] if shape == "compiled" else plain_writer(PictureLiked)
    with pytest.raises(ValueError, match=f"^{member} = "):
        writer(msgspec.structs.replace(LIKE, **{member: value}))


# What the reader refuses


def record(event: Event, **changes: Any) -> bytes:
    """What a foreign writer could make of the members."""
    return by_fastavro(values(event) | changes, avro_schema(type(event)))


def spliced(old: bytes, new: bytes) -> bytes:
    raw = WRITERS[PicturePosted](POST)
    assert raw.count(old) == 1
    return raw.replace(old, new)


CAPTION = long(len(POST.caption.encode())) + POST.caption.encode()
BAD: dict[str, tuple[str, str, bytes]] = {
    "negative": ("invalid_member", r"Expected `int` >= 0 - at `\$.picture_id`", record(POST, picture_id=-1)),
    "negative seq": ("invalid_member", r"\$.seq", record(POST, seq=-(2**40))),
    "negative time": ("invalid_member", r"\$.time_us", record(POST, time_us=-1_767_225_600_000_001)),
    "too late": ("invalid_member", r"\$.time_us", record(POST, time_us=TIME_US_MAX + 1)),
    "shard out of range": ("invalid_member", r"\$.shard", record(POST, shard=4_096)),
    "width of nothing": ("invalid_member", r"\$.width_px", record(POST, width_px=0)),
    "too wide": ("invalid_member", r"\$.width_px", record(POST, width_px=65_536)),
    "newer version": ("invalid_member", r"\$.version", record(POST, version=2)),
    "unknown device": ("invalid_member", r"'unknown' - at `\$.device`", record(POST, device="unknown")),
    "run id with a blank": ("invalid_member", r"\$.run_id", record(POST, run_id="a b")),
    "line feed behind the run id": ("invalid_member", r"\$.run_id", record(POST, run_id="r1\n")),
    "empty run id": ("invalid_member", r"\$.run_id", record(POST, run_id="")),
    "text too long": ("invalid_member", r"\$.caption", record(POST, caption="x" * 1_001)),
    "NUL": ("nul_character", "U\\+0000", record(POST, caption="a\0b")),
    "invalid UTF-8": ("not_avro", "UTF-8", spliced(CAPTION, long(2) + b"\xff\xfe")),
    "surrogate in UTF-8": ("not_avro", "UTF-8", spliced(CAPTION, long(3) + b"\xed\xa0\x80")),
    "negative length": ("not_avro", "length of -1", spliced(CAPTION, long(-1))),
    "text beyond the end": ("not_avro", "end within a text", spliced(CAPTION, long(9_000))),
    "text of 2**62 bytes": ("not_avro", "end within a text", spliced(CAPTION, long(2**62))),
    "number of 65 bits": ("not_avro", "64 bits", WRITERS[PicturePosted](POST)[:3] + long(3) + b"\xff" * 9 + b"\x02"),
    "number of eleven bytes": ("not_avro", "64 bits", WRITERS[PicturePosted](POST)[:3] + long(3) + b"\x80" * 11),
    "no such device": ("not_avro", "word 4 of 4", spliced(b"\x22\x06", b"\x22\x08")),
    "trailing": ("not_avro", "1 bytes behind", record(POST) + b"\0"),
    "two in one": ("not_avro", "behind the record's end", record(POST) * 2),
    "empty": ("not_avro", "end within a number", b""),
    "too large": ("too_large", "65536 are allowed", record(POST) + bytes(RECORD_BYTES_MAX)),
    "JSON": ("not_avro", "length of -62|end within", msgspec.json.encode(POST)),
}


@pytest.mark.parametrize("shape", ["compiled", "plain"])
@pytest.mark.parametrize(("error_class", "reason", "raw"), BAD.values(), ids=BAD.keys())
def test_bad_records_are_refused_with_their_class_and_a_reason(
    error_class: str, reason: str, raw: bytes, shape: str
) -> None:
    reader = READERS[PicturePosted] if shape == "compiled" else PLAIN_READERS[PicturePosted]
    with pytest.raises(InvalidRecordError, match=reason) as caught:
        reader(raw)
    assert caught.value.error_class == error_class


@pytest.mark.parametrize("day", [-(10**6), 10**7, 2**31 - 1])
def test_a_day_outside_of_the_calendar_is_refused(day: int) -> None:
    event = UserSignedUp("r", 0, 0, 1, 2, "web", "u", "a@b", "1", "A", "B", date(2000, 1, 1), "DE", "C")
    raw = WRITERS[UserSignedUp](event).replace(long(10_957), long(day))
    with pytest.raises(InvalidRecordError, match="no date"):
        READERS[UserSignedUp](raw)


@pytest.mark.parametrize("event_type", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_a_torn_record_is_refused_wherever_it_is_torn(event_type: type[Event]) -> None:
    @settings(max_examples=30)
    @given(events_of(event_type))
    def hold(event: Event) -> None:
        raw = WRITERS[event_type](event)
        for size in range(0, len(raw), max(1, len(raw) // 60)):
            with pytest.raises(InvalidRecordError):
                READERS[event_type](raw[:size])

    hold()


@given(EVENTS, st.data())
def test_both_readers_agree_about_damaged_records(event: Event, data: st.DataObject) -> None:
    raw = bytearray(WRITERS[type(event)](event))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    assert outcome(READERS[type(event)], bytes(raw)) == outcome(PLAIN_READERS[type(event)], bytes(raw))


@given(st.sampled_from(list(EVENT_TYPES.values())), st.binary(max_size=120))
def test_bytes_from_anywhere_are_an_event_or_refused(event_type: type[Event], raw: bytes) -> None:
    assert outcome(READERS[event_type], raw) == outcome(PLAIN_READERS[event_type], raw)


def outcome(reader: Any, raw: bytes) -> Any:
    try:
        return reader(raw)
    except InvalidRecordError as error:
        return error.args


def test_a_longer_spelling_of_a_number_is_read() -> None:
    raw = spliced(long(POST.picture_id) + CAPTION, b"\x80\x81\x80\x00" + CAPTION)
    assert READERS[PicturePosted](raw) == POST


# Framing


def test_a_prefix_is_written_and_stepped_over() -> None:
    raw = compile_writer(PictureLiked, b"\0\0\0\1\2")(LIKE)
    assert raw == b"\0\0\0\1\2" + WRITERS[PictureLiked](LIKE)
    assert plain_writer(PictureLiked, b"\0\0\0\1\2")(LIKE) == raw
    assert compile_reader(PictureLiked, start=5)(raw) == LIKE
    assert plain_reader(PictureLiked, start=5)(raw) == LIKE


# Evolution


class Newer(PictureLiked, tag=False):
    """A like that says more."""

    mood: str | None = None
    strength: int = 1


Newer.__name__ = "PictureLiked"
NEWER = Newer("r1", 70, 200, 1_767_225_600_000_001, 17, "mobile", 70_000, mood="glad", strength=3)


def test_a_newer_record_is_read_as_the_older_type() -> None:
    raw = compile_writer(Newer)(NEWER)
    schema = avro_schema(Newer)
    assert raw == by_fastavro(values(NEWER), schema)
    assert compile_reader(Newer)(raw) == NEWER
    assert compile_reader(PictureLiked, schema)(raw) == LIKE
    read = fastavro.schemaless_reader(io.BytesIO(raw), fastavro.parse_schema(schema), PARSED[PictureLiked])
    assert isinstance(read, dict)
    assert read["picture_id"] == 70_000


def test_an_older_record_is_read_as_the_newer_type_with_its_defaults() -> None:
    raw = WRITERS[PictureLiked](LIKE)
    assert compile_reader(Newer, avro_schema(PictureLiked))(raw) == msgspec.structs.replace(
        NEWER, mood=None, strength=1
    )


FOREIGN: dict[str, tuple[Any, Any]] = {
    "null": ("null", None),
    "boolean": ("boolean", True),
    "int": ("int", -7),
    "long": ("long", 2**40),
    "float": ("float", 1.5),
    "double": ("double", 1.5),
    "bytes": ("bytes", b"\xff\0"),
    "string": ("string", "x" * 100),
    "fixed": ({"type": "fixed", "name": "Four", "size": 4}, b"abcd"),
    "enum": ({"type": "enum", "name": "Mood", "symbols": ["glad", "sad"]}, "sad"),
    "array": ({"type": "array", "items": "long"}, list(range(300))),
    "map": ({"type": "map", "values": "string"}, {"a": "b", "c": "d"}),
    "union": (["null", "string", "long"], 5),
    "record": ({"type": "record", "name": "Place", "fields": [{"name": "x", "type": "double"}]}, {"x": 2.0}),
    "its own kind again": (["null", {"type": "array", "items": "socialsim.Device"}], ["web", "tablet"]),
    "logical": ({"type": "bytes", "logicalType": "decimal", "precision": 9}, b"\1\2"),
}


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize(("kind", "value"), FOREIGN.values(), ids=FOREIGN.keys())
def test_whatever_only_the_writer_knew_is_skipped(kind: Any, value: Any, at_end: bool) -> None:
    schema = avro_schema(PictureLiked)
    schema["fields"].insert(len(schema["fields"]) if at_end else 6, {"name": "extra", "type": kind})
    if kind == FOREIGN["logical"][0]:
        from decimal import Decimal

        value = Decimal(5)
    raw = by_fastavro(values(LIKE) | {"extra": value}, schema)
    assert compile_reader(PictureLiked, schema)(raw) == LIKE
    for size in range(len(raw)):
        with pytest.raises(InvalidRecordError):
            compile_reader(PictureLiked, schema)(raw[:size])


def changed_field(name: str, kind: Any) -> dict[str, Any]:
    schema = avro_schema(PictureLiked)
    (field,) = [field for field in schema["fields"] if field["name"] == name]
    field["type"] = kind
    return schema


def test_order_numbers_and_unions_may_differ() -> None:
    schema = avro_schema(PictureLiked)
    schema["fields"].reverse()
    raw = by_fastavro(values(LIKE), schema)
    assert compile_reader(PictureLiked, schema)(raw) == LIKE
    schema = changed_field("picture_id", ["null", "long", "string"])
    assert compile_reader(PictureLiked, schema)(by_fastavro(values(LIKE), schema)) == LIKE
    with pytest.raises(InvalidRecordError, match='picture_id: "null" cannot be read as integer'):
        compile_reader(PictureLiked, schema)(by_fastavro(values(LIKE) | {"picture_id": None}, schema))
    schema = changed_field("device", {"type": "enum", "name": "Device", "symbols": ["tv", "tablet", "mobile", "web"]})
    reader = compile_reader(PictureLiked, schema)
    assert reader(by_fastavro(values(LIKE), schema)) == LIKE
    # the enum's default, which is no device
    with pytest.raises(InvalidRecordError, match="'unknown' - at"):
        reader(by_fastavro(values(LIKE) | {"device": "tv"}, schema))


UNREADABLE: dict[str, tuple[str, Any]] = {
    "no record": ("not a record's", "string"),
    "another record": ("of PicturePosted, not of PictureLiked", avro_schema(PicturePosted)),
    "a member is missing": (
        "has no picture_id, which",
        {"type": "record", "name": "PictureLiked", "fields": avro_schema(PictureLiked)["fields"][:6]},
    ),
    "another type": ('picture_id: "string" cannot be read as integer', changed_field("picture_id", "string")),
    "a float": ("cannot be read as integer", changed_field("seq", "double")),
    "only null": ("cannot be read as integer", changed_field("seq", "null")),
    "another unit": (
        "time_us: .*millis.* cannot be read as instant",
        changed_field("time_us", {"type": "long", "logicalType": "timestamp-millis"}),
    ),
    "a text for a word": ("device: .* cannot be read as word", changed_field("device", "string")),
    "unknown type": ("'socialsim.Nothing' is no type|'Nothing' is no type", changed_field("seq", "Nothing")),
    "no type": ("without 'type'", {"type": "record", "name": "PictureLiked", "fields": [{"name": "seq"}]}),
    "no fields": ("without 'fields'", {"type": "record", "name": "PictureLiked"}),
    "fields that are none": ("no object", {"type": "record", "name": "PictureLiked", "fields": [3]}),
    "two of one name": (
        "two fields have one name",
        {"type": "record", "name": "PictureLiked", "fields": [{"name": "seq", "type": "long"}] * 2},
    ),
    "a number for a type": ("is no type", changed_field("seq", 7)),
    "enum without symbols": ("'symbols'", changed_field("device", {"type": "enum", "name": "Device"})),
    "defined twice": ("defined twice", changed_field("seq", avro_schema(PictureLiked)["fields"][5]["type"])),
}


@pytest.mark.parametrize(("reason", "schema"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_schema_that_cannot_be_read_by_is_refused_with_its_reason(reason: str, schema: Any) -> None:
    with pytest.raises(UnreadableSchemaError, match=reason):
        compile_reader(PictureLiked, schema)


def test_a_schema_nested_too_deep_is_refused() -> None:
    kind: Any = "long"
    for _ in range(3_000):
        kind = {"type": "array", "items": kind}
    with pytest.raises(UnreadableSchemaError, match="too deep"):
        compile_reader(PictureLiked, changed_field("seq", kind))


def test_records_that_hold_themselves_and_items_of_nothing_are_bounded() -> None:
    schema = avro_schema(PictureLiked)
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    schema["fields"].append({"name": "extra", "type": node})
    head = WRITERS[PictureLiked](LIKE)
    assert compile_reader(PictureLiked, schema)(head + b"\x02\x02\x00") == LIKE
    with pytest.raises(InvalidRecordError, match="too_deep"):
        compile_reader(PictureLiked, schema)(head + b"\x02" * 20_000 + b"\x00")
    schema["fields"][-1]["type"] = {"type": "array", "items": "null"}
    with pytest.raises(InvalidRecordError, match="an array of"):
        compile_reader(PictureLiked, schema)(head + varint(2 * 2**50) + b"\0")


def test_a_name_of_a_foreign_field_is_no_source() -> None:
    schema = avro_schema(PictureLiked)
    schema["fields"].append({"name": "x); raise SystemExit(1", "type": "string"})
    assert compile_reader(PictureLiked, schema)(WRITERS[PictureLiked](LIKE) + long(1) + b"y") == LIKE


# The schemas


def test_schemas_say_what_members_are() -> None:
    fields = {field["name"]: field for field in avro_schema(UserSignedUp)["fields"]}
    assert fields["time_us"]["type"] == {"type": "long", "logicalType": "timestamp-micros"}
    assert fields["birthday"]["type"] == {"type": "int", "logicalType": "date"}
    assert fields["device"]["type"] == {
        "type": "enum",
        "name": "Device",
        "symbols": ["unknown", "mobile", "tablet", "web"],
        "default": "unknown",
    }
    assert fields["version"] == {
        "name": "version",
        "type": "int",
        "doc": "the version of the event's shape",
        "default": 1,
    }
    assert json.loads(avro_schema_text("user")) == avro_schema(UserSignedUp)


def test_every_member_is_described_and_every_description_is_of_a_member() -> None:
    found = {member.name: member for event_type in EVENT_TYPES.values() for member in members(event_type)}
    assert not [name for name, member in found.items() if not member.description]
    assert set(found) == set(DESCRIPTIONS)
    assert found["time_us"].kind is FieldKind.INSTANT


def test_members_of_other_kinds_are_refused_by_name() -> None:
    class Odd(SessionStarted, tag=False):
        rating: float = 1.0

    with pytest.raises(TypeError, match=r"Odd\.rating: FloatType"):
        avro_schema(Odd)


def test_a_comment_has_two_enums_of_different_names() -> None:
    names = [field["type"]["name"] for field in avro_schema(CommentPosted)["fields"] if field["name"] != "time_us"
             and isinstance(field["type"], dict)]  # fmt: skip
    assert names == ["Device", "ContentKind"]
