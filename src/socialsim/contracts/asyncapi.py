"""The stream as an AsyncAPI 3 document with Kafka's bindings: a channel for each topic, a message
for each event type.
"""

from typing import Any, Final

from socialsim.events import EVENT_TYPES, PLURALS, RUN_ID_PATTERN
from socialsim.events.members import event_description
from socialsim.events.registry_schema import registry_schema

ASYNCAPI: Final = "3.0.0"
_KAFKA: Final = "0.5.0"
_PREFIX: Final = "socialsim."


def asyncapi_document() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "socialsim",
            "version": "1",
            "description": "What simulated people do in a simulated social network. Every record has the identity "
            "(run_id, shard, seq); a topic may hold a record twice, so readers deduplicate by it. Times are simulated.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:9092",
                "protocol": "kafka",
                "description": "what make up starts; yours is named by --to",
            }
        },
        "channels": {PLURALS[name]: _channel(name) for name in EVENT_TYPES},
        "operations": {f"send_{PLURALS[name]}": _operation(name) for name in EVENT_TYPES},
        "components": {"messages": {name: _message(name) for name in EVENT_TYPES}},
    }


def _channel(name: str) -> dict[str, Any]:
    topic = f"{_PREFIX}{PLURALS[name]}"
    return {
        "address": topic,
        "description": event_description(EVENT_TYPES[name]),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "kafka": {
                "topic": topic,
                # -1: late readers find everything; record times are simulated.
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": -1},
                "bindingVersion": _KAFKA,
            }
        },
    }


def _operation(name: str) -> dict[str, Any]:
    channel = f"#/channels/{PLURALS[name]}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "summary": f"socialsim run writes one record for each {name.replace('_', ' ')}",
        "messages": [{"$ref": f"{channel}/messages/{name}"}],
    }


def _message(name: str) -> dict[str, Any]:
    texts = {
        "type": {"type": "string", "const": name},
        "version": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "of the event's shape"},
        "run_id": {"type": "string", "pattern": RUN_ID_PATTERN, "description": "the run that emitted the event"},
    }
    return {
        "name": name,
        "title": EVENT_TYPES[name].__name__,
        "summary": event_description(EVENT_TYPES[name]),
        "contentType": "application/json",
        "headers": {"type": "object", "properties": texts, "required": list(texts)},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-07",
            "schema": registry_schema(name),
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "pattern": "^[0-9]+$", "description": "user_id in decimal digits"},
                "bindingVersion": _KAFKA,
            }
        },
    }
