"""The reader of a log in Kafka: a member of a consumer group whose positions the caller stores."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka import TopicPartition as KafkaPartition
from aiokafka import errors as kafka_errors

from socialsim.errors import LogCorruptError, LogReplacedError, OffsetsLostError
from socialsim.transport.base import (
    EventReader,
    Fetched,
    GroupLook,
    PositionsLoader,
    RevokedCallback,
    TopicPartition,
)
from socialsim.transport.kafka.admin import CONNECT_TIMEOUT_S
from socialsim.transport.kafka.cluster import KafkaLog
from socialsim.transport.kafka.connect import reject_unknown_topics, start_client, stop_client, translate
from socialsim.transport.kafka.group import read_members
from socialsim.transport.kafka.identity import Topic, Topics, look_at_topics, read_topics
from socialsim.transport.kafka.origins import read_runs, read_schema_headers

log = logging.getLogger(__name__)

#: aiokafka returns records fastest in portions of some hundreds, which fit the processor's cache.
_PORTION_MAX: Final = 500
_SESSION_TIMEOUT_S: Final = 45.0
_HEARTBEAT_S: Final = 3
_POLL_INTERVAL_MAX_S: Final = 7 * 86_400  # a paused reader does not poll, it only sends heartbeats
_CLOSE_TIMEOUT_S: Final = 5.0
_HINT_TIMEOUT_S: Final = 5.0
_LOG_ID_MAX: Final = 64


class KafkaReader(EventReader):
    """Reads the topics of ``types`` (the event's wire name by topic) as a member of ``group``.

    If ``group`` is None, it reads all partitions without a group, for verification. The group
    removes a member that is silent for ``session_timeout_s``.
    """

    def __init__(
        self,
        cluster: KafkaLog,
        types: Mapping[str, str],
        *,
        group: str | None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        session_timeout_s: float = _SESSION_TIMEOUT_S,
    ) -> None:
        self._cluster = cluster
        self._names = {cluster.topic(topic): name for topic, name in types.items()}
        self._types = dict(types)
        self._group = group
        self._connect_timeout_s = connect_timeout_s
        self._session_timeout_s = session_timeout_s
        self._log_id = ""
        self._topics: dict[str, Topic] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused = False
        self._failure: BaseException | None = None
        self._failed = asyncio.Event()
        self._load_positions: PositionsLoader | None = None
        self._on_revoked: RevokedCallback | None = None

    def __repr__(self) -> str:
        return f"<KafkaReader {self._cluster.url} group={self._group!r} partitions={len(self._positions)}>"

    @property
    def log_id(self) -> str:
        """The cluster's id, known after ``start``."""
        return self._log_id

    async def probe(self, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """See EventReader."""
        await self._look(timeout_s)

    def identity(self, topic: str) -> str:
        """The topic's id."""
        known = self._topics.get(topic)
        return "" if known is None else known.identity

    async def _look(self, timeout_s: float) -> Topics:
        """The cluster's id and our topics, all of which must exist."""
        found = await read_topics(self._cluster, list(self._types), timeout_s=timeout_s)
        counts = {name.removeprefix(self._cluster.topic_prefix): each.partitions for name, each in found.topics.items()}
        reject_unknown_topics(self._cluster, list(self._types), counts)
        return found

    async def start(self, load_positions: PositionsLoader, on_revoked: RevokedCallback) -> None:
        """Connect and join the group.

        Partitions are assigned during the first polls; without a group, at once. Raises
        ServiceUnavailableError, InputError naming the command that creates missing topics,
        TerminalError.
        """
        self._load_positions, self._on_revoked = load_positions, on_revoked
        found = await self._look(self._connect_timeout_s)
        self._log_id = found.cluster_id[:_LOG_ID_MAX]
        self._topics = found.topics
        consumer = self._consumer = await start_client(self._make_consumer, self._cluster, self._connect_timeout_s)
        if self._group is not None:
            # After the start, which waits for the group, whose listener needs the consumer.
            consumer.subscribe(list(self._names), listener=_Listener(self))
        else:
            everything = [
                KafkaPartition(topic, number)
                for topic, each in found.topics.items()
                for number in range(each.partitions)
            ]
            consumer.assign(everything)
            await self._take_over(everything)
            self._raise_failure()

    def _make_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._cluster.client_options(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=int(self._session_timeout_s * 1000),
            heartbeat_interval_ms=int(min(_HEARTBEAT_S, self._session_timeout_s / 3) * 1000),
            max_poll_interval_ms=_POLL_INTERVAL_MAX_S * 1000,
            rebalance_timeout_ms=int(self._session_timeout_s * 1000),
            metadata_max_age_ms=30_000,
            fetch_max_wait_ms=100,
        )

    # Called by aiokafka between polls. It ignores their exceptions, so the next poll raises them.

    async def _take_over(self, assigned: Sequence[KafkaPartition]) -> None:
        ours = [TopicPartition(*partition) for partition in sorted(assigned)]
        try:
            consumer = self._consumer_of_start()
            # Before the first await: a partition without a position would fail because it has no
            # committed offset, or be read from the committed one, which is only a hint.
            for theirs in assigned:
                consumer.pause(theirs)
                consumer.seek(theirs, 0)
            positions = await self._load_positions(ours) if self._load_positions is not None and ours else {}
            for partition in ours:
                consumer.seek(KafkaPartition(*partition), positions[partition])
                consumer.resume(KafkaPartition(*partition))
        except Exception as error:  # noqa: BLE001 - raised by the next poll
            self._fail(error)
        else:
            self._positions |= {partition: positions[partition] for partition in ours}

    async def _give_up(self, revoked: Sequence[KafkaPartition]) -> None:
        ours = [TopicPartition(*partition) for partition in sorted(revoked)]
        for partition in ours:
            self._positions.pop(partition, None)
        if not ours or self._on_revoked is None:
            return
        try:
            await self._on_revoked(ours)
        except Exception as error:  # noqa: BLE001 - raised by the next poll
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._failed.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _consumer_of_start(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("the reader is not started, or is closed")
        return self._consumer

    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        """Up to ``records_max`` records of positioned partitions, or none after ``timeout_s``.

        Raises OffsetsLostError, LogCorruptError, TransientError, TerminalError, and the exceptions
        of callbacks.
        """
        self._raise_failure()
        if self._paused:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._failed.wait()
            self._raise_failure()
            return []
        fetched: list[Fetched] = []
        wait_ms = int(timeout_s * 1000)
        while records_max > 0:
            portion = await self._get(min(records_max, _PORTION_MAX), wait_ms)
            self._raise_failure()
            if not portion:
                break
            for partition, records in portion.items():
                records_max -= len(records)
                if part := self._accept(TopicPartition(*partition), records):
                    fetched.append(part)
            wait_ms = 0
        # A rebalance during one of the waits above takes the positions away before the partitions.
        return [part for part in fetched if part.partition in self._positions]

    async def _get(self, records_max: int, wait_ms: int) -> dict[KafkaPartition, list[Any]]:
        try:
            return await self._consumer_of_start().getmany(timeout_ms=wait_ms, max_records=records_max)
        except kafka_errors.OffsetOutOfRangeError as error:
            at = ", ".join(
                f"{partition.topic} {partition.partition} at {offset}" for partition, offset in _positions_of(error)
            )
            raise OffsetsLostError(
                f"Kafka at {self._cluster.address} has no record at a stored offset ({at}): retention deleted it, or "
                "the topic was recreated; continuing would lose events"
            ) from error
        except kafka_errors.CorruptRecordException as error:
            raise LogCorruptError(f"Kafka at {self._cluster.address}: {error}") from error
        except (kafka_errors.KafkaError, OSError) as error:
            raise translate(error, self._cluster) from error

    def _accept(self, partition: TopicPartition, records: list[Any]) -> Fetched | None:
        """Convert records, after checking that none is missing since the last ones."""
        position = self._positions.get(partition)
        if position is None:
            return None
        first, last = records[0].offset, records[-1].offset
        if first != position or last - first + 1 != len(records):
            raise OffsetsLostError(
                f"{partition.topic} {partition.partition}: records are missing in the log between {position} and "
                f"{last}: the topic is compacted or written in transactions, or records were deleted"
            )
        self._positions[partition] = last + 1
        values = [record.value if record.value is not None else b"" for record in records]
        headers = read_schema_headers(records)
        return Fetched(partition, first, values, self._names.get(partition.topic), read_runs(records), headers)

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are assigned and have a position."""
        return frozenset(self._positions)

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """The end offset of each partition of our topics, from the brokers."""
        consumer = self._consumer_of_start()
        while True:
            wanted = [
                KafkaPartition(name, number) for name, each in self._topics.items() for number in range(each.partitions)
            ]
            try:
                ends = await consumer.end_offsets(wanted)
                # After the ends, which may be those of a topic that was just recreated.
                found = await look_at_topics(consumer._client, list(self._names))
            except (kafka_errors.KafkaError, OSError) as error:
                raise translate(error, self._cluster) from error
            self._compare(found)
            before, self._topics = self._topics, found.topics
            if before == found.topics:  # else partitions were added, which are asked as well
                return {TopicPartition(*partition): end for partition, end in ends.items()}

    def _compare(self, found: Topics) -> None:
        """Raise LogReplacedError if one of our topics was replaced or deleted."""
        for name, known in self._topics.items():
            now = found.topics.get(name)
            if now is None or now.partitions < known.partitions or now.identity != known.identity:
                what = "was deleted" if now is None else f"was deleted and recreated, its id is now {now.identity}"
                raise LogReplacedError(
                    f"Kafka at {self._cluster.address}: topic {name} with id {known.identity} {what} while it was "
                    "read; its stored rows remain, and the next start says how to continue"
                )

    async def look_at_group(self) -> GroupLook:
        """The group's other members, from its coordinator."""
        if self._group is None:
            return await super().look_at_group()
        coordinator = self._consumer_of_start()._coordinator
        own_id = "" if coordinator is None else coordinator.member_id
        settled, others = await read_members(
            self._cluster, self._group, own_id=own_id, timeout_s=self._connect_timeout_s
        )
        return GroupLook(settled, others, self._session_timeout_s)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue at ``offset``; a partition that was revoked meanwhile is ignored."""
        if partition in self._positions:
            self._consumer_of_start().seek(KafkaPartition(*partition), offset)
            self._positions[partition] = offset

    def pause(self) -> None:
        """Return no records until ``resume``. Heartbeats continue; prefetched records are kept."""
        self._paused = True

    def resume(self) -> None:
        """Undo ``pause``."""
        self._paused = False

    async def commit_hint(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit to the group, for tools that show its lag. Failures are logged and ignored."""
        mine = {KafkaPartition(*key): offset for key, offset in offsets.items() if key in self._positions}
        if self._group is None or self._consumer is None or not mine:
            return
        try:
            # Without a coordinator the driver would wait for one and block reading.
            async with asyncio.timeout(_HINT_TIMEOUT_S):
                await self._consumer.commit(mine)
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            log.info("the offsets for lag tools were not committed: %s", error)

    async def close(self) -> None:
        """Leave the group within some seconds. Never raises, may be called twice."""
        consumer, self._consumer = self._consumer, None
        self._positions.clear()
        self._on_revoked = None
        if consumer is not None:
            await stop_client(consumer, _CLOSE_TIMEOUT_S)


def _positions_of(error: kafka_errors.OffsetOutOfRangeError) -> list[tuple[KafkaPartition, int]]:
    found = error.args[0] if error.args else None
    return sorted(found.items()) if isinstance(found, dict) else []


class _Listener(ConsumerRebalanceListener):
    """Passes the group's assignments to a reader."""

    def __init__(self, reader: KafkaReader) -> None:
        self._reader = reader

    async def on_partitions_assigned(self, assigned: set[KafkaPartition]) -> None:
        """The group assigned exactly these partitions."""
        await self._reader._take_over(sorted(assigned))

    async def on_partitions_revoked(self, revoked: set[KafkaPartition]) -> None:
        """The group revoked these partitions, and may assign them again."""
        await self._reader._give_up(sorted(revoked))
