"""Creates and inspects topics, and alters their settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from socialsim.errors import InputError, TerminalError
from socialsim.transport.base import TopicDescription
from socialsim.transport.kafka.alter_configs import IncrementalAlterConfigsRequest
from socialsim.transport.kafka.cluster import KafkaLog
from socialsim.transport.kafka.connect import start_client, stop_client, translate
from socialsim.transport.kafka.topic_settings import (
    NO_OVERRIDES,
    Deviation,
    SettingOverrides,
    TopicState,
    compare,
    kafka_tool_command,
    sum_up,
)

CONNECT_TIMEOUT_S: Final = 15.0
_REPLICATION_DEFAULT_MAX: Final = 3
_LOOK_AGAIN_S: Final = 0.05


class ClusterState(NamedTuple):
    """The cluster's id and the state of the existing topics by short name."""

    cluster_id: str
    topics: dict[str, TopicState]


class Created(NamedTuple):
    """The full names of the created topics, and the tolerable deviations of all topics."""

    names: list[str]
    warnings: list[Deviation]


@contextlib.asynccontextmanager
async def _connected(cluster: KafkaLog, timeout_s: float) -> AsyncIterator[AIOKafkaAdminClient]:
    client = await start_client(lambda: AIOKafkaAdminClient(**cluster.client_options()), cluster, timeout_s)
    try:
        yield client
    except (kafka_errors.KafkaError, OSError) as error:
        raise translate(error, cluster) from error
    finally:
        await stop_client(client)


async def read_cluster(
    cluster: KafkaLog, topics: Sequence[str], *, timeout_s: float = CONNECT_TIMEOUT_S
) -> tuple[str, dict[str, int]]:
    """The cluster's id, and the numbers of partitions of the existing ``topics`` (short names)."""
    async with _connected(cluster, timeout_s) as client:
        cluster_id = str((await client.describe_cluster())["cluster_id"])
        described = await client.describe_topics([cluster.topic(name) for name in topics])
    counts = {
        topic["topic"].removeprefix(cluster.topic_prefix): len(topic["partitions"])
        for topic in described
        if topic["error_code"] == 0
    }
    return cluster_id, counts


async def create_topics(
    cluster: KafkaLog,
    topics: Sequence[str],
    *,
    partitions: int,
    replication: int | None = None,
    overrides: SettingOverrides = NO_OVERRIDES,
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> Created:
    """Create the missing topics, after checking the existing ones.

    ``replication`` None means three replicas, or one per broker if there are fewer. With three or
    more replicas, a record is acknowledged once all but one have it. Raises InputError and creates
    nothing if a topic exists with another number of partitions or with settings that would lose
    records, if there are too few brokers, or if the cluster refuses a topic. Raises
    ServiceUnavailableError.
    """
    if partitions < 1 or (replication is not None and replication < 1):
        raise InputError("topics: partitions and replication must be at least 1")
    there = (await inspect_topics(cluster, topics, timeout_s=timeout_s)).topics
    for state in there.values():
        if len(state.ends) != partitions:
            raise InputError(
                f"topics: {state.name} exists with {len(state.ends)} partitions, {partitions} were asked for"
            )
    check_settings(cluster, there.values(), overrides)
    missing = [cluster.topic(name) for name in topics if name not in there]
    if missing:
        async with _connected(cluster, timeout_s) as client:
            brokers = len((await client.describe_cluster())["brokers"])
            if replication is not None and replication > brokers:
                raise InputError(
                    f"topics: replication is {replication}, but Kafka at {cluster.address} has {brokers} brokers"
                )
            copies = replication or min(_REPLICATION_DEFAULT_MAX, brokers)
            settings = overrides.settings(copies)
            wanted = [NewTopic(name, partitions, copies, topic_configs=settings) for name in missing]
            # Validated first, so that a refused topic does not leave some of the others created.
            _check_created(cluster, await client.create_topics(wanted, validate_only=True), copies, settings)
            _check_created(cluster, await client.create_topics(wanted), copies, settings)
            await _wait_for_leaders(client, missing, timeout_s)
    states = (await inspect_topics(cluster, topics, timeout_s=timeout_s)).topics if missing else there
    return Created(missing, check_settings(cluster, states.values(), overrides))


def _check_created(cluster: KafkaLog, response: Any, copies: int, settings: Mapping[str, str]) -> None:
    """Raise InputError for topics that the cluster disallows, TerminalError for other errors."""
    for name, code, *rest in response.topic_errors:
        kind = kafka_errors.for_code(code)
        if kind is kafka_errors.NoError:
            continue
        said = " ".join(filter(None, rest)) or kind.description
        text = f"Kafka at {cluster.address} refuses topic {name}: {said} ({kind.__name__})"
        if kind is kafka_errors.TopicAlreadyExistsError:
            raise InputError(f"{text}; another program is creating the topics: try again")
        if kind in (kafka_errors.PolicyViolationError, kafka_errors.InvalidConfigurationError):
            named = [f"{key}={value}" for key, value in settings.items() if key in said]
            asked = ", ".join(named or [f"{key}={value}" for key, value in settings.items()]) or "no setting"
            raise InputError(
                f"{text}; requested were {copies} replicas and {asked}; --replication sets the number of replicas, "
                "--topic-config KEY=VALUE sets another value, --topic-config KEY= leaves one setting to the cluster, "
                "--no-topic-config leaves all of them"
            )
        if kind in (kafka_errors.InvalidReplicationFactorError, kafka_errors.InvalidPartitionsError):
            raise InputError(f"{text}; --replication and --partitions set other numbers")
        raise TerminalError(f"{text}; the user needs the permission to create topics")


def check_settings(
    cluster: KafkaLog, states: Iterable[TopicState], overrides: SettingOverrides = NO_OVERRIDES
) -> list[Deviation]:
    """The tolerable deviations. Raises InputError for others, naming the commands that fix them."""
    deviations = [each for state in states for each in compare(state, overrides)]
    refuse(cluster, deviations)
    return deviations


def refuse(cluster: KafkaLog, deviations: Sequence[Deviation]) -> None:
    """Raise InputError for deviations that would lose or refuse records."""
    refused = [each for each in deviations if each.refused]
    if refused:
        raise InputError(
            f"Kafka at {cluster.address}: {sum_up(refused)}; run `socialsim topics alter --to {cluster.url}`, "
            f"or for each topic `{kafka_tool_command(cluster.address, refused)}`"
        )


async def alter_topics(
    cluster: KafkaLog,
    topics: Sequence[str],
    *,
    overrides: SettingOverrides = NO_OVERRIDES,
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> list[Deviation]:
    """Alter only the settings of ``topics`` that deviate. Returns what was changed.

    Raises InputError for a missing topic or a setting that the cluster refuses, TerminalError
    without the permission to alter.
    """
    there = (await inspect_topics(cluster, topics, timeout_s=timeout_s)).topics
    if missing := [name for name in topics if name not in there]:
        raise cluster.missing_topics(missing)
    deviations = [
        each
        for state in there.values()
        for each in compare(state, overrides)
        if overrides.chosen.get(each.setting) != "" and (not overrides.only or each.setting in overrides.chosen)
    ]
    settings: dict[str, dict[str, str]] = {}
    for each in deviations:
        settings.setdefault(each.topic, {})[each.setting] = each.needed
    if not settings:
        return []
    async with _connected(cluster, timeout_s) as client:
        response: Any = await client._send_to_controller(IncrementalAlterConfigsRequest(settings))
    for code, said, _, name in response.responses:
        if code:
            kind = kafka_errors.for_code(code)
            text = f"Kafka at {cluster.address} refuses to alter {name}: {said or kind.description} ({kind.__name__})"
            asked = ", ".join(f"{key}={value}" for key, value in settings[name].items())
            if kind in (kafka_errors.PolicyViolationError, kafka_errors.InvalidConfigurationError):
                raise InputError(
                    f"{text}; requested were {asked}; --topic-config KEY=VALUE sets another value, "
                    "--topic-config KEY= leaves a setting as it is"
                )
            raise TerminalError(f"{text}; the user needs the permission to alter topic settings")
    return deviations


async def _wait_for_leaders(client: AIOKafkaAdminClient, names: list[str], timeout_s: float) -> None:
    """Wait up to ``timeout_s`` until all partitions of new topics have a leader."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while any(  # noqa: ASYNC110 - the broker sends no notification
                topic["error_code"] or any(each["leader"] < 0 for each in topic["partitions"])
                for topic in await client.describe_topics(names)
            ):
                await asyncio.sleep(_LOOK_AGAIN_S)


async def inspect_topics(
    cluster: KafkaLog, topics: Sequence[str], *, timeout_s: float = CONNECT_TIMEOUT_S
) -> ClusterState:
    """The cluster's id, and the existing ``topics`` (short names), in order."""
    async with _connected(cluster, timeout_s) as client:
        cluster_id = str((await client.describe_cluster())["cluster_id"])
        described = await client.describe_topics([cluster.topic(name) for name in topics])
        found = {topic["topic"]: topic["partitions"] for topic in described if topic["error_code"] == 0}
        settings = await _read_settings(client, list(found))
    consumer = await start_client(
        lambda: AIOKafkaConsumer(**cluster.client_options(), enable_auto_commit=False), cluster, timeout_s
    )
    try:
        everything = [TopicPartition(name, number) for name, each in found.items() for number in range(len(each))]
        begins = await consumer.beginning_offsets(everything) if everything else {}
        ends = await consumer.end_offsets(everything) if everything else {}
    except (kafka_errors.KafkaError, OSError) as error:
        raise translate(error, cluster) from error
    finally:
        await stop_client(consumer)

    def edges(name: str, offsets: Mapping[TopicPartition, int]) -> tuple[int, ...]:
        return tuple(offsets[TopicPartition(name, number)] for number in range(len(found[name])))

    return ClusterState(
        cluster_id,
        {
            topic: TopicState(
                name, edges(name, begins), edges(name, ends), len(found[name][0]["replicas"]), settings.get(name)
            )
            for topic, name in ((topic, cluster.topic(topic)) for topic in topics)
            if name in found
        },
    )


async def describe_topics(
    cluster: KafkaLog, topics: Sequence[str], *, timeout_s: float = CONNECT_TIMEOUT_S
) -> list[TopicDescription]:
    """The existing ``topics``, in order, with full names and the deviations of their settings."""
    states = (await inspect_topics(cluster, topics, timeout_s=timeout_s)).topics
    return [
        TopicDescription(
            state.name,
            len(state.ends),
            state.replication,
            sum(state.ends) - sum(state.begins),
            state.settings,
            tuple(f"{each.setting} is {each.value}, needed is {each.needed}: {each.harm}" for each in compare(state)),
        )
        for state in states.values()
    ]


async def _read_settings(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """The settings by topic, without topics whose settings the user may not read."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = {}
    for response in await client.describe_configs(resources):
        answers: Any = response
        for code, _, _, name, entries in answers.resources:
            if code == 0:
                values = {entry[0]: entry[1] for entry in entries}
                found[name] = {key: value for key, value in values.items() if value is not None}
    return found
