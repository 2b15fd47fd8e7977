"""The stream as a data contract of the Open Data Contract Standard 3: an object for each topic."""

from typing import Any, Final

from socialsim.events import EVENT_TYPES, PLURALS, Event
from socialsim.events.members import EventField, FieldKind, event_description, members

ODCS: Final = "v3.1.0"
_IDENTITY: Final = ("run_id", "shard", "seq")
_KINDS: Final = {
    FieldKind.INTEGER: ("integer", "integer"),
    FieldKind.INSTANT: ("integer", "integer"),  # on the wire it is a number of microseconds
    FieldKind.TEXT: ("string", "string"),
    FieldKind.WORD: ("string", "string"),
    FieldKind.DATE: ("date", "string"),
}


def data_contract() -> dict[str, Any]:
    """The whole contract."""
    return {
        "apiVersion": ODCS,
        "kind": "DataContract",
        "id": "urn:socialsim:contract:events",
        "name": "socialsim events",
        "version": "1.0.0",
        "status": "active",
        "description": {
            "purpose": "A simulated social network's events, for building and testing data platforms on.",
            "usage": "A topic may hold a record twice: deduplicate by (run_id, shard, seq). socialsim verify proves "
            "that what was stored is what was simulated.",
            "limitations": "People and texts are invented; times are simulated.",
        },
        "servers": [
            {
                "server": "local",
                "type": "kafka",
                "host": "127.0.0.1:9092",
                "format": "json",
                "description": "what make up starts; yours is named by --to",
            }
        ],
        "schema": [_object(name, event_type) for name, event_type in EVENT_TYPES.items()],
    }


def _object(name: str, event_type: type[Event]) -> dict[str, Any]:
    return {
        "name": PLURALS[name],
        "physicalName": f"socialsim.{PLURALS[name]}",
        "logicalType": "object",
        "physicalType": "topic",
        "description": event_description(event_type),
        "dataGranularityDescription": f"one record for each {name.replace('_', ' ')}",
        "properties": [_type(name), *map(_property, members(event_type))],
    }


def _type(name: str) -> dict[str, Any]:
    return {
        "name": "type",
        "logicalType": "string",
        "physicalType": "string",
        "required": True,
        "description": f"always {name}",
        "logicalTypeOptions": {"pattern": f"^{name}$"},
    }


def _property(member: EventField) -> dict[str, Any]:
    logical, physical = _KINDS[member.kind]
    told: dict[str, Any] = {
        "name": member.name,
        "logicalType": logical,
        "physicalType": physical,
        # The version has a default for readers, and is always written.
        "required": member.required or member.name == "version",
        "description": member.description,
    }
    if member.name in _IDENTITY:
        told |= {"primaryKey": True, "primaryKeyPosition": _IDENTITY.index(member.name) + 1}
    options = {
        "minimum": member.low,
        "maximum": member.high,
        "minLength": member.length_min,
        "maxLength": member.length_max,
        "pattern": member.pattern or (f"^({'|'.join(member.words)})$" if member.words else None),
        "format": "yyyy-MM-dd" if member.kind is FieldKind.DATE else None,
    }
    if stated := {name: value for name, value in options.items() if value is not None}:
        told["logicalTypeOptions"] = stated
    return told
