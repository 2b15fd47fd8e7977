"""The Avro schema of each event, made from its type.

Instants and dates have their logical types. Words are enums whose first symbol, ``unknown``, is the
enum's default: a reader that has not heard of a new word gets ``unknown`` instead of an error, so
new words and optional members are compatible in both directions, over all versions
(FULL_TRANSITIVE). The simulator never writes ``unknown``.
"""

from typing import Any, Final

import msgspec

from socialsim.events.members import EventField, FieldKind, event_description, members
from socialsim.events.types import EVENT_TYPES, Event

NAMESPACE: Final = "socialsim"
#: What a word that its reader does not know becomes.
UNKNOWN: Final = "unknown"
_INT_MAX: Final = 2**31 - 1


def avro_schema(event_type: type[Event]) -> dict[str, Any]:
    """The Avro schema of ``event_type``, a record named as the type is."""
    return {
        "type": "record",
        "name": event_type.__name__,
        "namespace": NAMESPACE,
        "doc": event_description(event_type),
        "fields": [_field(member) for member in members(event_type)],
    }


def avro_schema_text(name: str) -> str:
    """The schema of the event with the wire name ``name`` as a registry is told it: JSON in one
    line.
    """
    return msgspec.json.encode(avro_schema(EVENT_TYPES[name])).decode()


def symbols(member: EventField) -> tuple[str, ...]:
    """The enum's symbols, in the order of their numbers."""
    return (UNKNOWN, *member.words)


def _field(member: EventField) -> dict[str, Any]:
    kind = _type(member)
    # A union's default is of its first branch.
    union = ["null", kind] if member.default is None or member.required else [kind, "null"]
    field = {"name": member.name, "type": union if member.optional else kind, "doc": member.description}
    return field if member.required else field | {"default": member.default}


def null_first(member: EventField) -> bool:
    """Whether the null branch of an optional member's union has the number 0."""
    return member.default is None or member.required


def _type(member: EventField) -> str | dict[str, Any]:
    match member.kind:
        case FieldKind.INSTANT:
            return {"type": "long", "logicalType": "timestamp-micros"}
        case FieldKind.DATE:
            return {"type": "int", "logicalType": "date"}
        case FieldKind.TEXT:
            return "string"
        case FieldKind.WORD:
            name = "".join(part.capitalize() for part in member.name.split("_"))
            return {"type": "enum", "name": name, "symbols": list(symbols(member)), "default": UNKNOWN}
        case FieldKind.INTEGER:
            return "int" if member.high is not None and member.high <= _INT_MAX else "long"
