"""The schemas of a log's topics in a registry: one subject per topic, by TopicNameStrategy."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from socialsim.errors import InputError
from socialsim.events.avro import avro_schema_text
from socialsim.events.registry_schema import registry_schema_text, subject_of
from socialsim.formats.choice import SchemaIdPlace, ValueFormat, WireFormat
from socialsim.registry import Compatibility, Registered, Registry, SchemaKey, SchemaKind, SchemaText

#: What new subjects are held to: the strictest level under which optional members can be added.
LEVELS: Final = {SchemaKind.AVRO: Compatibility.FULL_TRANSITIVE, SchemaKind.JSON: Compatibility.BACKWARD}


_REMEDY: Final = "delete the subject there, or choose another topic prefix (kafka://HOST:PORT/PREFIX) or registry"


class RegisteredSubject(NamedTuple):
    """A subject after it was registered; ``is_new`` if its schema was not registered before."""

    name: str
    registered: Registered
    is_new: bool


class SubjectCheck(NamedTuple):
    """The state of a subject: ``state`` is registered, missing, compatible or incompatible."""

    name: str
    state: str
    registered: Registered | None
    reason: str  #: the registry's, if the schema is incompatible


def schema_of(name: str, value_format: ValueFormat) -> SchemaText:
    """The schema of the event with the wire name ``name``, as it is registered for the format."""
    if value_format is ValueFormat.AVRO:
        return SchemaText(SchemaKind.AVRO, avro_schema_text(name))
    return SchemaText(SchemaKind.JSON, registry_schema_text(name))


async def register_subjects(
    registry: Registry, topics: Mapping[str, str], value_format: ValueFormat
) -> list[RegisteredSubject]:
    """Register the schema of each event of ``topics``, which has full topic names by wire name.

    All schemas are checked before the first is registered. A new subject gets a compatibility level
    of its own, see ``LEVELS``; existing ones keep theirs. Raises SchemaRefusedError with the
    registry's reason, InputError for an incompatible schema, ServiceUnavailableError.
    """
    checks = await check_subjects(registry, topics, value_format)
    refuse_incompatible(registry.address, checks)
    subjects = []
    for (name, topic), check in zip(topics.items(), checks, strict=True):
        subject, schema = subject_of(topic), schema_of(name, value_format)
        registered = check.registered or await registry.register(subject, schema)
        if check.state == "missing":
            await registry.set_compatibility(subject, LEVELS[schema.kind])
        subjects.append(RegisteredSubject(subject, registered, check.registered is None))
    return subjects


def refuse_incompatible(address: str, checks: Sequence[SubjectCheck]) -> None:
    """Raise InputError if one of ``checks`` is incompatible."""
    refused = [f"{each.name}: {each.reason}" for each in checks if each.state == "incompatible"]
    if refused:
        raise InputError(
            f"the schema registry at {address} holds incompatible schemas, nothing was registered: "
            f"{'; '.join(refused)}; {_REMEDY}"
        )


async def check_subjects(
    registry: Registry, topics: Mapping[str, str], value_format: ValueFormat
) -> list[SubjectCheck]:
    """Whether the registry holds the schema of each event of ``topics``, or would take it.

    Changes nothing. Raises SchemaRefusedError, ServiceUnavailableError.
    """
    checks = []
    for name, topic in topics.items():
        subject, schema = subject_of(topic), schema_of(name, value_format)
        registered = await registry.find(subject, schema)
        if registered is not None:
            checks.append(SubjectCheck(subject, "registered", registered, ""))
        elif (latest := await registry.latest(subject)) is None:
            checks.append(SubjectCheck(subject, "missing", None, ""))
        elif latest.schema.kind is not schema.kind:
            # Registries refuse to compare two kinds, each in words of its own.
            reason = f"it holds a schema of the kind {latest.schema.kind.value}, this one is {schema.kind.value}"
            checks.append(SubjectCheck(subject, "incompatible", None, reason))
        else:
            verdict = await registry.check(subject, schema)
            state = "compatible" if verdict.compatible else "incompatible"
            checks.append(SubjectCheck(subject, state, None, verdict.reason))
    return checks


async def find_subjects(
    registry: Registry,
    topics: Mapping[str, str],
    value_format: ValueFormat,
    place: SchemaIdPlace,
    register_command: str,
) -> WireFormat:
    """The format of a run's values, with the registered identity of each schema.

    Plain JSON names no schema unless ``place`` is the header. Raises InputError for schemas that
    are not registered, naming ``register_command``, or incompatible, with the registry's reason,
    and for a registry without GUIDs; ServiceUnavailableError.
    """
    if value_format is ValueFormat.JSON and place is SchemaIdPlace.PREFIX:
        return WireFormat(value_format, {}, has_content_type=True)
    schemas: dict[str, SchemaKey] = {}
    checks = await check_subjects(registry, topics, value_format)
    for name, check in zip(topics, checks, strict=True):
        if check.registered is None:
            raise InputError(_explain(registry, check, value_format, register_command))
        if place is SchemaIdPlace.PREFIX:
            schemas[name] = check.registered.schema_id
            continue
        if check.registered.guid is None:
            raise InputError(
                f"--schema-id is header, but the schema registry at {registry.address} serves no GUIDs of schemas; "
                "use --schema-id prefix, or a registry that does"
            )
        schemas[name] = check.registered.guid
    return WireFormat(value_format, schemas, has_content_type=True)


def _explain(registry: Registry, check: SubjectCheck, value_format: ValueFormat, register_command: str) -> str:
    where = f"the schema registry at {registry.address}"
    match check.state:
        case "missing":
            return f"{where} has no subject {check.name}; to register it, run: {register_command}"
        case "compatible":
            return (
                f"{where} holds another schema under {check.name}, with which this version's {value_format.value} "
                f"schema is compatible; to register it, run: {register_command}"
            )
    return f"{where} holds an incompatible schema under {check.name}: {check.reason}; {_REMEDY}"
