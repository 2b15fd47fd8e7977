"""How a record names its schema: our values are distinguished from what was written without a
registry.
"""

from uuid import UUID

import pytest
from confluent_kafka.schema_registry import header_schema_id_serializer, prefix_schema_id_serializer
from confluent_kafka.schema_registry.serde import SchemaId
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import given
from hypothesis import strategies as st

from socialsim.events import encode
from socialsim.registry import VALUE_SCHEMA_HEADER, Framing, FramingError, guid_header, id_prefix, sniff
from tests.support.event_strategies import EVENTS

GUID = UUID("1f3a9f0e-0000-4000-8000-0123456789ab")


@given(st.integers(0, 2**31 - 1), st.binary(max_size=20))
def test_an_id_goes_before_the_value(schema_id: int, payload: bytes) -> None:
    framed = id_prefix(schema_id) + payload
    assert sniff(framed) == Framing(schema_id, 5)
    assert framed[5:] == payload


@given(st.uuids(), EVENTS)
def test_a_guid_goes_into_a_header_and_the_value_stays_as_it_is(guid: UUID, event: object) -> None:
    value = encode(event)  # type: ignore[arg-type]
    assert sniff(value, [("type", b"user"), guid_header(guid), ("other", None)]) == Framing(guid, 0)
    assert sniff(value, [("type", b"user")]) == Framing(None, 0)


def test_the_header_goes_before_the_first_byte() -> None:
    assert sniff(id_prefix(7) + b"x", [guid_header(GUID)]) == Framing(GUID, 0)
    assert sniff(b"{}", [(VALUE_SCHEMA_HEADER, id_prefix(7))]) == Framing(7, 0)


def test_the_bytes_are_those_of_an_independent_client() -> None:
    headers: list[tuple[str, str | bytes | None]] = []
    context = SerializationContext("t", MessageField.VALUE, headers)
    assert prefix_schema_id_serializer(b"x", context, SchemaId("AVRO", 258)) == id_prefix(258) + b"x"
    assert header_schema_id_serializer(b"x", context, SchemaId("AVRO", None, str(GUID))) == b"x"
    assert headers == [guid_header(GUID)]


@pytest.mark.parametrize("value", [b"", b"{}", b" {}", b"[]", b"\x01" + bytes(16), b"\xff"])
def test_what_begins_as_no_id_is_left_to_the_decoder(value: bytes) -> None:
    assert sniff(value) == Framing(None, 0)


@pytest.mark.parametrize("value", [b"\0", b"\0\0\0\1", b"\0\xff\xff\xff\xff", b"\0\x80\0\0\0rest"])
def test_what_begins_as_an_id_and_is_none_is_refused(value: bytes) -> None:
    with pytest.raises(FramingError, match=rf"^value: {value[:5].hex()} names no schema"):
        sniff(value)


@pytest.mark.parametrize("content", [None, b"", b"\x01", b"\x02" + bytes(16), b"\x01" + bytes(17), b"\0\0\0\0"])
def test_a_header_that_names_no_schema_is_refused(content: bytes | None) -> None:
    with pytest.raises(FramingError, match=r"^header __value_schema_id: "):
        sniff(b"{}", [(VALUE_SCHEMA_HEADER, content)])


@pytest.mark.parametrize("schema_id", [-1, 2**31])
def test_what_is_no_id_is_not_written(schema_id: int) -> None:
    with pytest.raises(ValueError, match="is no schema's id"):
        id_prefix(schema_id)
