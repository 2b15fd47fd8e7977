"""The event codec: what the simulation writes is decoded unchanged, anything else is refused."""

import json
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.events import (
    EVENT_TYPES,
    PLURALS,
    RECORD_BYTES_MAX,
    WIRE_NAMES,
    Event,
    InvalidRecordError,
    PicturePosted,
    decode,
    encode,
    encode_lines,
)
from tests.support.event_strategies import EVENTS


@given(EVENTS)
def test_every_event_survives_a_round_trip(event: Event) -> None:
    raw = encode(event)
    assert decode(raw) == event
    assert decode(raw, WIRE_NAMES[type(event)]) == event
    assert encode(decode(raw)) == raw
    assert len(raw) <= RECORD_BYTES_MAX


@given(st.lists(EVENTS, max_size=5))
def test_each_line_is_one_encoded_event(events: list[Event]) -> None:
    assert encode_lines(events) == b"".join(encode(event) + b"\n" for event in events)


@given(EVENTS, st.randoms(use_true_random=False))
def test_other_spellings_of_an_event_are_accepted(event: Event, chance: Any) -> None:
    members = list(json.loads(encode(event)).items())
    chance.shuffle(members)
    assert decode(json.dumps(dict(members), indent=1, ensure_ascii=True).encode()) == event


POST = PicturePosted("r1", 3, 5, 1_767_225_600_000_001, 17, "web", 64, 'Grüße, "du" 😍\n', 640, 480)


def test_the_canonical_bytes() -> None:
    assert (
        encode(POST)
        == (
            '{"type":"picture","run_id":"r1","shard":3,"seq":5,"time_us":1767225600000001,"user_id":17,"device":"web",'
            '"picture_id":64,"caption":"Grüße, \\"du\\" 😍\\n","width_px":640,"height_px":480,"version":1}'
        ).encode()
    )


def changed(old: bytes, new: bytes) -> bytes:
    raw = encode(POST)
    assert raw.count(old) == 1, (raw, old)
    return raw.replace(old, new)


ID = b'"picture_id":64'
CAPTION = encode(POST).split(b'"caption":')[1].split(b',"width_px"')[0]
BOMB = b"[" * 30_000 + b"]" * 30_000

BAD: dict[str, tuple[str, bytes]] = {
    # numbers
    "NaN": ("not_json", changed(ID, b'"picture_id":NaN')),
    "infinity": ("not_json", changed(ID, b'"picture_id":-Infinity')),
    "2**64": ("invalid_member", changed(ID, b'"picture_id":18446744073709551616')),
    "2**63": ("invalid_member", changed(ID, b'"picture_id":9223372036854775808')),
    "negative": ("invalid_member", changed(ID, b'"picture_id":-1')),
    "float": ("invalid_member", changed(ID, b'"picture_id":64.5')),
    "huge exponent": ("invalid_member", changed(ID, b'"picture_id":1e999')),
    "thousands of digits": ("invalid_member", changed(ID, b'"picture_id":' + b"9" * 5_000)),
    "leading zero": ("not_json", changed(ID, b'"picture_id":064')),
    "too late": ("invalid_member", changed(b"1767225600000001", b"253402300800000000")),
    "shard out of range": ("invalid_member", changed(b'"shard":3', b'"shard":4096')),
    # texts
    "invalid UTF-8": ("not_json", changed(CAPTION, b'"\xff\xfe"')),
    "overlong UTF-8": ("not_json", changed(CAPTION, b'"\xc0\xaf"')),
    "surrogate in UTF-8": ("not_json", changed(CAPTION, b'"\xed\xa0\x80"')),
    "lone high surrogate": ("not_json", changed(CAPTION, b'"\\ud800"')),
    "lone low surrogate": ("not_json", changed(CAPTION, b'"\\udc00"')),
    "NUL": ("nul_character", changed(CAPTION, b'"a\\u0000b"')),
    "raw NUL": ("not_json", changed(CAPTION, b'"a\x00b"')),
    "raw line feed": ("not_json", changed(CAPTION, b'"a\nb"')),
    "too long": ("invalid_member", changed(CAPTION, b'"' + b"x" * 1_001 + b'"')),
    "line feed behind the run id": ("invalid_member", changed(b'"r1"', b'"r1\\n"')),
    "empty run id": ("invalid_member", changed(b'"r1"', b'""')),
    "unknown device": ("invalid_member", changed(b'"web"', b'"fridge"')),
    # shape
    "too large": ("too_large", changed(CAPTION, b'"' + b"x" * RECORD_BYTES_MAX + b'"')),
    "depth bomb": ("invalid_member", BOMB),
    "depth bomb in an unknown member": ("too_deep", b'{"x":' + BOMB + b"," + encode(POST)[1:]),
    "depth bomb of objects": ("too_deep", b'{"a":' * 12_000),
    "empty": ("not_json", b""),
    "torn": ("not_json", encode(POST)[:-7]),
    "two in one": ("not_json", encode(POST) * 2),
    "trailing": ("not_json", encode(POST) + b"x"),
    "byte order mark": ("not_json", b"\xef\xbb\xbf" + encode(POST)),
    "UTF-16": ("not_json", encode(POST).decode().encode("utf-16-le")),
    "null": ("invalid_member", b"null"),
    "array": ("invalid_member", b"[" + encode(POST) + b"]"),
    "not JSON": ("not_json", b"\x00\x00\x00\x00\x00hello"),
    # members
    "unknown type": ("invalid_member", changed(b'"type":"picture"', b'"type":"frog"')),
    "no type": ("invalid_member", changed(b'"type":"picture",', b"")),
    "type is a number": ("invalid_member", changed(b'"type":"picture"', b'"type":1')),
    "newer version": ("invalid_member", changed(b'"version":1', b'"version":2')),
    "mistyped version": ("invalid_member", changed(b'"version":1', b'"version":"1"')),
    "missing": ("invalid_member", changed(ID + b",", b"")),
    "unknown": ("invalid_member", changed(ID, ID + b',"mood":"good"')),
    "mistyped": ("invalid_member", changed(ID, b'"picture_id":"64"')),
    "a bool for a number": ("invalid_member", changed(ID, b'"picture_id":true')),
    "null for a number": ("invalid_member", changed(ID, b'"picture_id":null')),
    "repeated": ("repeated_member", changed(ID, ID + b',"picture_id":65')),
    "repeated with the same value": ("repeated_member", changed(ID, ID + b"," + ID)),
    "repeated type": ("repeated_member", changed(b'"type":"picture"', b'"type":"picture","type":"picture"')),
}


@pytest.mark.parametrize("name", ["picture", None], ids=["known topic", "any topic"])
@pytest.mark.parametrize(("error_class", "raw"), BAD.values(), ids=BAD.keys())
def test_invalid_records_are_refused_with_error_class_and_reason(
    error_class: str, raw: bytes, name: str | None
) -> None:
    with pytest.raises(InvalidRecordError) as caught:
        decode(raw, name)
    # If the type is known, an unknown member is refused before its value is parsed.
    expected = "invalid_member" if name is not None and error_class == "too_deep" else error_class
    assert caught.value.error_class == expected
    assert caught.value.reason
    assert str(caught.value) == f"{expected}: {caught.value.reason}"


def test_the_reason_names_the_member() -> None:
    with pytest.raises(InvalidRecordError, match=r"Expected `int` >= 0 - at `\$\.picture_id`"):
        decode(BAD["negative"][1])
    with pytest.raises(InvalidRecordError, match="member picture_id occurs more than once"):
        decode(BAD["repeated"][1])


def test_a_record_of_another_type_than_its_topic_is_refused() -> None:
    with pytest.raises(InvalidRecordError, match="invalid_member"):
        decode(encode(POST), "video")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_decoded_or_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRecordError):
        decode(raw)


@given(data=st.data())
def test_a_changed_byte_gives_another_event_or_a_refusal(data: st.DataObject) -> None:
    raw = bytearray(encode(POST))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[place]))
    try:
        event = decode(bytes(raw))
    except InvalidRecordError:
        return
    assert event != POST


def test_a_text_that_spells_out_an_escape_is_not_a_nul() -> None:
    post = msgspec.structs.replace(POST, caption="the escape is \\u0000")
    assert decode(encode(post)) == post


def test_a_record_without_a_version_has_version_1() -> None:
    assert decode(changed(b',"version":1', b"")) == POST


def test_a_birthday_is_decoded_as_a_date() -> None:
    assert {name for name, members in EVENT_TYPES.items() if "birthday" in members.__struct_fields__} == {"user"}
    assert json.loads(msgspec.json.encode(date(2000, 2, 29))) == "2000-02-29"


def test_wire_names_are_unique() -> None:
    assert set(PLURALS) == set(EVENT_TYPES)
    assert len(set(PLURALS.values())) == len(PLURALS)
    assert {name: WIRE_NAMES[event_type] for name, event_type in EVENT_TYPES.items()} == {n: n for n in EVENT_TYPES}
