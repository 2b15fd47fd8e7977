"""Schemas on a real registry: which changes it lets pass, and that independent clients read what we
write.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from compose.native import RegistryServer
from socialsim import Scenario, simulate
from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event, encode
from socialsim.events.avro import avro_schema_text, compile_reader, compile_writer
from socialsim.events.members import FieldKind, members
from socialsim.events.registry_schema import registry_schema_text, subject_of
from socialsim.registry import Compatibility, HttpRegistry, SchemaKind, SchemaText, id_prefix, registry_address
from socialsim.settings import Settings

Change = Callable[[dict[str, Any]], None]


def store_of(registry: RegistryServer) -> HttpRegistry:
    return HttpRegistry(registry_address(registry.url, Settings({})))


def changed(text: str, change: Change) -> str:
    schema = json.loads(text)
    change(schema)
    return json.dumps(schema)


# Avro


def optional_field(schema: dict[str, Any]) -> None:
    schema["fields"].append({"name": "mood", "type": ["null", "string"], "default": None})


def field_with_default(schema: dict[str, Any]) -> None:
    schema["fields"].append({"name": "strength", "type": "int", "default": 1})


def another_device(schema: dict[str, Any]) -> None:
    (device,) = [field for field in schema["fields"] if field["name"] == "device"]
    device["type"]["symbols"].append("watch")


def required_field(schema: dict[str, Any]) -> None:
    schema["fields"].append({"name": "mood", "type": "string"})


def without_time(schema: dict[str, Any]) -> None:
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "time_us"]


@pytest.mark.parametrize("name", EVENT_TYPES)
async def test_additions_to_avro_are_compatible_both_ways_over_all_versions(
    registry: RegistryServer, unique_name: str, name: str
) -> None:
    store, subject = store_of(registry), subject_of(f"{unique_name}.{name}")
    text = avro_schema_text(name)
    first = await store.register(subject, SchemaText(SchemaKind.AVRO, text))
    await store.set_compatibility(subject, Compatibility.FULL_TRANSITIVE)
    for change in (required_field, without_time):
        verdict = await store.check(subject, SchemaText(SchemaKind.AVRO, changed(text, change)))
        assert not verdict.compatible, change.__name__
        assert verdict.reason
    for change in (optional_field, field_with_default, another_device):
        text = changed(text, change)
        assert (await store.check(subject, SchemaText(SchemaKind.AVRO, text))).compatible, change.__name__
        assert await store.register(subject, SchemaText(SchemaKind.AVRO, text)) != first
        # and this version of ours reads all of them
        compile_reader(EVENT_TYPES[name], json.loads(text))
    latest = await store.latest(subject)
    assert latest is not None
    assert latest.version == 4


# JSON Schema: a closed model


def optional_member(schema: dict[str, Any]) -> None:
    schema["properties"]["mood"] = {"type": "string"}


def required_member(schema: dict[str, Any]) -> None:
    optional_member(schema)
    schema["required"].append("mood")


def another_json_device(schema: dict[str, Any]) -> None:
    schema["properties"]["device"]["enum"].append("watch")


def nothing_but_the_version(schema: dict[str, Any]) -> None:
    schema["description"] += " The second version."


JSON_CHANGES: dict[Change, dict[Compatibility, bool]] = {
    nothing_but_the_version: dict.fromkeys((Compatibility.BACKWARD, Compatibility.FORWARD, Compatibility.FULL), True),
    optional_member: {Compatibility.BACKWARD: True, Compatibility.FORWARD: False, Compatibility.FULL: False},
    another_json_device: {Compatibility.BACKWARD: True, Compatibility.FORWARD: False, Compatibility.FULL: False},
    required_member: dict.fromkeys((Compatibility.BACKWARD, Compatibility.FORWARD, Compatibility.FULL), False),
}


@pytest.mark.parametrize("name", EVENT_TYPES)
async def test_what_may_be_added_to_json_schemas(registry: RegistryServer, unique_name: str, name: str) -> None:
    store, subject = store_of(registry), subject_of(f"{unique_name}.{name}")
    text = registry_schema_text(name)
    await store.register(subject, SchemaText(SchemaKind.JSON, text))
    found: dict[str, dict[str, bool]] = {}
    for level in (Compatibility.BACKWARD, Compatibility.FORWARD, Compatibility.FULL):
        await store.set_compatibility(subject, level)
        for change in JSON_CHANGES:
            verdict = await store.check(subject, SchemaText(SchemaKind.JSON, changed(text, change)))
            found.setdefault(change.__name__, {})[level.name] = verdict.compatible
    expected = {
        change.__name__: {level.name: passes for level, passes in levels.items()}
        for change, levels in JSON_CHANGES.items()
    }
    assert found == expected
    await store.set_compatibility(subject, Compatibility.BACKWARD)
    await store.register(subject, SchemaText(SchemaKind.JSON, changed(text, optional_member)))


# Independent readers


def one_of_each() -> dict[str, Event]:
    scenario = Scenario(
        users=60, days=3, shards=4, adoption_midpoint=0.1, active_day_alpha=5, post_share=0.2, friends_mean=10
    )
    found: dict[str, Event] = {}
    for event in simulate(scenario):
        found.setdefault(WIRE_NAMES[type(event)], event)
    assert set(found) == set(EVENT_TYPES)
    return found


def as_read_by_others(event: Event) -> dict[str, Any]:
    """Instants and dates have the types that Avro's logical types are read as."""
    values: dict[str, Any] = {}
    for member in members(type(event)):
        value = getattr(event, member.name)
        if member.kind is FieldKind.INSTANT:
            value = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
        values[member.name] = value
    return values


async def test_confluents_deserializers_read_every_event_type(registry: RegistryServer, unique_name: str) -> None:
    store = store_of(registry)
    with SchemaRegistryClient({"url": registry.url}) as client:
        for name, event in one_of_each().items():
            context = SerializationContext(f"{unique_name}.{name}", MessageField.VALUE, [])
            avro = await store.register(
                f"{unique_name}.a.{name}-value", SchemaText(SchemaKind.AVRO, avro_schema_text(name))
            )
            value = compile_writer(type(event), id_prefix(avro.schema_id))(event)
            assert AvroDeserializer(client)(value, context) == as_read_by_others(event)
            text = registry_schema_text(name)
            plain = await store.register(f"{unique_name}.j.{name}-value", SchemaText(SchemaKind.JSON, text))
            value = id_prefix(plain.schema_id) + encode(event)
            # also validates by the schema
            read = JSONDeserializer(None, schema_registry_client=client)(value, context)
            assert read == msgspec.json.decode(encode(event))
