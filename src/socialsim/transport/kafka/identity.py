"""Reads topic ids, which distinguish a topic from a later one with the same name.

aiokafka requests metadata in versions up to 5, which have no topic ids. Version 10 (Kafka 2.8) has.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from socialsim.transport.kafka.admin import CONNECT_TIMEOUT_S
from socialsim.transport.kafka.cluster import KafkaLog
from socialsim.transport.kafka.connect import start_client, stop_client, translate

log = logging.getLogger(__name__)

_UUID_BYTES: Final = 16
_NO_ID: Final = bytes(_UUID_BYTES)
_TEXT: Final = CompactString("utf-8")
_TAGS: Final = ("tags", TaggedFields)


class _Uuid(AbstractType[bytes]):
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: Any) -> bytes:
        return bytes(data.read(_UUID_BYTES))


class _MetadataResponse(Response):
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS)),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _TAGS,
                    ),
                ),
                ("topic_authorized_operations", Int32),
                _TAGS,
            ),
        ),
        ("cluster_authorized_operations", Int32),
        _TAGS,
    )


class _MetadataRequestV10(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", _TEXT), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


class _MetadataRequest(Request[_MetadataRequestV10]):
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequestV10]) -> _MetadataRequestV10:
        wanted: list[tuple[bytes, str, dict[int, bytes]]] = [(_NO_ID, topic, {}) for topic in self._topics]
        return request_struct_class(wanted, False, False, False, {})


class Topic(NamedTuple):
    """The state of a topic. ``identity`` is empty if the broker has no topic ids."""

    identity: str
    partitions: int


class Topics(NamedTuple):
    """A cluster's id, and the requested topics that exist, by full name."""

    cluster_id: str
    topics: dict[str, Topic]


async def look_at_topics(client: AIOKafkaClient, names: Sequence[str]) -> Topics:
    """Ask any broker, through a started client. Raises the driver's errors."""
    await client.ready(node := client.get_random_node())
    try:
        answer = (await client.send(node, _MetadataRequest(names))).to_object()
    except (kafka_errors.IncompatibleBrokerVersion, NotImplementedError):
        log.info("the brokers have no topic ids: a recreated topic cannot be distinguished from the deleted one")
        answer = (await client.send(node, MetadataRequest(list(names)))).to_object()
    topics = {
        each["topic"]: Topic(_identity(each), len(each["partitions"]))
        for each in answer["topics"]
        if each["error_code"] == 0
    }
    return Topics(str(answer["cluster_id"]), topics)


def _identity(topic: dict[str, Any]) -> str:
    raw = topic.get("topic_id", _NO_ID)
    return "" if raw == _NO_ID else str(UUID(bytes=raw))


async def read_topics(cluster: KafkaLog, names: Sequence[str], *, timeout_s: float = CONNECT_TIMEOUT_S) -> Topics:
    """``look_at_topics`` over a separate connection, for short ``names``.

    Raises ServiceUnavailableError, TransientError.
    """
    admin = await start_client(lambda: AIOKafkaAdminClient(**cluster.client_options()), cluster, timeout_s)
    try:
        return await look_at_topics(admin._client, [cluster.topic(name) for name in names])
    except (kafka_errors.KafkaError, OSError) as error:
        raise translate(error, cluster) from error
    finally:
        await stop_client(admin)
