"""What is remembered of a registry: found ids for good, unknown ones for a while; on a clock that
jumps.
"""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from socialsim.errors import UnknownSchemaError
from socialsim.registry import Limits, SchemaCache, SchemaKey, SchemaKind, SchemaText
from socialsim.testing import MemoryRegistry, run_virtual

LIMITS = Limits(wait_s=10, pause_s=0.5, unknown_s=60, patient_for=3, unknown_max=5)
SCHEMA = SchemaText(SchemaKind.AVRO, '{"type":"string"}')


def text_of(_: SchemaKey, schema: SchemaText) -> str:
    return schema.text


def now() -> float:
    return asyncio.get_running_loop().time()


def cache_of(registry: MemoryRegistry, limits: Limits = LIMITS) -> SchemaCache[str]:
    return SchemaCache(registry, text_of, limits)


def test_an_id_is_asked_for_once_by_however_many() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        registered = await registry.register("s", SCHEMA)
        assert registered.guid is not None
        cache = cache_of(registry)
        assert cache.known(1) is None
        for key in (1, registered.guid):
            assert await asyncio.gather(*(cache.get(key) for _ in range(50))) == [SCHEMA.text] * 50
            assert cache.known(key) == SCHEMA.text
        assert (registry.asked["by_id"], registry.asked["by_guid"]) == (1, 1)

    run_virtual(main())


def test_what_was_found_stays_when_the_registry_goes_away() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        await registry.register("s", SCHEMA)
        cache = cache_of(registry)
        await cache.get(1)
        registry.away = True
        assert await cache.get(1) == SCHEMA.text

    run_virtual(main())


@pytest.mark.parametrize("away", [False, True])
def test_an_id_that_comes_to_be_known_while_it_is_waited_for_is_found(away: bool) -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        registry.away = away
        waiting = asyncio.create_task(cache_of(registry).get(1))
        await asyncio.sleep(5)
        registry.away = False
        await registry.register("s", SCHEMA)
        assert await waiting == SCHEMA.text
        assert now() < 6

    run_virtual(main())


@pytest.mark.parametrize(("away", "reason"), [(False, "schema 9 is not known"), (True, "cannot reach")])
def test_an_unknown_id_is_waited_for_within_a_limit_and_then_refused_for_a_while(away: bool, reason: str) -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        registry.away = away
        cache = cache_of(registry)
        for _ in range(3):
            with pytest.raises(UnknownSchemaError, match=rf"{reason}.*; asked for 10 s"):
                await cache.get(9)
        assert now() == 9.5  # not again for the second and the third
        asked = registry.asked["by_id"]
        assert asked == 20
        await asyncio.sleep(LIMITS.unknown_s)
        with pytest.raises(UnknownSchemaError):
            await cache.get(9)
        assert registry.asked["by_id"] == 2 * asked

    run_virtual(main())


def test_ids_that_are_invented_one_after_another_hold_nobody_up_for_long() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        cache = cache_of(registry)
        for key in range(1_000, 1_100):
            with pytest.raises(UnknownSchemaError):
                await cache.get(key)
        assert now() <= LIMITS.patient_for * LIMITS.wait_s
        assert len(cache._unknown) <= LIMITS.unknown_max

    run_virtual(main())


def test_a_schema_that_is_of_no_use_is_made_once_and_refused_to_each() -> None:
    made: list[Any] = []

    def refuse(key: SchemaKey, _: SchemaText) -> str:
        made.append(key)
        raise ValueError("of no use")

    async def main() -> None:
        registry = MemoryRegistry()
        await registry.register("s", SCHEMA)
        cache = SchemaCache(registry, refuse, LIMITS)
        for _ in range(3):
            with pytest.raises(ValueError, match="of no use"):
                await cache.get(1)
        assert made == [1]

    run_virtual(main())


def test_who_gives_up_does_not_end_the_others_question() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        registry.away = True
        cache = cache_of(registry)
        impatient, patient = (asyncio.create_task(cache.get(1)) for _ in range(2))
        await asyncio.sleep(1)
        impatient.cancel()
        await asyncio.sleep(1)
        registry.away = False
        await registry.register("s", SCHEMA)
        assert await patient == SCHEMA.text
        assert impatient.cancelled()

    run_virtual(main())


def test_close_ends_what_is_asked() -> None:
    async def main() -> None:
        registry = MemoryRegistry()
        registry.away = True
        cache = cache_of(registry)
        waiting = asyncio.create_task(cache.get(UUID(int=5)))
        await asyncio.sleep(1)
        await cache.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert now() == 1

    run_virtual(main())
