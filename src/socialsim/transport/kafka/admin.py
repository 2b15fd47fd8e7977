"""Topics: make them, describe them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from socialsim.errors import InputError, TerminalError
from socialsim.transport.base import TopicDescription
from socialsim.transport.kafka.cluster import KafkaLog
from socialsim.transport.kafka.connect import start_client, stop_client, translate

CONNECT_TIMEOUT_S: Final = 15.0
_REPLICATION_DEFAULT_MAX: Final = 3
_LOOK_AGAIN_S: Final = 0.05
_LONG_MAX: Final = str(2**63 - 1)

#: Record times are simulated: years ago or years ahead. The broker's defaults would delete what is a week old at
#: once, refuse what is an hour ahead, and roll a segment for each simulated week.
TOPIC_SETTINGS: Final = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.before.max.ms": _LONG_MAX,
    "message.timestamp.after.max.ms": _LONG_MAX,
    "segment.ms": str(10 * 365 * 86_400_000),
}


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
    """The cluster's id, and of those ``topics`` (short names) that exist the number of partitions."""
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
    timeout_s: float = CONNECT_TIMEOUT_S,
) -> list[str]:
    """Make the topics that are not there yet; their full names.

    ``replication`` None means three copies, or as many as there are brokers. Of three or more copies all but one must
    have a record before it counts as written. Raises InputError if a topic exists with another number of partitions
    or the brokers are too few, ServiceUnavailableError.
    """
    if partitions < 1 or (replication is not None and replication < 1):
        raise InputError("topics: partitions and replication must be at least 1")
    async with _connected(cluster, timeout_s) as client:
        brokers = len((await client.describe_cluster())["brokers"])
        if replication is not None and replication > brokers:
            raise InputError(
                f"topics: replication is {replication}, but Kafka at {cluster.address} has {brokers} brokers"
            )
        copies = replication or min(_REPLICATION_DEFAULT_MAX, brokers)
        settings = TOPIC_SETTINGS | {"min.insync.replicas": str(max(1, copies - 1))}
        wanted = [NewTopic(cluster.topic(name), partitions, copies, topic_configs=settings) for name in topics]
        response: Any = await client.create_topics(wanted)
        await _wait_for_leaders(client, [topic.name for topic in wanted], timeout_s)
    created = []
    for name, code, *text in response.topic_errors:
        kind = kafka_errors.for_code(code)
        if kind is kafka_errors.NoError:
            created.append(name)
        elif kind is not kafka_errors.TopicAlreadyExistsError:
            raise TerminalError(
                f"Kafka at {cluster.address}: topic {name}: {kind.__name__} {' '.join(filter(None, text))}"
            )
    if len(created) < len(topics):
        _, counts = await read_cluster(cluster, topics, timeout_s=timeout_s)
        for name, count in counts.items():
            if cluster.topic(name) not in created and count != partitions:
                raise InputError(
                    f"topics: {cluster.topic(name)} exists with {count} partitions, {partitions} were asked for"
                )
    return created


async def _wait_for_leaders(client: AIOKafkaAdminClient, names: list[str], timeout_s: float) -> None:
    """A new topic is known to its creator first; wait, for some time, until it can be written to."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while any(  # noqa: ASYNC110 - the broker calls nobody back
                topic["error_code"] or any(each["leader"] < 0 for each in topic["partitions"])
                for topic in await client.describe_topics(names)
            ):
                await asyncio.sleep(_LOOK_AGAIN_S)


async def describe_topics(
    cluster: KafkaLog, topics: Sequence[str], *, timeout_s: float = CONNECT_TIMEOUT_S
) -> list[TopicDescription]:
    """Those of ``topics`` that exist, in their order, under their full names."""
    async with _connected(cluster, timeout_s) as client:
        described = await client.describe_topics([cluster.topic(name) for name in topics])
    found = {topic["topic"]: topic["partitions"] for topic in described if topic["error_code"] == 0}
    consumer = await start_client(
        lambda: AIOKafkaConsumer(**cluster.client_options(), enable_auto_commit=False), cluster, timeout_s
    )
    try:
        everything = [TopicPartition(name, each["partition"]) for name, all_ in found.items() for each in all_]
        begins = await consumer.beginning_offsets(everything) if everything else {}
        ends = await consumer.end_offsets(everything) if everything else {}
    except (kafka_errors.KafkaError, OSError) as error:
        raise translate(error, cluster) from error
    finally:
        await stop_client(consumer)
    return [
        TopicDescription(
            name,
            len(found[name]),
            len(found[name][0]["replicas"]),
            sum(end - begins[partition] for partition, end in ends.items() if partition.topic == name),
        )
        for name in map(cluster.topic, topics)
        if name in found
    ]
