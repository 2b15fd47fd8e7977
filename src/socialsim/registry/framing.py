"""How a record names its schema, in Confluent's wire format: pure functions over its value and
headers.

Either five bytes go before the value (a zero byte and the schema's id, which is of one registry),
or the header ``__value_schema_id`` holds a one byte and the schema's GUID, which is the same in all
registries, and the value stays as it is. The header may also hold the five bytes.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

#: The header that names the schema of a record's value.
VALUE_SCHEMA_HEADER: Final = "__value_schema_id"
PREFIX_BYTES: Final = 5
ID_MAX: Final = 2**31 - 1
_BY_ID: Final = 0
_BY_GUID: Final = 1
_PREFIX: Final = struct.Struct(">bi")

#: A record's headers as Kafka has them.
Headers: TypeAlias = Iterable[tuple[str, bytes | None]]


class FramingError(ValueError):
    """Bytes that begin as a schema's id does and are none."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What a record says of its schema: nothing, its id, or its GUID; the payload begins at
    ``start``.
    """

    schema: int | UUID | None
    start: int


PLAIN: Final = Framing(None, 0)


def id_prefix(schema_id: int) -> bytes:
    """What goes before a value of that schema. Raises ValueError for what is no id."""
    if not 0 <= schema_id <= ID_MAX:
        raise ValueError(f"{schema_id} is no schema's id")
    return _PREFIX.pack(_BY_ID, schema_id)


def guid_header(guid: UUID) -> tuple[str, bytes]:
    """The header of a record whose value is of that schema."""
    return VALUE_SCHEMA_HEADER, bytes([_BY_GUID]) + guid.bytes


def sniff(value: bytes, headers: Headers = ()) -> Framing:
    """How this record names its schema. A header goes before the value's own first byte.

    JSON begins with no zero byte, so that what was written without a registry is told from what was
    written with one. Raises FramingError if the header, or the value's beginning, is neither.
    """
    for name, content in headers:
        if name == VALUE_SCHEMA_HEADER:
            return Framing(_identity(content or b"", f"header {VALUE_SCHEMA_HEADER}"), 0)
    if value[:1] != b"\0":
        return PLAIN
    return Framing(_identity(value[:PREFIX_BYTES], "value"), PREFIX_BYTES)


def _identity(content: bytes, place: str) -> int | UUID:
    if len(content) == PREFIX_BYTES and content[0] == _BY_ID:
        schema_id: int = _PREFIX.unpack(content)[1]
        if schema_id >= 0:
            return schema_id
    if len(content) == 17 and content[0] == _BY_GUID:
        return UUID(bytes=content[1:])
    raise FramingError(f"{place}: {content[:17].hex() or 'nothing'} names no schema")
