"""Reads the members of a consumer group from its coordinator."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from socialsim.transport.base import Member, TopicPartition
from socialsim.transport.kafka.cluster import KafkaLog
from socialsim.transport.kafka.connect import start_client, stop_client, translate

_STABLE: Final = "Stable"


async def read_members(
    cluster: KafkaLog, group: str, *, own_id: str, timeout_s: float
) -> tuple[bool, tuple[Member, ...]]:
    """Whether the group's partitions are assigned, and its members other than ``own_id``.

    Raises ServiceUnavailableError, TransientError, TerminalError.
    """
    admin = await start_client(lambda: AIOKafkaAdminClient(**cluster.client_options()), cluster, timeout_s)
    try:
        answers = [answer.to_object() for answer in await admin.describe_consumer_groups([group])]
    except (kafka_errors.KafkaError, OSError) as error:
        raise translate(error, cluster) from error
    finally:
        await stop_client(admin)
    described = next(each for answer in answers for each in answer["groups"])
    settled = described["state"] == _STABLE
    return settled, tuple(_others(described["members"], own_id, settled=settled))


def _others(members: Sequence[dict[str, Any]], own_id: str, *, settled: bool) -> Iterator[Member]:
    for member in members:
        if member["member_id"] == own_id:
            continue
        held = _partitions(member["member_assignment"]) if settled else None
        yield Member(f"{member['client_id']} at {member['client_host'].lstrip('/')}", held)


def _partitions(raw: bytes | None) -> frozenset[TopicPartition]:
    if not raw:
        return frozenset()
    return frozenset(TopicPartition(*each) for each in ConsumerProtocolMemberAssignment.decode(raw).partitions())
