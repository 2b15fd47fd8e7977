"""Avro's own data, read by any schema: the plain way, one closure for each part of the schema.

What comes from a registry was written by somebody else, so a schema is checked here before anything
is read by it, and what is read is bounded: by the record's bytes, and by the depth of Python's
stack.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from socialsim.events.avro.varints import read_varint, unzigzag
from socialsim.events.codec import RECORD_BYTES_MAX, InvalidRecordError

#: A part of a schema as JSON has it.
Schema: TypeAlias = str | Mapping[str, Any] | list[Any]
#: Reads one value that begins at a place of the record; the value, and where it ends.
Parse: TypeAlias = Callable[[bytes, int], tuple[Any, int]]

_FLOAT: Final = struct.Struct("<f")
_DOUBLE: Final = struct.Struct("<d")


class UnreadableSchemaError(ValueError):
    """A schema that is none, or by which no event of a type can be read; the text says why."""


def malformed(reason: str) -> InvalidRecordError:
    """The error for bytes that are not Avro's by their schema."""
    return InvalidRecordError("not_avro", reason)


def read_long(raw: bytes, at: int) -> tuple[int, int]:
    """A signed number, int or long.

    Raises InvalidRecordError if it does not end, or has more than 64 bits.
    """
    try:
        unsigned, end = read_varint(raw, at)
    except IndexError:
        raise malformed(f"{len(raw)} bytes end within a number") from None
    except ValueError as error:
        raise malformed(str(error)) from None
    return unzigzag(unsigned), end


def read_bytes(raw: bytes, at: int) -> tuple[bytes, int]:
    """Bytes behind their number."""
    size, begin = read_long(raw, at)
    return _slice(raw, begin, size)


def read_text(raw: bytes, at: int) -> tuple[str, int]:
    """A text behind the number of its bytes."""
    text, end = read_bytes(raw, at)
    try:
        return text.decode(), end
    except UnicodeDecodeError as error:
        raise malformed(f"a text is not UTF-8: {error.reason}") from None


def _slice(raw: bytes, begin: int, size: int) -> tuple[bytes, int]:
    if size < 0:
        raise malformed(f"a length of {size}")
    end = begin + size
    if end > len(raw):
        raise malformed(f"{len(raw)} bytes end within a text of {size}")
    return raw[begin:end], end


def _read_null(_: bytes, at: int) -> tuple[None, int]:
    return None, at


def _read_boolean(raw: bytes, at: int) -> tuple[bool, int]:
    byte, end = _slice(raw, at, 1)
    if byte > b"\1":
        raise malformed(f"{byte[0]} for a boolean")
    return byte == b"\1", end


def _read_float(raw: bytes, at: int) -> tuple[float, int]:
    four, end = _slice(raw, at, 4)
    return _FLOAT.unpack(four)[0], end


def _read_double(raw: bytes, at: int) -> tuple[float, int]:
    eight, end = _slice(raw, at, 8)
    return _DOUBLE.unpack(eight)[0], end


PRIMITIVES: Final[dict[str, Parse]] = {
    "null": _read_null,
    "boolean": _read_boolean,
    "int": read_long,
    "long": read_long,
    "float": _read_float,
    "double": _read_double,
    "bytes": read_bytes,
    "string": read_text,
}

_NAMED: Final = ("record", "error", "enum", "fixed")


class Names:
    """The named types of one schema: what they are, and how they are read."""

    def __init__(self) -> None:
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._parses: dict[str, Parse] = {}

    def definition(self, schema: Schema, namespace: str) -> Schema:
        """``schema``, or what it names."""
        if isinstance(schema, str) and schema not in PRIMITIVES:
            full = _full_name(schema, namespace)
            if full not in self._schemas:
                raise UnreadableSchemaError(f"{schema!r} is no type of the schema")
            return self._schemas[full]
        return schema

    def parser(self, schema: Schema, namespace: str) -> Parse:
        """How a value of ``schema`` is read. Raises UnreadableSchemaError if it is no schema."""
        if isinstance(schema, list):
            return _union([self.parser(branch, namespace) for branch in schema])
        if isinstance(schema, str):
            return PRIMITIVES.get(schema) or self._reference(schema, namespace)
        if not isinstance(schema, Mapping):
            raise UnreadableSchemaError(f"{schema!r:.60} is no type")
        kind = schema.get("type")
        return self._named(kind, schema, namespace) if kind in _NAMED else self._nameless(kind, schema, namespace)

    def _reference(self, name: str, namespace: str) -> Parse:
        self.definition(name, namespace)
        full = _full_name(name, namespace)

        def parse(raw: bytes, at: int) -> tuple[Any, int]:
            return self._parses[full](raw, at)  # found late: a type may hold itself

        return parse

    def _nameless(self, kind: object, schema: Mapping[str, Any], namespace: str) -> Parse:
        if kind == "array":
            return _blocks(self.parser(_part(schema, "items"), namespace))
        if kind == "map":
            value = self.parser(_part(schema, "values"), namespace)
            return _blocks(lambda raw, at: value(raw, read_text(raw, at)[1]))
        return self.parser(_part(schema, "type"), namespace)

    def record(self, schema: Mapping[str, Any], namespace: str = "") -> list[tuple[str, Schema, Parse]]:
        """The fields of a record: their names, what they are, and how they are read."""
        full = self._define(schema, namespace)
        inner = full.rpartition(".")[0]
        fields = []
        for field in _fields(schema):
            kind = _part(field, "type")
            parse = self.parser(kind, inner)
            branches = [self.definition(branch, inner) for branch in kind] if isinstance(kind, list) else None
            fields.append((_part(field, "name", str), branches or self.definition(kind, inner), parse))
        self._parses[full] = _record([(name, parse) for name, _, parse in fields])
        return fields

    def _define(self, schema: Mapping[str, Any], namespace: str) -> str:
        full = _full_name(_part(schema, "name", str), schema.get("namespace", namespace))
        if full in self._schemas:
            raise UnreadableSchemaError(f"{full!r} is defined twice")
        self._schemas[full] = schema
        return full

    def _named(self, kind: str, schema: Mapping[str, Any], namespace: str) -> Parse:
        if kind in ("record", "error"):
            self.record(schema, namespace)
            return self._parses[_full_name(schema["name"], schema.get("namespace", namespace))]
        full = self._define(schema, namespace)
        parse = _enum(_part(schema, "symbols", list)) if kind == "enum" else _fixed(_part(schema, "size", int))
        self._parses[full] = parse
        return parse


def _fields(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The fields of a record's schema.

    Raises UnreadableSchemaError if they are none, or two have one name.
    """
    fields: list[Mapping[str, Any]] = _part(schema, "fields", list)
    if not all(isinstance(field, Mapping) for field in fields):
        raise UnreadableSchemaError("a field is no object")
    names = [field.get("name") for field in fields]
    if len(set(map(str, names))) < len(names):
        raise UnreadableSchemaError("two fields have one name")
    return fields


def _part(schema: Mapping[str, Any], name: str, kind: type = object) -> Any:
    if name not in schema or not isinstance(schema[name], kind):
        raise UnreadableSchemaError(f"a schema without {name!r}, or with another kind of it")
    return schema[name]


def _full_name(name: str, namespace: object) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _union(branches: list[Parse]) -> Parse:
    def parse(raw: bytes, at: int) -> tuple[Any, int]:
        number, at = read_long(raw, at)
        return branches[branch_number(number, len(branches))](raw, at)

    return parse


def branch_number(number: int, count: int) -> int:
    """``number`` if a union of ``count`` branches has such a one.

    Raises InvalidRecordError otherwise.
    """
    if not 0 <= number < count:
        raise malformed(f"branch {number} of a union of {count}")
    return number


def _fixed(size: int) -> Parse:
    return lambda raw, at: _slice(raw, at, size)


def _enum(words: list[Any]) -> Parse:
    def parse(raw: bytes, at: int) -> tuple[Any, int]:
        number, at = read_long(raw, at)
        if not 0 <= number < len(words):
            raise malformed(f"word {number} of {len(words)}")
        return words[number], at

    return parse


def _record(fields: list[tuple[str, Parse]]) -> Parse:
    def parse(raw: bytes, at: int) -> tuple[dict[str, Any], int]:
        values = {}
        for name, field in fields:
            values[name], at = field(raw, at)
        return values, at

    return parse


def _blocks(item: Parse) -> Parse:
    """An array, or a map whose keys ``item`` reads with the values: blocks of items, ended by an
    empty one.
    """

    def parse(raw: bytes, at: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        while True:
            count, at = read_long(raw, at)
            if count == 0:
                return values, at
            if count < 0:  # the block's size in bytes follows, for who wants to skip it
                count, (_, at) = -count, read_long(raw, at)
            if count + len(values) > RECORD_BYTES_MAX:  # items may be of no bytes at all
                raise malformed(f"an array of {count + len(values)} items")
            for _ in range(count):
                value, at = item(raw, at)
                values.append(value)

    return parse
