"""Opens the schema registry of a URL, and decides the format of a run's values."""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

import msgspec

from socialsim.bootstrap.log import TYPES, open_reader
from socialsim.errors import InputError
from socialsim.events import Event
from socialsim.events.registry_schema import subject_of
from socialsim.formats import (
    CanonicalReader,
    SchemaIdPlace,
    ValueFormat,
    ValueReader,
    WireFormat,
    check_subjects,
    find_subjects,
    register_subjects,
)
from socialsim.formats.reading import split_dead_letter
from socialsim.formats.subjects import RegisteredSubject, SubjectCheck, refuse_incompatible
from socialsim.registry import HttpRegistry, Limits, Registry, registry_address
from socialsim.runs.directory import ValueSettings
from socialsim.settings import Settings
from socialsim.transport.base import EventReader
from socialsim.transport.urls import FileUrl, KafkaUrl, LogUrl

#: How long a registry that does not answer is asked again, in seconds.
_PATIENCE_S: Final = 15.0
#: Default time that a record waits for an unknown schema, in seconds.
SCHEMA_WAIT_S: Final = Limits().wait_s


def open_registry(url: str, settings: Settings, *, patience_s: float = _PATIENCE_S) -> Registry:
    """A client of the registry at ``url``.

    Connects on use. Raises InputError for an invalid URL.
    """
    return HttpRegistry(registry_address(url, settings), patience_s=patience_s)


def open_value_reader(
    url: str | None, settings: Settings, log: LogUrl | None = None, *, wait_s: float = SCHEMA_WAIT_S
) -> ValueReader:
    """A decoder of values in all formats, or of plain JSON only without a ``url``.

    The schemas of the topics of ``log`` are looked up at once. ``wait_s`` is how long a record
    waits for a schema that the registry does not have yet. Raises InputError for an invalid URL,
    ServiceUnavailableError if the registry does not answer.
    """
    if url is None:
        return ValueReader()
    reader = ValueReader(open_registry(url, settings, patience_s=min(wait_s, _PATIENCE_S)), Limits(wait_s=wait_s))
    if isinstance(log, KafkaUrl):
        subjects = map(subject_of, full_topics(log).values())
        asyncio.run(reader.preload(open_registry(url, settings), subjects))
    return reader


def open_plain_reader(log: LogUrl, settings: Settings, *, run_id: str | None, registry: str | None) -> EventReader:
    """A reader of all partitions that returns plain JSON, whatever format the values are in.

    Raises InputError, ServiceUnavailableError if the registry does not answer.
    """
    reader = open_reader(log, settings, group=None, run_id=run_id)
    return reader if registry is None else CanonicalReader(reader, open_value_reader(registry, settings, log))


class StoredValues:
    """Decodes values that dead letters kept, outside of an event loop. Use as a context manager."""

    def __init__(self, url: str | None, settings: Settings) -> None:
        self._values = open_value_reader(url, settings)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._values.close())
        self._runner.close()

    def decode(self, kept: bytes, name: str | None) -> Event:
        """The event of a dead letter. Raises InvalidRecordError."""
        raw, header = self._prepared(kept)
        return self._values.decode(raw, name, header)

    def canonical(self, kept: bytes) -> bytes:
        """The value as plain JSON if it can be decoded, else unchanged."""
        raw, header = self._prepared(kept)
        return self._values.canonical(raw, None, header)

    def _prepared(self, kept: bytes) -> tuple[bytes, bytes | None]:
        raw, header = split_dead_letter(kept)
        if header is not None or raw[:1] == b"\0":
            self._runner.run(self._values.prepare([raw], [header]))
        return raw, header


def choose_values(log: LogUrl, registry: str | None, value_format: str | None, schema_id: str | None) -> ValueSettings:
    """The value settings of the options, checked for contradictions. Raises InputError.

    With a registry, values are JSON that names its schema unless another format is chosen. A log of
    files holds plain JSON: a registry that is only set in the environment has no effect on it.
    """
    _check_one_of("--value-format", value_format, [each.value for each in ValueFormat])
    _check_one_of("--schema-id", schema_id, [each.value for each in SchemaIdPlace])
    if isinstance(log, FileUrl):
        if value_format not in (None, ValueFormat.JSON.value):
            raise InputError(
                f"--value-format is {value_format}, but {log} holds plain JSON; write to kafka://HOST:PORT"
            )
        if schema_id is not None:
            raise InputError(
                f"--schema-id is {schema_id}, but records in {log} have no schema id; write to kafka://HOST:PORT"
            )
        return ValueSettings()
    if registry is None:
        if value_format not in (None, ValueFormat.JSON.value):
            raise InputError(f"--value-format is {value_format}, which needs a schema registry: give --registry URL")
        if schema_id is not None:
            raise InputError(f"--schema-id is {schema_id}, which needs a schema registry: give --registry URL")
        return ValueSettings()
    chosen = {
        "format": value_format or ValueFormat.JSON_REGISTRY.value,
        "schema_id": schema_id or SchemaIdPlace.PREFIX.value,
        "registry": registry,
    }
    return msgspec.convert(chosen, ValueSettings)


def check_value_format(value_format: str | None) -> str:
    """The name of a format with schemas: ``json-registry`` unless one is given.

    Raises InputError.
    """
    allowed = [ValueFormat.JSON_REGISTRY.value, ValueFormat.AVRO.value]
    _check_one_of("--value-format", value_format, allowed)
    return value_format or ValueFormat.JSON_REGISTRY.value


def _check_one_of(option: str, text: str | None, allowed: Sequence[str]) -> None:
    if text is not None and text not in allowed:
        raise InputError(f"{option} is {text!r}, allowed are {', '.join(allowed)}")


def resolve_wire_format(log: LogUrl, settings: Settings, values: ValueSettings) -> WireFormat:
    """Look up the schemas of a run's values, once.

    Raises InputError for schemas that are not registered or incompatible, with the registry's
    reason, ServiceUnavailableError.
    """
    if values.registry is None or not isinstance(log, KafkaUrl):
        return WireFormat()
    value_format, place = ValueFormat(values.format), SchemaIdPlace(values.schema_id)
    kind = "avro" if value_format is ValueFormat.AVRO else "json-registry"
    command = f"socialsim registry push --to {log} --registry {values.registry} --value-format {kind}"
    registry = open_registry(values.registry, settings)
    return asyncio.run(find_subjects(registry, full_topics(log), value_format, place, command))


def push_subjects(log: KafkaUrl, url: str, value_format: str, settings: Settings) -> list[RegisteredSubject]:
    """Register the schemas of the log's topics. Raises as ``register_subjects``."""
    return asyncio.run(register_subjects(open_registry(url, settings), full_topics(log), ValueFormat(value_format)))


def require_compatible(log: KafkaUrl, url: str, value_format: str, settings: Settings) -> None:
    """Raise InputError if the registry would refuse a schema of the log's topics."""
    refuse_incompatible(url, inspect_subjects(log, url, value_format, settings))


def inspect_subjects(log: KafkaUrl, url: str, value_format: str, settings: Settings) -> list[SubjectCheck]:
    """The state of the log's subjects. Raises as ``check_subjects``."""
    return asyncio.run(check_subjects(open_registry(url, settings), full_topics(log), ValueFormat(value_format)))


def full_topics(log: KafkaUrl) -> dict[str, str]:
    """The topics' full names by the events' wire names."""
    return {name: f"{log.topic_prefix}{topic}" for topic, name in TYPES.items()}
