"""Subjects: registered together or not at all, found once, refused with the registry's reason."""

import pytest

from socialsim.errors import InputError, ServiceUnavailableError
from socialsim.formats import SchemaIdPlace, ValueFormat, check_subjects, find_subjects, register_subjects, schema_of
from socialsim.registry import Compatibility, SchemaKind, SchemaText
from socialsim.testing import MemoryRegistry, run_virtual

TOPICS = {"user": "t.users", "picture": "t.pictures"}
PREFIX = SchemaIdPlace.PREFIX


def refuses_pictures(_: Compatibility, schema: SchemaText, __: list[SchemaText]) -> str | None:
    return "READER_FIELD_MISSING" if '"width_px"' in schema.text else None


def test_registering_twice_changes_nothing() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        first = await register_subjects(registry, TOPICS, ValueFormat.AVRO)
        assert [(each.name, each.is_new) for each in first] == [("t.users-value", True), ("t.pictures-value", True)]
        for each in first:
            assert await registry.compatibility(each.name) is Compatibility.FULL_TRANSITIVE
        # the owner's choice stays
        await registry.set_compatibility("t.users-value", Compatibility.NONE)
        again = await register_subjects(registry, TOPICS, ValueFormat.AVRO)
        assert [(each.registered, each.is_new) for each in again] == [(each.registered, False) for each in first]
        assert await registry.compatibility("t.users-value") is Compatibility.NONE

    run_virtual(main())


def test_nothing_is_registered_if_one_schema_is_incompatible() -> None:
    async def main() -> None:
        registry = MemoryRegistry(refuses_pictures)
        await registry.register("t.pictures-value", SchemaText(SchemaKind.AVRO, '"string"'))
        await registry.set_compatibility("t.pictures-value", Compatibility.BACKWARD)
        with pytest.raises(InputError, match=r"nothing was registered: t\.pictures-value: READER_FIELD_MISSING"):
            await register_subjects(registry, TOPICS, ValueFormat.AVRO)
        assert await registry.subjects() == ["t.pictures-value"]
        states = [each.state for each in await check_subjects(registry, TOPICS, ValueFormat.AVRO)]
        assert states == ["missing", "incompatible"]
        with pytest.raises(InputError, match=r"no subject t\.users-value; to register it, run: push it"):
            await find_subjects(registry, TOPICS, ValueFormat.AVRO, PREFIX, "push it")
        await registry.register("t.users-value", schema_of("user", ValueFormat.AVRO))
        with pytest.raises(InputError, match=r"incompatible schema under t\.pictures-value: READER_FIELD_MISSING"):
            await find_subjects(registry, TOPICS, ValueFormat.AVRO, PREFIX, "push it")

    run_virtual(main())


def test_a_compatible_schema_must_be_registered_first() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        for topic in TOPICS.values():
            await registry.register(f"{topic}-value", SchemaText(SchemaKind.JSON, "{}"))
        with pytest.raises(
            InputError, match=r"another schema under t\.users-value.* json-registry schema is compatible"
        ):
            await find_subjects(registry, TOPICS, ValueFormat.JSON_REGISTRY, PREFIX, "push it")

    run_virtual(main())


def test_a_subject_holds_schemas_of_one_kind() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        await register_subjects(registry, TOPICS, ValueFormat.JSON_REGISTRY)
        with pytest.raises(
            InputError, match=r"it holds a schema of the kind JSON, this one is AVRO; delete the subject"
        ):
            await register_subjects(registry, TOPICS, ValueFormat.AVRO)
        with pytest.raises(
            InputError, match=r"it holds a schema of the kind JSON, this one is AVRO; delete the subject"
        ):
            await find_subjects(registry, TOPICS, ValueFormat.AVRO, PREFIX, "push it")

    run_virtual(main())


def test_guids_need_a_registry_that_serves_them() -> None:
    async def main() -> None:
        registry = MemoryRegistry(serves_guids=False)
        await register_subjects(registry, TOPICS, ValueFormat.AVRO)
        with pytest.raises(InputError, match="serves no GUIDs of schemas; use --schema-id prefix"):
            await find_subjects(registry, TOPICS, ValueFormat.AVRO, SchemaIdPlace.HEADER, "push it")

    run_virtual(main())


def test_plain_json_asks_nothing() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        registry.away = True
        wire = await find_subjects(registry, TOPICS, ValueFormat.JSON, PREFIX, "push it")
        assert wire.schemas == {}
        with pytest.raises(ServiceUnavailableError):
            await find_subjects(registry, TOPICS, ValueFormat.JSON_REGISTRY, PREFIX, "push it")

    run_virtual(main())
