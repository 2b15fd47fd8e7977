"""Recognises the format of each value that is read, and decodes it.

``prepare`` looks up, without blocking the event loop, the schemas that a chunk of records names;
``decode`` then decides from memory. Plain JSON needs neither.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from socialsim.errors import UnknownSchemaError
from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event, InvalidRecordError, decode, encode
from socialsim.events.avro import UnreadableSchemaError, compile_reader
from socialsim.registry import (
    VALUE_SCHEMA_HEADER,
    Framing,
    FramingError,
    Limits,
    Registry,
    SchemaCache,
    SchemaKey,
    SchemaKind,
    SchemaText,
    sniff,
)

#: Error classes of records that cannot be decoded.
NEEDS_REGISTRY: Final = "needs_registry"
UNKNOWN_SCHEMA: Final = "unknown_schema"
UNREADABLE_SCHEMA: Final = "unreadable_schema"
BAD_SCHEMA_ID: Final = "bad_schema_id"
WRONG_TYPE: Final = "wrong_type"

_PREFIX_BYTES: Final = 5
_GUID_BYTES: Final = 17
_TYPES: Final[Mapping[str, type[Event]]] = {event_type.__name__: event_type for event_type in EVENT_TYPES.values()}
#: The start of a plain JSON value, which needs no schema to be read.
_JSON_START: Final = b"{"


class _SchemaReader(NamedTuple):
    """Reads the values of one schema; ``name`` is the event's wire name, None for JSON."""

    name: str | None
    read: Callable[[bytes, str | None], Event]
    strip: int | None  #: JSON begins after this many bytes; None for Avro


class ValueReader:
    """Decodes values in any format. Without a ``registry``, it decodes plain JSON only."""

    def __init__(self, registry: Registry | None = None, limits: Limits | None = None) -> None:
        #: how many values were refused because there is no registry
        self.lacking_registry = 0
        self._cache = None if registry is None else SchemaCache(registry, _make_reader, limits or Limits())
        # By the bytes that name the schema: the prefix of a value, or the content of its header.
        self._readers: dict[bytes, _SchemaReader] = {}
        self._refused: dict[SchemaKey, InvalidRecordError] = {}

    @property
    def needs_preparation(self) -> bool:
        """Whether ``prepare`` may ask a registry."""
        return self._cache is not None

    async def preload(self, registry: Registry, subjects: Iterable[str]) -> None:
        """Look up the latest schema of each subject, so that the registry may go away later.

        ``registry`` is the same as that of lookups, but may have more patience.

        Raises ServiceUnavailableError, SchemaRefusedError.
        """
        if self._cache is None:
            return
        for subject in subjects:
            latest = await registry.latest(subject)
            if latest is not None:
                self._cache.add(latest.registered.schema_id, latest.schema)
                if latest.registered.guid is not None:
                    self._cache.add(latest.registered.guid, latest.schema)

    async def prepare(self, values: Sequence[bytes], schema_headers: Sequence[bytes | None] | None = None) -> None:
        """Look up the schemas that the records name and that are not known yet.

        Waits within the limits of the cache. Schemas that were not found are refused by ``decode``
        until the next call.
        """
        self._refused.clear()
        if self._cache is None:
            return
        marks = {value[:_PREFIX_BYTES] for value in values if value[:1] == b"\0"}
        if schema_headers is not None:
            # A JSON value is read by its event type: its header need not be looked up.
            pairs = zip(values, schema_headers, strict=True)
            marks |= {header for value, header in pairs if header is not None and value[:1] != _JSON_START}
        unknown = sorted(marks - self._readers.keys())
        if unknown:
            await asyncio.gather(*map(self._look_up, unknown))

    async def _look_up(self, mark: bytes) -> None:
        try:
            key = _framing(mark).schema
        except InvalidRecordError:
            return  # decode says what is wrong
        if self._cache is None or key is None:
            return
        try:
            self._readers[mark] = await self._cache.get(key)
        except UnknownSchemaError as error:
            self._refused[key] = InvalidRecordError(UNKNOWN_SCHEMA, str(error))
        except UnreadableSchemaError as error:
            self._refused[key] = InvalidRecordError(UNREADABLE_SCHEMA, f"schema {key}: {error}")

    def decode(self, raw: bytes, name: str | None, schema_header: bytes | None = None) -> Event:
        """Decode one value of the event ``name``, if that is known; ``prepare`` was called for it.

        Raises InvalidRecordError.
        """
        reader = self._readers.get(raw[:_PREFIX_BYTES] if schema_header is None else schema_header)
        if reader is not None:
            if reader.name is None or reader.name == name or name is None:
                return reader.read(raw, name)
            raise InvalidRecordError(WRONG_TYPE, f"the value is a {reader.name}, its topic holds values of {name}")
        if raw[:1] == _JSON_START or (schema_header is None and raw[:1] != b"\0"):
            return decode(raw, name)
        raise self._refusal(_framing(raw[:_PREFIX_BYTES] if schema_header is None else schema_header))

    def canonical(self, raw: bytes, name: str | None, schema_header: bytes | None = None) -> bytes:
        """The value as plain JSON: as it was written if it is JSON, else in canonical form.

        Values that cannot be decoded are returned unchanged.
        """
        reader = self._readers.get(raw[:_PREFIX_BYTES] if schema_header is None else schema_header)
        if reader is None:
            return raw
        if reader.strip is not None:
            return raw[reader.strip :]
        try:
            return encode(reader.read(raw, name))
        except InvalidRecordError:
            return raw

    def kept_bytes(self, raw: bytes, schema_header: bytes | None) -> bytes:
        """See ``dead_letter_bytes``."""
        return dead_letter_bytes(raw, schema_header)

    async def close(self) -> None:
        """End lookups under way."""
        if self._cache is not None:
            await self._cache.close()

    def _refusal(self, framing: Framing) -> InvalidRecordError:
        key = framing.schema
        if self._cache is None or key is None:
            self.lacking_registry += 1
            return InvalidRecordError(
                NEEDS_REGISTRY, f"the value names schema {key} of a schema registry; give its address with --registry"
            )
        known = self._refused.get(key)
        reason = f"schema {key} was not looked up" if known is None else known.reason
        return InvalidRecordError(UNKNOWN_SCHEMA if known is None else known.error_class, reason)


def dead_letter_bytes(raw: bytes, schema_header: bytes | None) -> bytes:
    """The bytes that are kept of a record that cannot be decoded.

    They are its value. If only a header names the value's schema, the header's content goes before
    it, so that the record can be replayed.
    """
    return raw if schema_header is None or raw[:1] == _JSON_START else schema_header + raw


def split_dead_letter(kept: bytes) -> tuple[bytes, bytes | None]:
    """Value and schema header of the bytes that ``dead_letter_bytes`` kept."""
    if kept[:1] == b"\1" and len(kept) >= _GUID_BYTES:
        return kept[_GUID_BYTES:], kept[:_GUID_BYTES]
    return kept, None


def _framing(mark: bytes) -> Framing:
    """What the bytes name: a prefix begins with a zero byte, a header's content may not."""
    try:
        return sniff(b"", ((VALUE_SCHEMA_HEADER, mark),))
    except FramingError as error:
        raise InvalidRecordError(BAD_SCHEMA_ID, str(error)) from error


def _make_reader(key: SchemaKey, schema: SchemaText) -> _SchemaReader:
    """Raises UnreadableSchemaError if no event can be read by ``schema``."""
    start = 0 if isinstance(key, UUID) else _PREFIX_BYTES
    match schema.kind:
        case SchemaKind.JSON:
            return _SchemaReader(None, lambda raw, name: decode(raw[start:], name), start)
        case SchemaKind.AVRO:
            return _avro_reader(schema.text, start)
    raise UnreadableSchemaError(f"its kind is {schema.kind.value}; readable are JSON and AVRO")


def _avro_reader(text: str, start: int) -> _SchemaReader:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableSchemaError(f"it is not JSON: {error}") from error
    record_name = str(parsed.get("name")).rpartition(".")[2] if isinstance(parsed, dict) else ""
    event_type = _TYPES.get(record_name)
    if event_type is None:
        raise UnreadableSchemaError(f"it describes {record_name or 'no record'}; events are {', '.join(_TYPES)}")
    read = compile_reader(event_type, parsed, start)
    return _SchemaReader(WIRE_NAMES[event_type], lambda raw, _name: read(raw), None)
