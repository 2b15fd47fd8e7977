"""The JSON Schema of each event as a schema registry is told it.

It says what the published one says (``schema.py``), in a form that registries can compare:
draft-07, because their checks do not know 2020-12; and without the version's number, because an
enum of one number lets no second version be registered. The model stays closed, so what may be
added is an optional member, under BACKWARD.
"""

from typing import Any, Final

import msgspec

from socialsim.events.schema import event_schema

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
_REFERENCE: Final = "#/$defs/"


def registry_schema(name: str) -> dict[str, Any]:
    """The JSON Schema for a registry of the event with the wire name ``name``.

    Raises KeyError if there is none.
    """
    return for_registry(event_schema(name), name)


def registry_schema_text(name: str) -> str:
    """The same as JSON in one line."""
    return msgspec.json.encode(registry_schema(name)).decode()


def subject_of(topic: str) -> str:
    """The subject of a topic's values, by the strategy that registries call TopicNameStrategy."""
    return f"{topic}-value"


def for_registry(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """A published schema of a version of the event ``name``, as a registry is told it."""
    properties = schema["properties"]
    version = {"type": "integer", "minimum": 1, "default": properties["version"].get("default", 1)}
    told = {"$schema": DIALECT, "$id": f"urn:socialsim:event:{name}"}
    told |= {key: value for key, value in schema.items() if key not in {"$schema", "$id", "$defs"}}
    told["properties"] = properties | {"version": version}
    if definitions := schema.get("$defs"):
        told["definitions"] = definitions
    redirected: dict[str, Any] = _redirected(told)
    return redirected


def _redirected(node: Any) -> Any:
    """``node`` with its references into ``definitions``, where draft-07 keeps them."""
    if isinstance(node, list):
        return [_redirected(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value.replace(_REFERENCE, "#/definitions/")
        if key == "$ref" and isinstance(value, str)
        else _redirected(value)
        for key, value in node.items()
    }
