"""What a schema registry does for us: the interface, with the errors that every implementation
raises.

All methods raise ServiceUnavailableError if the registry cannot be reached in time, and
SchemaRefusedError, with the registry's own reason, if it does not do what it is asked.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from uuid import UUID


class SchemaKind(Enum):
    """The languages of schemas, by the registries' names."""

    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"
    OTHER = "OTHER"  #: any that only some registries know, such as GRAPHQL


class Compatibility(Enum):
    """What a subject's next schema is held to."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"


@dataclass(frozen=True, slots=True)
class SchemaText:
    """A schema as it is stored."""

    kind: SchemaKind
    text: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema's identity: ``schema_id`` in this registry, ``guid`` in all of them, None where it
    is not served.
    """

    schema_id: int
    guid: UUID | None = None


@dataclass(frozen=True, slots=True)
class SubjectVersion:
    """One version of a subject, counted from 1."""

    subject: str
    version: int
    registered: Registered
    schema: SchemaText


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a subject would take a schema; ``reason`` is the registry's, empty if it would."""

    compatible: bool
    reason: str = ""


class Registry(ABC):
    """A schema registry."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where it is, for a person."""

    @abstractmethod
    async def register(self, subject: str, schema: SchemaText) -> Registered:
        """Make ``schema`` the subject's latest; the same identity as before if the subject holds it
        already.
        """

    @abstractmethod
    async def find(self, subject: str, schema: SchemaText) -> Registered | None:
        """The identity of ``schema`` if the subject holds it."""

    @abstractmethod
    async def by_id(self, schema_id: int) -> SchemaText:
        """The schema of that id. Raises UnknownSchemaError if there is none."""

    @abstractmethod
    async def by_guid(self, guid: UUID) -> SchemaText:
        """The schema of that GUID.

        Raises UnknownSchemaError if there is none, or if GUIDs are not served.
        """

    @abstractmethod
    async def latest(self, subject: str) -> SubjectVersion | None:
        """The subject's latest version; None if there is no such subject."""

    @abstractmethod
    async def check(self, subject: str, schema: SchemaText) -> Verdict:
        """Whether the subject would take ``schema``. A subject that is not there takes any."""

    @abstractmethod
    async def subjects(self) -> list[str]:
        """All subjects, sorted."""

    @abstractmethod
    async def compatibility(self, subject: str) -> Compatibility:
        """What the subject's next schema is held to: its own level, else the registry's."""

    @abstractmethod
    async def set_compatibility(self, subject: str, level: Compatibility) -> None:
        """Give the subject a level of its own.

        Before it is there, registries differ: some keep the level, some do not.
        """
