"""The interface of an event log: partitioned, append-only, bytes in and bytes out.

A log has topics, a topic has partitions, a partition has records at offsets 0, 1, 2, … without a
gap. Two implementations, ``files`` and ``kafka``, share this interface and one contract test suite.
This package knows nothing about events: callers name topics and pass encoded records.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Record(NamedTuple):
    """One encoded event to be appended to the log."""

    topic: str  #: plural of the event type, such as ``picture_likes``; the log adds its prefix
    user_id: int  #: the acting user; its decimal digits are the record's key
    seq: int  #: sequence number of the event within its shard
    time_us: int  #: event time in microseconds since the epoch
    value: bytes  #: the encoded event


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a log needs to know about the run that writes to it."""

    run_id: str
    shards: int
    topics: tuple[str, ...]
    types: Mapping[str, str]  #: the event's wire name by topic, for the header ``type``
    version: int = 1
    stream_version: int = 1  #: ``STREAM_VERSION``, which with the scenario decides the records
    #: distinguishes runs with one id; lower-case hexadecimal, may be empty
    scenario_digest: str = ""
    #: by topic, further headers of its records, such as the one that names their schema
    headers: Mapping[str, tuple[tuple[str, bytes], ...]] = field(default_factory=dict)


class WriterStats(NamedTuple):
    """The state of a writer. Values of several processes can be added."""

    backlog_bytes: int  #: appended and not durable yet
    retries: int  #: reconnections after which unacknowledged records were sent again


def never_abandon() -> bool:
    """Default ``should_abandon``: never abandon the wait."""
    return False


class EventWriter(ABC):
    """Takes records from the simulating thread. One per process, for all of its shards.

    ``append`` does not wait for the log; ``throttle`` is where the simulation waits for it
    (backpressure). A failure that the writer cannot recover from is raised by the next call of any
    method.
    """

    @abstractmethod
    def append(self, shard: int, records: Sequence[Record]) -> None:
        """Append ``records`` of ``shard``, whose ``seq`` are consecutive, without waiting for I/O.

        Records up to the ``acknowledged_seq`` at the writer's opening are skipped, so a run is
        resumed by simulating it again. Raises TerminalError if a ``seq`` is missing.
        """

    @abstractmethod
    def throttle(self, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Wait until the unacknowledged bytes are below the writer's limit, which bounds memory.

        Returns early if ``should_abandon``, which is called from time to time while waiting, is
        true.
        """

    @abstractmethod
    def flush(self) -> None:
        """Start writing what is buffered, without waiting: readers of a paced run should see it."""

    @abstractmethod
    def drain(self, timeout_s: float, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Wait until everything appended is durable.

        Raises ServiceUnavailableError after ``timeout_s`` or when ``should_abandon`` is true.
        """

    @abstractmethod
    def acknowledged_seq(self, shard: int) -> int:
        """The largest ``seq`` up to which all records of ``shard`` are durable; -1 if none is."""

    def stats(self) -> WriterStats:
        """The writer's state. A writer that makes everything durable at once has no backlog."""
        return WriterStats(0, 0)

    @abstractmethod
    def close(self) -> None:
        """Release all resources without waiting for durability.

        Never raises, may be called twice.
        """


class TopicPartition(NamedTuple):
    """One partition of a topic.

    In files, the topic includes the run id and the partition is the shard.
    """

    topic: str
    partition: int


class Fetched(NamedTuple):
    """Consecutive records of one partition, as read."""

    partition: TopicPartition
    first_offset: int
    values: list[bytes]
    event_name: str | None  #: wire name of the topic's event type; None for an unknown topic
    #: (Run id, scenario digest) of the records' runs, where the log stores them.
    runs: frozenset[tuple[str, str]] = frozenset()
    #: by index in ``values``, the content of the header that names the value's schema; None if no
    #: record has one
    schema_headers: list[bytes | None] | None = None

    def part(self, start: int, stop: int) -> "Fetched":
        """The records from ``start`` up to, not including, ``stop``: indices in ``values``."""
        headers = self.schema_headers
        return self._replace(
            first_offset=self.first_offset + start,
            values=self.values[start:stop],
            schema_headers=None if headers is None else headers[start:stop],
        )


#: Called by a reader when partitions are assigned, before it returns any of their records. Returns
#: the offset to read each from. Offsets are stored with the rows in the warehouse, not by the
#: reader.
PositionsLoader = Callable[[Sequence[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
#: Called by a reader when partitions are revoked.
RevokedCallback = Callable[[Sequence[TopicPartition]], Awaitable[None]]


class Member(NamedTuple):
    """Another reader of the group. ``partitions`` is None while its assignment is not known."""

    name: str  #: for log messages
    partitions: frozenset[TopicPartition] | None


class GroupLook(NamedTuple):
    """The state of the reader's consumer group."""

    settled: bool  #: False during a rebalance, when assignments are not known
    others: tuple[Member, ...]  #: the members other than this reader
    silence_max_s: float  #: a member that is silent for longer loses its partitions


class EventReader(ABC):
    """Reads its assigned partitions from positions that the caller stores.

    Keeps the order within a partition. ``poll`` returns only records of partitions that are
    assigned and have a position. An exception in a callback is raised by the next ``poll``.
    """

    @property
    @abstractmethod
    def log_id(self) -> str:
        """Identifies this log, stable across restarts, at most 64 characters.

        Offsets belong to it.
        """

    @abstractmethod
    def identity(self, topic: str) -> str:
        """Identifies this topic among later ones with its name, at most 64 ASCII characters.

        Known after ``start``; empty if the log has no identities. Offsets belong to it and to the
        log.
        """

    @abstractmethod
    async def probe(self, timeout_s: float) -> None:
        """Check over a separate connection that the log can be reached, before ``start`` or later.

        Raises ServiceUnavailableError after ``timeout_s``, InputError if there is nothing to read.
        """

    @abstractmethod
    async def start(self, load_positions: PositionsLoader, on_revoked: RevokedCallback) -> None:
        """Connect and join.

        Raises ServiceUnavailableError, InputError if there is nothing to read.
        """

    @abstractmethod
    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        """Up to ``records_max`` records, or none after ``timeout_s``.

        Raises OffsetsLostError, LogCorruptError.
        """

    @abstractmethod
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are assigned and have a position now."""

    @abstractmethod
    async def end_offsets(self) -> dict[TopicPartition, int]:
        """The end offset of every partition of the log, also of those assigned to other readers.

        Raises LogReplacedError if a topic was replaced since ``start``.
        """

    async def look_at_group(self) -> GroupLook:
        """The state of the consumer group. A log without groups has one reader."""
        return GroupLook(settled=True, others=(), silence_max_s=0.0)

    @abstractmethod
    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Continue an assigned partition at ``offset``. The caller has discarded its records."""

    @abstractmethod
    def pause(self) -> None:
        """Return no records until ``resume``. The caller keeps polling, to stay in the group."""

    @abstractmethod
    def resume(self) -> None:
        """Undo ``pause``."""

    @abstractmethod
    async def commit_hint(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Publish the stored offsets for lag tools. Never read back; failures are only logged."""

    @abstractmethod
    async def close(self) -> None:
        """Leave the group and release all resources. Never raises, may be called twice."""


class TopicDescription(NamedTuple):
    """The state of one topic."""

    topic: str
    partitions: int
    replication: int
    records: int  #: the sum of end offsets less begin offsets
    #: by name; None if there are none or they are unreadable
    settings: Mapping[str, str] | None = None
    faults: tuple[str, ...] = ()  #: settings that do not suit simulated events
