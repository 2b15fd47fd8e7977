"""How a run writes its values: the format, and the identities of the schemas that they name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from uuid import UUID

from socialsim.events import EVENT_TYPES, Event, encode
from socialsim.events.avro import compile_writer
from socialsim.registry import guid_header, id_prefix

#: Makes the value of one event.
Encoder = Callable[[Event], bytes]


class ValueFormat(Enum):
    """The formats of values, by their names on the command line."""

    JSON = "json"
    JSON_REGISTRY = "json-registry"
    AVRO = "avro"


class SchemaIdPlace(Enum):
    """Where a record names its schema: in five bytes before its value, or in a header."""

    PREFIX = "prefix"
    HEADER = "header"


_CONTENT_TYPES: Final = {
    ValueFormat.JSON: b"application/json",
    ValueFormat.JSON_REGISTRY: b"application/json",
    ValueFormat.AVRO: b"avro/binary",
}


@dataclass(frozen=True, slots=True)
class WireFormat:
    """The format of a run's values. Picklable: it is sent to the shard processes.

    ``schemas`` holds the identity of each event's schema by the event's wire name: an id that goes
    before the value, or a GUID that goes into a header. It is empty if values name no schema.
    """

    value_format: ValueFormat = ValueFormat.JSON
    schemas: Mapping[str, int | UUID] = field(default_factory=dict)
    has_content_type: bool = False  #: whether records have the header ``content-type``

    def headers(self, name: str) -> tuple[tuple[str, bytes], ...]:
        """The headers that records of the event ``name`` have because of their format."""
        schema = self.schemas.get(name)
        content_type = (("content-type", _CONTENT_TYPES[self.value_format]),) if self.has_content_type else ()
        return (*content_type, guid_header(schema)) if isinstance(schema, UUID) else content_type

    def make_encoder(self) -> Encoder:
        """The encoder of events of all types."""
        if self.value_format is not ValueFormat.AVRO and not any(
            isinstance(each, int) for each in self.schemas.values()
        ):
            return encode
        writers = {event_type: self._writer(name, event_type) for name, event_type in EVENT_TYPES.items()}

        def encode_typed(event: Event) -> bytes:
            return writers[type(event)](event)

        return encode_typed

    def _writer(self, name: str, event_type: type[Event]) -> Encoder:
        schema = self.schemas.get(name)
        prefix = id_prefix(schema) if isinstance(schema, int) else b""
        if self.value_format is ValueFormat.AVRO:
            return compile_writer(event_type, prefix)

        def write_json(event: Event) -> bytes:
            return prefix + encode(event)

        return write_json


PLAIN_JSON: Final = WireFormat()
