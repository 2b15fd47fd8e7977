"""A schema registry in memory, with faults on request."""

import json
from collections.abc import Callable
from hashlib import md5
from typing import Final, TypeAlias
from uuid import UUID

from socialsim.errors import SchemaRefusedError, ServiceUnavailableError, UnknownSchemaError
from socialsim.registry.base import (
    Compatibility,
    Registered,
    Registry,
    SchemaKind,
    SchemaText,
    SubjectVersion,
    Verdict,
)

#: Why a subject that holds ``earlier``, latest last, does not take a schema; None if it does.
Judge: TypeAlias = Callable[[Compatibility, SchemaText, list[SchemaText]], str | None]


def takes_all(_: Compatibility, __: SchemaText, ___: list[SchemaText]) -> str | None:
    """The judge of a registry that holds schemas to nothing but their spelling."""
    return None


class MemoryRegistry(Registry):
    """Keeps the promises of ``socialsim.registry.Registry``. Compatibility is as ``judge`` says: it
    knows no rules itself.

    ``away`` makes every request fail as if nobody answered; ``serves_guids`` is what newer
    registries do; ``asked`` counts the requests by the method's name.
    """

    def __init__(self, judge: Judge = takes_all, *, serves_guids: bool = True) -> None:
        self.away = False
        self.serves_guids = serves_guids
        self.asked: dict[str, int] = {}
        self._judge = judge
        self._schemas: list[SchemaText] = []
        self._subjects: dict[str, list[int]] = {}
        self._levels: dict[str, Compatibility] = {}

    @property
    def address(self) -> str:
        """Not a place that anything could connect to."""
        return "memory:"

    async def register(self, subject: str, schema: SchemaText) -> Registered:
        """See Registry."""
        self._enter("register")
        schema_id = self._held(subject, schema)
        if schema_id is None:
            reason = self._objection(subject, schema)
            if reason is not None:
                raise SchemaRefusedError(
                    f"the schema registry at {self.address} refuses to register {subject}: {reason}"
                )
            if schema not in self._schemas:
                self._schemas.append(schema)
            schema_id = self._schemas.index(schema) + 1
            self._subjects.setdefault(subject, []).append(schema_id)
        return self._registered(schema_id)

    async def find(self, subject: str, schema: SchemaText) -> Registered | None:
        """See Registry."""
        self._enter("find")
        schema_id = self._held(subject, schema)
        return None if schema_id is None else self._registered(schema_id)

    async def by_id(self, schema_id: int) -> SchemaText:
        """See Registry."""
        self._enter("by_id")
        if not 1 <= schema_id <= len(self._schemas):
            raise UnknownSchemaError(f"schema {schema_id} is not known to the schema registry at {self.address}")
        return self._schemas[schema_id - 1]

    async def by_guid(self, guid: UUID) -> SchemaText:
        """See Registry."""
        self._enter("by_guid")
        for schema in self._schemas if self.serves_guids else ():
            if _guid(schema) == guid:
                return schema
        raise UnknownSchemaError(f"schema {guid} is not known to the schema registry at {self.address}")

    async def latest(self, subject: str) -> SubjectVersion | None:
        """See Registry."""
        self._enter("latest")
        versions = self._subjects.get(subject)
        if not versions:
            return None
        return SubjectVersion(subject, len(versions), self._registered(versions[-1]), self._schemas[versions[-1] - 1])

    async def check(self, subject: str, schema: SchemaText) -> Verdict:
        """See Registry."""
        self._enter("check")
        reason = self._objection(subject, schema)
        return Verdict(reason is None, reason or "")

    async def subjects(self) -> list[str]:
        """See Registry."""
        self._enter("subjects")
        return sorted(self._subjects)

    async def compatibility(self, subject: str) -> Compatibility:
        """See Registry."""
        self._enter("compatibility")
        return self._levels.get(subject, _DEFAULT)

    async def set_compatibility(self, subject: str, level: Compatibility) -> None:
        """See Registry."""
        self._enter("set_compatibility")
        self._levels[subject] = level

    def _enter(self, method: str) -> None:
        self.asked[method] = self.asked.get(method, 0) + 1
        if self.away:
            raise ServiceUnavailableError(f"the schema registry at {self.address}", 0, "it is away until its test says")

    def _held(self, subject: str, schema: SchemaText) -> int | None:
        return next((n for n in self._subjects.get(subject, ()) if self._schemas[n - 1] == schema), None)

    def _objection(self, subject: str, schema: SchemaText) -> str | None:
        if schema.kind is not SchemaKind.PROTOBUF:
            try:
                json.loads(schema.text)
            except ValueError as error:
                return f"not a schema: {error}"
        level = self._levels.get(subject, _DEFAULT)
        earlier = [self._schemas[n - 1] for n in self._subjects.get(subject, ())]
        if level is Compatibility.NONE or not earlier:
            return None
        return self._judge(level, schema, earlier if level.name.endswith("_TRANSITIVE") else earlier[-1:])

    def _registered(self, schema_id: int) -> Registered:
        return Registered(schema_id, _guid(self._schemas[schema_id - 1]) if self.serves_guids else None)


_DEFAULT: Final = Compatibility.NONE


def _guid(schema: SchemaText) -> UUID:
    """The same in all registries, for it is made of the schema alone."""
    return UUID(bytes=md5(f"{schema.kind.value}:{schema.text}".encode(), usedforsecurity=False).digest())
