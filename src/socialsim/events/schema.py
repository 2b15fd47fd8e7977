"""The published JSON Schema (draft 2020-12) of each event, generated from the event types."""

import inspect
from typing import Any, Final

import msgspec

from socialsim.events.types import EVENT_TYPES, PLURALS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ID: Final = "urn:socialsim:event:{name}:{version}"


def event_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of the event with wire name ``name``. Raises KeyError if there is none."""
    event_type = EVENT_TYPES[name]
    (reference,), definitions = msgspec.json.schema_components([event_type], ref_template="#/$defs/{name}")
    body: dict[str, Any] = definitions.pop(reference["$ref"].removeprefix("#/$defs/"))
    # msgspec lets members with a default be absent. These two determine the meaning of all others
    # and are always written.
    body["required"] = sorted({*body["required"], "type", "version"}, key=list(body["properties"]).index)
    version = body["properties"]["version"]["enum"][0]
    schema = {
        "$schema": DIALECT,
        "$id": _ID.format(name=name, version=version),
        "title": event_type.__name__,
        "description": f"{inspect.getdoc(event_type)} Topic, file and table: {PLURALS[name]}.",
        **{key: value for key, value in body.items() if key not in {"title", "description"}},
    }
    return schema | ({"$defs": definitions} if definitions else {})


def schema_text(name: str) -> str:
    """The schema as published: indented JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(event_schema(name)), indent=2).decode() + "\n"
