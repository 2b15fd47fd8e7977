"""One suite over the registry in memory and a real one: what a registry's client may rely on."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from socialsim.errors import SchemaRefusedError, UnknownSchemaError
from socialsim.registry import Compatibility, HttpRegistry, Registry, SchemaKind, SchemaText, registry_address
from socialsim.settings import Settings
from socialsim.testing import MemoryRegistry

DRAFT = "http://json-schema.org/draft-07/schema#"


def json_schema(kind: str, **more: str) -> SchemaText:
    members = ",".join(f'"{name}":{{"type":"{of}"}}' for name, of in {"a": kind, **more}.items())
    text = f'{{"$schema":"{DRAFT}","type":"object","properties":{{{members}}},"additionalProperties":false}}'
    return SchemaText(SchemaKind.JSON, text)


def avro_schema(kind: str, name: str = "Thing") -> SchemaText:
    text = f'{{"type":"record","name":"{name}","fields":[{{"name":"a","type":"{kind}"}}]}}'
    return SchemaText(SchemaKind.AVRO, text)


def only_equal(_: Compatibility, schema: SchemaText, earlier: list[SchemaText]) -> str | None:
    return None if schema in earlier else "not equal"


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.registry)])
def store(request: pytest.FixtureRequest) -> Registry:
    if request.param == "memory":
        return MemoryRegistry(only_equal)
    return HttpRegistry(registry_address(request.getfixturevalue("registry").url, Settings({})))


@pytest.mark.parametrize("make", [json_schema, avro_schema])
async def test_what_was_registered_is_found_by_id_by_subject_and_by_text(
    store: Registry, unique_name: str, make: Callable[..., SchemaText]
) -> None:
    subject, schema = f"{unique_name}.things-value", make("string")
    assert await store.find(subject, schema) is None
    assert await store.latest(subject) is None
    assert subject not in await store.subjects()
    registered = await store.register(subject, schema)
    assert await store.register(subject, schema) == registered
    assert await store.find(subject, schema) == registered
    assert await store.by_id(registered.schema_id) == schema
    latest = await store.latest(subject)
    assert latest is not None
    assert (latest.subject, latest.version, latest.schema) == (subject, 1, schema)
    assert latest.registered.schema_id == registered.schema_id
    assert subject in await store.subjects()
    if registered.guid is not None:
        assert await store.by_guid(registered.guid) == schema


async def test_versions_are_counted_and_the_latest_is_the_last(store: Registry, unique_name: str) -> None:
    schemas = [json_schema("string"), json_schema("integer"), json_schema("number")]
    ids = [(await store.register(unique_name, schema)).schema_id for schema in schemas]
    assert len(set(ids)) == 3
    latest = await store.latest(unique_name)
    assert latest is not None
    assert (latest.version, latest.schema, latest.registered.schema_id) == (3, schemas[-1], ids[-1])


async def test_subjects_with_any_character_are_kept_apart(store: Registry, unique_name: str) -> None:
    names = [f"{unique_name}{tail}" for tail in ("", ".a-value", "-b_c", "%2e")]
    for name in names:
        await store.register(name, json_schema("string"))
    assert set(names) <= set(await store.subjects())
    assert await store.find(f"{unique_name}.other", json_schema("string")) is None


async def test_ids_that_there_are_none_of(store: Registry) -> None:
    with pytest.raises(UnknownSchemaError, match="schema 2147483647 is not known to the schema registry at"):
        await store.by_id(2**31 - 1)
    guid = UUID("00000000-0000-4000-8000-000000000000")
    with pytest.raises(UnknownSchemaError, match=str(guid)):
        await store.by_guid(guid)


async def test_a_level_is_the_subjects_own(store: Registry, unique_name: str) -> None:
    await store.register(unique_name, json_schema("string"))
    assert await store.compatibility(unique_name) is Compatibility.NONE
    assert await store.compatibility(f"{unique_name}.none") is Compatibility.NONE
    for level in Compatibility:
        await store.set_compatibility(unique_name, level)
        assert await store.compatibility(unique_name) is level


@pytest.mark.parametrize("level", [Compatibility.BACKWARD, Compatibility.FULL_TRANSITIVE])
@pytest.mark.parametrize("make", [json_schema, avro_schema])
async def test_what_does_not_fit_is_told_by_a_check_and_refused(
    store: Registry, unique_name: str, make: Callable[..., SchemaText], level: Compatibility
) -> None:
    assert (await store.check(unique_name, make("string"))).compatible
    registered = await store.register(unique_name, make("string"))
    await store.set_compatibility(unique_name, level)
    good = await store.check(unique_name, make("string"))
    assert (good.compatible, good.reason) == (True, "")
    bad = await store.check(unique_name, make("long" if make is avro_schema else "boolean"))
    assert not bad.compatible
    assert bad.reason
    with pytest.raises(SchemaRefusedError, match=f"refuses to register {unique_name}: .*(ncompatible|not equal)"):
        await store.register(unique_name, make("long" if make is avro_schema else "boolean"))
    latest = await store.latest(unique_name)
    assert latest is not None
    assert latest.registered.schema_id == registered.schema_id


async def test_what_is_no_schema_is_refused(store: Registry, unique_name: str) -> None:
    for kind in (SchemaKind.JSON, SchemaKind.AVRO):
        with pytest.raises(SchemaRefusedError, match=f"refuses to register {unique_name}: "):
            await store.register(unique_name, SchemaText(kind, "{nonsense"))
    assert await store.latest(unique_name) is None


async def test_a_registry_keeps_its_schemas_over_sigkill(registry_factory: Callable[..., Any]) -> None:
    server = registry_factory()
    store = HttpRegistry(registry_address(server.url, Settings({})))
    registered = await store.register("things-value", json_schema("string"))
    server.kill()
    server.start()
    assert await store.by_id(registered.schema_id) == json_schema("string")
    assert await store.register("others-value", json_schema("integer")) != registered
