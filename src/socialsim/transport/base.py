"""The event log as the rest of the program sees it: partitioned, append-only, bytes in and bytes out.

A log holds topics, a topic holds partitions, a partition holds records at offsets 0, 1, 2, … without a gap. Two
implementations share this interface and one contract test suite: ``files`` and ``kafka``. This package knows no
event: callers name topics and hand over encoded records.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Record(NamedTuple):
    """One event on its way into the log."""

    topic: str  #: plural of the event's type, such as ``picture_likes``; the log adds its own prefix
    user_id: int  #: the acting user, whose decimal digits are the record's key
    seq: int  #: of the event within its shard
    time_us: int  #: event time, microseconds since the epoch
    value: bytes  #: the event, encoded


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a log needs to know of the run that writes to it."""

    run_id: str
    shards: int
    topics: tuple[str, ...]
    types: Mapping[str, str]  #: topic to the event's wire name, for the header ``type``
    version: int = 1
    stream_version: int = 1  #: of the rules that decide the records, beside the scenario
    scenario_digest: str = ""  #: tells two runs of one id apart; lower-case hexadecimal, empty if it is not told


class WriterStats(NamedTuple):
    """How a writer stands; those of several processes add up."""

    backlog_bytes: int  #: taken and not durable yet
    retries: int  #: times that it began again with the log, sending what was not acknowledged once more


def never() -> bool:
    """For whoever waits and has nobody who could ask him to leave."""
    return False


class EventWriter(ABC):
    """Takes records from the thread that simulates. One per process, for all the shards that it hosts.

    ``append`` hands over and returns; ``throttle`` is where the simulated clock waits for the log. A failure that the
    writer cannot mend by itself is raised by the next call of any method.
    """

    @abstractmethod
    def append(self, shard: int, records: Sequence[Record]) -> None:
        """Take ``records`` of ``shard``, whose ``seq`` follow on one another. Never waits for I/O that may not end.

        Those that the log held already when the writer was opened (``acknowledged_seq``) are passed over, so a run
        is resumed by simulating it again. Raises TerminalError if a ``seq`` is left out.
        """

    @abstractmethod
    def throttle(self, leave: Callable[[], bool] = never) -> None:
        """Wait until the unacknowledged bytes are below the writer's limit, or ``leave`` says that nobody wants to wait.

        Memory is bounded by it. ``leave`` is asked now and then, and decides nothing where there is no need to wait.
        """

    @abstractmethod
    def flush(self) -> None:
        """Start writing whatever is buffered, without waiting for it: a paced run wants events to be seen soon."""

    @abstractmethod
    def drain(self, timeout_s: float, leave: Callable[[], bool] = never) -> None:
        """Wait until everything appended is durable.

        Raises ServiceUnavailableError after ``timeout_s``, or as soon as ``leave`` says that nobody wants to wait.
        """

    @abstractmethod
    def acknowledged_seq(self, shard: int) -> int:
        """The largest ``seq`` up to which every record of ``shard`` is durable; -1 before the first."""

    def stats(self) -> WriterStats:
        """How it stands. A writer that makes everything durable at once has nothing to tell."""
        return WriterStats(0, 0)

    @abstractmethod
    def close(self) -> None:
        """Release everything without waiting for what is not durable yet. Never raises, may be called twice."""


class TopicPartition(NamedTuple):
    """One partition of one topic. For files the topic carries the run's id, the partition is the shard."""

    topic: str
    partition: int


class Fetched(NamedTuple):
    """Consecutive records of one partition, as read."""

    partition: TopicPartition
    first_offset: int
    values: list[bytes]
    event_name: str | None  #: the topic's only event type by wire name; None where the topic is not known
    #: The ids of the runs that the records are of, with the digests of their scenarios, where the log tells them.
    runs: frozenset[tuple[str, str]] = frozenset()


#: Called by a reader when it is given partitions, before any of their records is returned: answers from where to read
#: each of them. The offsets live with the rows in the warehouse, so the reader has none of its own.
PositionsLoader = Callable[[Sequence[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
#: Called by a reader when partitions are taken away from it.
RevokedCallback = Callable[[Sequence[TopicPartition]], Awaitable[None]]


class Member(NamedTuple):
    """Another reader of the same group. ``partitions`` is None while the log does not tell what it holds."""

    name: str  #: for a person
    partitions: frozenset[TopicPartition] | None


class GroupLook(NamedTuple):
    """The reader's group as the log tells it."""

    settled: bool  #: False while partitions are being dealt out anew: nobody can tell who holds what
    others: tuple[Member, ...]  #: but for the reader itself
    silence_max_s: float  #: a member that is not heard of for so long loses its partitions


class EventReader(ABC):
    """Reads the partitions that it is assigned, from positions that the caller keeps.

    Order within a partition is kept; ``poll`` returns only records of partitions that are assigned and positioned. An
    exception in a callback is raised by the next ``poll``.
    """

    @property
    @abstractmethod
    def log_id(self) -> str:
        """Names this log among others, stable over restarts, at most 64 characters: offsets belong to it."""

    @abstractmethod
    def identity(self, topic: str) -> str:
        """What tells this very topic from a later one of the same name, at most 64 ASCII characters.

        Known once started; empty where the log cannot tell. Offsets belong to it, as they belong to the log.
        """

    @abstractmethod
    async def probe(self, timeout_s: float) -> None:
        """Ask, over a connection of its own, whether the log is there. Before ``start`` or at any time after it.

        Raises ServiceUnavailableError after ``timeout_s``, InputError if there is nothing to read.
        """

    @abstractmethod
    async def start(self, load_positions: PositionsLoader, on_revoked: RevokedCallback) -> None:
        """Connect and join. Raises ServiceUnavailableError if the log cannot be reached, InputError if it is empty."""

    @abstractmethod
    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        """Up to ``records_max`` records, or none after ``timeout_s``. Raises OffsetsLostError, LogCorruptError."""

    @abstractmethod
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are assigned and positioned now."""

    @abstractmethod
    async def end_offsets(self) -> dict[TopicPartition, int]:
        """For each partition of the log, whoever reads it, the offset behind its last readable record.

        Raises LogReplacedError if a topic is no longer the one that it was at the start.
        """

    async def look_at_group(self) -> GroupLook:
        """Who else reads in the group. A log without groups has one reader."""
        return GroupLook(settled=True, others=(), silence_max_s=0.0)

    @abstractmethod
    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from ``offset`` in an assigned partition, after its copy in memory was thrown away."""

    @abstractmethod
    def pause(self) -> None:
        """Return no records until ``resume``; membership in the group is kept by polling on."""

    @abstractmethod
    def resume(self) -> None:
        """Undo ``pause``."""

    @abstractmethod
    async def commit_hint(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Tell lag tools what is stored. For show only: never read back, failures are logged and passed over."""

    @abstractmethod
    async def close(self) -> None:
        """Leave the group and release everything. Never raises, may be called twice."""


class TopicDescription(NamedTuple):
    """One topic as it stands."""

    topic: str
    partitions: int
    replication: int
    records: int  #: the sum of end offsets less begin offsets
    settings: Mapping[str, str] | None = None  #: by name; None where there are none, or the user may not read them
    faults: tuple[str, ...] = ()  #: where they are not as simulated events need them
