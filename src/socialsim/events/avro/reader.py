"""Avro's bytes to events, checked as completely as JSON's are.

A reader is compiled for a pair: the schema a record was written by, and the event type it is read
as. It follows Avro's rules of resolution: members that only the writer knew are skipped, members
that it did not know take their defaults, words that the reader does not know become the enum's
default.

The compiled function reads what the simulator writes, and gives an event only if everything about
it is right. All else it leaves to a plain reader, which takes whatever Avro allows, has msgspec
check the members as those of a JSON record, and says what is wrong.
"""

import inspect
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

import msgspec

from socialsim.events.avro import datum
from socialsim.events.avro.datum import Names, Parse, Schema, UnreadableSchemaError
from socialsim.events.avro.schema import UNKNOWN, avro_schema
from socialsim.events.avro.varints import (
    CACHED_MAX,
    EPOCH_DAY,
    LOW,
    MIDDLE,
    HighNumbers,
    ReadDates,
    read_varint,
    zigzag,
)
from socialsim.events.codec import RECORD_BYTES_MAX, InvalidRecordError
from socialsim.events.members import EventField, FieldKind, members
from socialsim.events.types import ID_MAX, RUN_ID_PATTERN, SHARDS_MAX, Event

#: Makes one event of a record. Raises InvalidRecordError.
Reader: TypeAlias = Callable[[bytes], Event]


def compile_reader(event_type: type[Event], written_by: Schema | None = None, start: int = 0) -> Reader:
    """A reader of records that ``written_by`` wrote (the type's own schema if None), each behind
    ``start`` bytes.

    Raises UnreadableSchemaError if no event of ``event_type`` can be read by that schema.
    """
    schema = avro_schema(event_type) if written_by is None else written_by
    resolved = _resolve(event_type, schema)
    plain = _plain(event_type, resolved, start)
    return _Source(event_type, resolved, start).compiled(plain) or plain


def plain_reader(event_type: type[Event], written_by: Schema | None = None, start: int = 0) -> Reader:
    """The same by plain code; the compiled reader is compared with it."""
    schema = avro_schema(event_type) if written_by is None else written_by
    return _plain(event_type, _resolve(event_type, schema), start)


@dataclass(frozen=True, slots=True)
class _Field:
    """One field as it was written, and the member that it becomes, None if it is skipped."""

    name: str
    kind: Schema
    member: EventField | None
    parse: Parse


def _resolve(event_type: type[Event], schema: Schema) -> list[_Field]:
    """The written fields in their order. Raises UnreadableSchemaError."""
    if not isinstance(schema, Mapping) or schema.get("type") != "record":
        raise UnreadableSchemaError("the schema is not a record's")
    name = str(schema.get("name")).rpartition(".")[2]
    if name != event_type.__name__:
        raise UnreadableSchemaError(f"the schema is of {name}, not of {event_type.__name__}")
    known = {member.name: member for member in members(event_type)}
    try:
        fields = [_field(known.get(name), *field) for field in Names().record(schema) for name in field[:1]]
    except RecursionError:
        raise UnreadableSchemaError("the schema is nested too deep") from None
    missing = sorted({name for name, member in known.items() if member.required} - {field.name for field in fields})
    if missing:
        raise UnreadableSchemaError(f"the schema has no {', '.join(missing)}, which {event_type.__name__} needs")
    return fields


def _field(member: EventField | None, name: str, kind: Schema, parse: Parse) -> _Field:
    if member is None:
        return _Field(name, kind, None, parse)
    branches = kind if isinstance(kind, list) else [kind]
    parses = [_branch(branch, member) for branch in branches]
    if not any(parses):
        raise UnreadableSchemaError(f"{name}: {_told(kind)} cannot be read as {member.kind.value}")
    if not isinstance(kind, list):
        return _Field(name, kind, member, parses[0] or parse)

    def chosen(raw: bytes, at: int) -> tuple[Any, int]:
        number, at = datum.read_long(raw, at)
        branch = parses[datum.branch_number(number, len(parses))]
        if branch is None:
            reason = f"{name}: {_told(branches[number])} cannot be read as {member.kind.value}"
            raise InvalidRecordError("invalid_member", reason)
        return branch(raw, at)

    return _Field(name, kind, member, chosen)


def _told(kind: Schema) -> str:
    return msgspec.json.encode(kind).decode()[:100]


def _branch(kind: Schema, member: EventField) -> Parse | None:
    """How ``kind``, which is no union, is read as ``member``; None if it cannot be."""
    logical = kind.get("logicalType") if isinstance(kind, Mapping) else None
    base = kind.get("type") if isinstance(kind, Mapping) else kind
    if base == "null":
        return datum.PRIMITIVES["null"] if member.optional else None
    if base == "enum" and member.kind is FieldKind.WORD and isinstance(kind, Mapping):
        return _word_parser([str(symbol) for symbol in kind["symbols"]], member)
    return _READ_AS.get((member.kind, base, logical)) if isinstance(base, str) else None


def _word_parser(written: list[str], member: EventField) -> Parse:
    words = [word if word in member.words else UNKNOWN for word in written]

    def parse(raw: bytes, at: int) -> tuple[str, int]:
        number, at = datum.read_long(raw, at)
        if not 0 <= number < len(words):
            raise datum.malformed(f"{member.name}: word {number} of {len(words)}")
        return words[number], at

    return parse


def _read_date(raw: bytes, at: int) -> tuple[date, int]:
    days, at = datum.read_long(raw, at)
    try:
        return date.fromordinal(days + EPOCH_DAY), at
    except (ValueError, OverflowError):
        raise InvalidRecordError(
            "invalid_member", f"{days} days from 1970 are no date of the years 1 to 9999"
        ) from None


#: By the member's kind, and by the written type with its logical type: what can be read. Avro
#: promotes int to long and bytes to string; a number without a logical type is taken for what the
#: member is.
_READ_AS: Final[dict[tuple[FieldKind, str, str | None], Parse]] = {
    (FieldKind.INTEGER, "int", None): datum.read_long,
    (FieldKind.INTEGER, "long", None): datum.read_long,
    (FieldKind.INSTANT, "long", None): datum.read_long,
    (FieldKind.INSTANT, "long", "timestamp-micros"): datum.read_long,
    (FieldKind.DATE, "int", None): _read_date,
    (FieldKind.DATE, "int", "date"): _read_date,
    (FieldKind.TEXT, "string", None): datum.read_text,
    (FieldKind.TEXT, "bytes", None): datum.read_text,
}


def _plain(event_type: type[Event], fields: list[_Field], start: int) -> Reader:
    def read(raw: bytes) -> Event:
        if len(raw) > RECORD_BYTES_MAX:
            raise InvalidRecordError("too_large", f"{len(raw)} bytes, at most {RECORD_BYTES_MAX} are allowed")
        values: dict[str, Any] = {}
        at = start
        try:
            for field in fields:
                value, at = field.parse(raw, at)
                if field.member is not None:
                    values[field.name] = value
        except RecursionError:
            raise InvalidRecordError("too_deep", "nested too deep") from None
        if at != len(raw):
            raise datum.malformed(f"{len(raw) - at} bytes behind the record's end")
        try:
            event = msgspec.convert(values, event_type)
        except msgspec.ValidationError as error:
            raise InvalidRecordError("invalid_member", str(error)) from error
        if any("\0" in value for value in values.values() if isinstance(value, str)):
            raise InvalidRecordError("nul_character", "a text holds the character U+0000")
        return event

    return read


class _Heads(dict[bytes, tuple[str, int]]):
    """Run and shard by the bytes of both.

    Raises what shows that they are not as the simulator writes them.
    """

    def __missing__(self, head: bytes) -> tuple[str, int]:
        size, begin = read_varint(head, 0)
        end = begin + (size >> 1)
        run_id = head[begin:end].decode()
        unsigned, whole = read_varint(head, end)
        bad = size & 1 or whole != len(head) or unsigned & 1 or unsigned >= 2 * SHARDS_MAX
        if bad or not re.search(RUN_ID_PATTERN, run_id):
            raise ValueError(head)
        if len(self) >= CACHED_MAX:
            self.clear()
        self[head] = found = (run_id, unsigned >> 1)
        return found


class _Source:
    """The source of a compiled reader, as it is put together field by field."""

    def __init__(self, event_type: type[Event], fields: list[_Field], start: int) -> None:
        self._type = event_type
        self._fields = fields
        self._start = start
        self._lines: list[str] = []
        self._unlike: list[str] = []  # true of what the compiled reader does not take
        self._values: dict[str, str] = {}
        self._names: dict[str, Any] = {
            "EVENT": event_type,
            "LOW": LOW,
            "MIDDLE": MIDDLE,
            "HIGH": HighNumbers(),
            "DATES": ReadDates(),
            "TIME": struct.Struct("<HHI").unpack_from,
            "VARINT": read_varint,
            "HEADS": _Heads(),
        }

    def compiled(self, plain: Reader) -> Reader | None:
        """The reader, None if a field is of a kind that only ``plain`` reads."""
        fields = self._fields
        if [field.name for field in fields[:2]] == ["run_id", "shard"] and all(map(_is_plain_head, fields[:2])):
            self._head()
            fields = fields[2:]
        else:
            self._lines.append(f"i = {self._start}")
        for field in fields:
            if not self._step(field):
                return None
        names = self._names | {"PLAIN": plain, "STRUCT_ERROR": struct.error}
        source = "\n".join(
            [
                f"def bound({', '.join(names)}):",
                "  def read(raw):",
                "    try:",
                *(f"      {line}" for line in self._lines),
                f"      if i != len(raw) or i > {RECORD_BYTES_MAX} or {' or '.join(self._unlike)}:",
                "        return PLAIN(raw)",
                f"      return EVENT({', '.join(self._arguments())})",
                "    except (LookupError, ValueError, OverflowError, STRUCT_ERROR):",
                "      return PLAIN(raw)",
                "  return read",
            ]
        )
        scope: dict[str, Any] = {}
        exec(compile(source, f"<Avro reader of {self._type.__name__}>", "exec"), scope)  # noqa: S102 - see _step
        reader: Reader = scope["bound"](**names)
        return reader

    def _arguments(self) -> list[str]:
        """By position as long as nothing is left out, for that is faster."""
        arguments = []
        positional = True
        for name, parameter in inspect.signature(self._type).parameters.items():
            positional &= parameter.kind is not parameter.KEYWORD_ONLY and name in self._values
            if name in self._values:
                arguments.append(self._values[name] if positional else f"{name}={self._values[name]}")
        return arguments

    def _head(self) -> None:
        first = self._start
        self._lines += [
            f"i = (raw[{first}] >> 1) + {first + 2}",
            "if raw[i - 1] > 127: i += 1",
            f"run_id, shard = HEADS[raw[{first or ''}:i]]",
        ]
        self._values |= {"run_id": "run_id", "shard": "shard"}

    def _step(self, field: _Field) -> bool:
        """Add what reads one field.

        Only names of our own members get into the source, never those of a schema.
        """
        member = field.member
        kind = field.kind
        base = kind.get("type") if isinstance(kind, Mapping) else kind
        if isinstance(kind, list) or (member is not None and member.optional):
            return False
        name = "skipped" if member is None else f"v_{member.name}"
        if base in ("int", "long"):
            if member is not None and member.kind is FieldKind.INSTANT:
                self._instant(name)
            elif member is not None and member.kind is FieldKind.DATE:
                self._number(name)
                self._values[member.name] = f"DATES[{name}]"
            else:
                self._number(name)
                if member is not None:
                    self._bounded(name, member)
        elif base in ("string", "bytes"):
            self._text(name, member, decoded=base == "string" or member is not None)
        elif base == "enum" and isinstance(kind, Mapping):
            self._word(name, member, kind["symbols"])
        else:
            return False
        return True

    def _number(self, name: str) -> None:
        """An unsigned number into ``name``: up to four bytes in place, more of them by a function."""
        self._lines += [
            f"if ({name} := raw[i]) < 128: i += 1",
            f"elif (b := raw[i + 1]) < 128: {name} = {name} & 127 | b << 7; i += 2",
            f"elif (c := raw[i + 2]) < 128: {name} = {name} & 127 | (b & 127) << 7 | c << 14; i += 3",
            "elif (d := raw[i + 3]) < 128:",
            f"  {name} = {name} & 127 | (b & 127) << 7 | (c & 127) << 14 | d << 21; i += 4",
            f"else: {name}, i = VARINT(raw, i)",
        ]

    def _bounded(self, name: str, member: EventField) -> None:
        low = 0 if member.low is None else member.low
        if low == member.high:
            self._unlike.append(f"{name} != {zigzag(low)}")
            if member.default != low:
                self._values[member.name] = repr(low)
            return
        self._unlike.append(f"{name} & 1")  # negative; the plain reader knows whether it may be
        if low > 0:
            self._unlike.append(f"{name} < {2 * low}")
        if member.high is not None and member.high < ID_MAX:
            self._unlike.append(f"{name} > {2 * member.high}")
        self._values[member.name] = f"{name} >> 1"

    def _instant(self, name: str) -> None:
        self._lines += ["b, c, d = TIME(raw, i)", f"{name} = LOW[b] | MIDDLE[c] | HIGH[d]", "i += 8"]
        self._unlike.append(f"{name} & 1")
        self._values[name.removeprefix("v_")] = f"{name} >> 1"

    def _text(self, name: str, member: EventField | None, *, decoded: bool) -> None:
        self._lines += [
            "if (b := raw[i]) < 128: i += 1",
            "elif (c := raw[i + 1]) < 128: b = b & 127 | c << 7; i += 2",
            "else: b, i = VARINT(raw, i)",
            "if b & 1: raise ValueError",
            "c = i + (b >> 1)",
            f"{name} = raw[i:c]{'.decode()' if decoded else ''}",
            "i = c",
        ]
        if member is None:
            return
        self._unlike.append(f'"\\0" in {name}')
        if member.length_max is not None:
            self._unlike.append(f"len({name}) > {member.length_max}")
        if member.length_min is not None and member.length_min > 0:
            self._unlike.append(f"len({name}) < {member.length_min}")
        if member.pattern is not None:
            search = f"SEARCH_{member.name}"
            self._names[search] = re.compile(member.pattern).search
            self._unlike.append(f"{search}({name}) is None")
        self._values[member.name] = name

    def _word(self, name: str, member: EventField | None, written: list[str]) -> None:
        table = f"WORDS_{len(self._names)}"
        known = written if member is None else member.words
        self._names[table] = {2 * n: word for n, word in enumerate(written[:64]) if word in known}
        self._lines += [f"{name} = {table}[raw[i]]", "i += 1"]
        if member is not None:
            self._values[member.name] = name


def _is_plain_head(field: _Field) -> bool:
    return field.member is not None and not field.member.optional and field.kind in ("string", "int", "long")
