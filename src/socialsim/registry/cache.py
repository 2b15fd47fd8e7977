"""What a reader of records remembers of a registry: schemas by their ids, and which ids there are
none of.

A schema never changes under its id, so that what was found is kept, and the registry may go away.
What was not found is asked for again within a limit, for a registry's copy may lag behind its
writer's; then the id counts as unknown for a while, and its records are refused at once. Records
with ever new invented ids hold nobody up for long: while many ids are known to be unknown, a
further one is asked for once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

from socialsim.errors import SchemaRefusedError, ServiceUnavailableError, UnknownSchemaError
from socialsim.registry.base import Registry, SchemaText

#: How a record names its schema.
SchemaKey: TypeAlias = int | UUID
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, and how much of it."""

    wait_s: float = 10.0  #: for an id that the registry does not know, or cannot be asked for
    pause_s: float = 0.5  #: between two questions for it
    unknown_s: float = 60.0  #: that an id counts as unknown without a question
    #: so many unknown ids are waited for at a time; further ones are asked for once
    patient_for: int = 16
    unknown_max: int = 10_000  #: so many unknown ids are remembered


class SchemaCache(Generic[Made]):
    """What ``make`` makes of each schema, such as a reader of its records, made once.

    ``get`` may be called by many tasks at once: an id is looked up by the first, and all are told.
    What ``make`` raises is raised to each of them, and again for each later record: the schema will
    not change.
    """

    def __init__(
        self, registry: Registry, make: Callable[[SchemaKey, SchemaText], Made], limits: Limits = Limits()
    ) -> None:
        self._registry = registry
        self._make = make
        self._limits = limits
        self._made: dict[SchemaKey, Made] = {}
        self._useless: dict[SchemaKey, Exception] = {}
        self._unknown: dict[SchemaKey, tuple[float, str]] = {}
        self._asking: dict[SchemaKey, asyncio.Task[None]] = {}

    def known(self, key: SchemaKey) -> Made | None:
        """What was made before, without a question: the way of nearly every record."""
        return self._made.get(key)

    async def get(self, key: SchemaKey) -> Made:
        """What is made of the schema ``key``.

        Raises UnknownSchemaError, or what ``make`` raised.
        """
        while key not in self._made:
            if key in self._useless:
                raise self._useless[key].with_traceback(None)  # else each raise would lengthen it
            if (reason := self._unknown_still(key)) is not None:
                raise UnknownSchemaError(reason)
            if key not in self._asking:
                self._asking[key] = asyncio.create_task(self._ask(key))
            # Who gives up waiting must not end the question of the others.
            await asyncio.shield(self._asking[key])
        return self._made[key]

    def add(self, key: SchemaKey, schema: SchemaText) -> None:
        """Keep a schema that was looked up in another way, such as by its subject."""
        if key not in self._made:
            self._keep(key, schema)

    async def close(self) -> None:
        """End the questions that are under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _unknown_still(self, key: SchemaKey) -> str | None:
        if key not in self._unknown:
            return None
        until, reason = self._unknown[key]
        if asyncio.get_running_loop().time() < until:
            return reason
        del self._unknown[key]
        return None

    async def _ask(self, key: SchemaKey) -> None:
        """Come to an answer of one kind or another, and write it down."""
        clock = asyncio.get_running_loop().time
        began = clock()
        patient = self._fresh_unknown() < self._limits.patient_for
        try:
            while True:
                try:
                    schema = await self._look_up(key)
                except (UnknownSchemaError, SchemaRefusedError, ServiceUnavailableError) as error:
                    waited_s = clock() - began
                    if not patient or waited_s + self._limits.pause_s >= self._limits.wait_s:
                        self._forget_some()
                        reason = f"{error}; asked for {waited_s:.0f} s"
                        self._unknown[key] = (clock() + self._limits.unknown_s, reason)
                        return
                    await asyncio.sleep(self._limits.pause_s)
                else:
                    self._keep(key, schema)
                    return
        finally:
            del self._asking[key]

    def _look_up(self, key: SchemaKey) -> Awaitable[SchemaText]:
        return self._registry.by_id(key) if isinstance(key, int) else self._registry.by_guid(key)

    def _keep(self, key: SchemaKey, schema: SchemaText) -> None:
        try:
            self._made[key] = self._make(key, schema)
        except Exception as error:  # noqa: BLE001 - raised by get
            self._useless[key] = error

    def _fresh_unknown(self) -> int:
        now = asyncio.get_running_loop().time()
        return sum(until > now for until, _ in self._unknown.values())

    def _forget_some(self) -> None:
        """The oldest first, so that invented ids do not fill the memory."""
        while len(self._unknown) >= self._limits.unknown_max:
            del self._unknown[next(iter(self._unknown))]
