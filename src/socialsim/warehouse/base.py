"""The warehouse interface of the consumer: rows and offsets are stored in one transaction.

Two implementations share one contract test suite: ``mysql`` (MySQL 8 and MariaDB) and ``sqlite``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from socialsim.events import Event

#: Up to this size, four times Kafka's default maximum record, all bytes of a dead letter are kept.
#: A longer one is truncated, with its true length and the SHA-256 of the whole: servers refuse
#: packets of more than 16 MiB.
DEAD_LETTER_BYTES_MAX: Final = 4 * 1024 * 1024


#: The error class of a record whose identity is stored already with different content.
IDENTITY_CONFLICT: Final = "identity_conflict"


class OffsetKey(NamedTuple):
    """One consumer group's position in one partition.

    The first four members are the primary key. ``identity`` distinguishes the topic from a
    recreated one of the same name; it is empty if the log has no identities, and then it is not
    compared.
    """

    log_id: str
    group: str
    topic: str
    partition: int
    identity: str = ""

    @property
    def primary_key(self) -> tuple[str, str, str, int]:
        """The primary key of the row in ``consumer_offsets``."""
        return self[:4]


class OffsetAdvance(NamedTuple):
    """A compare-and-set from ``old`` to ``new``; if it fails, the transaction is rolled back."""

    key: OffsetKey
    old: int
    new: int


class PartitionSpan(NamedTuple):
    """The partition of the next ``rows`` events of a list."""

    key: OffsetKey
    rows: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not become a row, with its position and the reason."""

    log_id: str
    topic: str
    partition: int
    offset: int
    raw: bytes
    error_class: str  #: at most 64 characters, for grouping
    reason: str  #: for a person
    identity: str = ""  #: of the topic, see OffsetKey


class RecordPosition(NamedTuple):
    """The position of an event in the log, and its record."""

    key: OffsetKey
    offset: int
    raw: bytes


@dataclass(slots=True)
class Batch:
    """What one transaction stores. ``events`` maps a wire name to its events, in any order.

    ``spans`` gives the partitions of the events, span by span in the order of ``events``, for the
    counters beside the stored offsets (consumed = inserted + duplicates + dead letters). Events
    without spans are stored but counted for no partition. ``add`` keeps both consistent.

    ``locate`` returns the log position of one of these event objects. It is called only for
    identity conflicts, which become dead letters of the same transaction.

    ``digests`` maps run ids to scenario digests, as far as the log has them.
    """

    events: dict[str, list[Event]] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    moves: list[OffsetAdvance] = field(default_factory=list)
    spans: dict[str, list[PartitionSpan]] = field(default_factory=dict)
    locate: Callable[[Event], RecordPosition | None] | None = None
    digests: dict[str, str] = field(default_factory=dict)

    def add(self, key: OffsetKey, name: str, events: Sequence[Event]) -> None:
        """Add ``events`` of the wire name ``name``, read from the partition of ``key``."""
        self.events.setdefault(name, []).extend(events)
        self.spans.setdefault(name, []).append(PartitionSpan(key, len(events)))

    @property
    def rows(self) -> int:
        """The number of rows that the batch inserts if none of them is stored yet."""
        return sum(map(len, self.events.values())) + len(self.dead_letters)


@dataclass(frozen=True, slots=True)
class Stored:
    """The result of one transaction: new rows and duplicates by wire name, and dead letters.

    The three add up to ``Batch.rows``. A duplicate changes nothing: the first row stays.
    ``conflicts`` counts, by wire name, events whose identity was stored with different content:
    they are among the dead letters if the batch could locate them, else among the duplicates.
    """

    inserted: Mapping[str, int]
    duplicates: Mapping[str, int]
    dead_letters: int
    conflicts: Mapping[str, int] = field(default_factory=dict)


class Warehouse(ABC):
    """Stores batches through ``lanes`` connections; one task at a time uses a lane.

    Every method raises TransientError if a retry on a new connection may succeed (the lane
    reconnects at its next use) and TerminalError if it cannot. After a TransientError from
    ``store`` the outcome is unknown until ``offsets`` is read: an offset equal to ``new`` means
    committed, equal to ``old`` not committed.
    """

    lanes: int

    @abstractmethod
    async def open(self) -> None:
        """Connect and check the schema.

        Raises ServiceUnavailableError, SchemaOutdatedError (with the command to run), InputError
        (credentials).
        """

    @abstractmethod
    async def offsets(self, keys: Sequence[OffsetKey], *, restart: bool = False) -> dict[OffsetKey, int]:
        """The next offset of each key.

        A new key gets a row at 0 first, so that advancing offsets never inserts.

        A position without an identity, stored by an older version, takes the key's. Raises
        LogReplacedError if the topic was recreated; with ``restart`` the position becomes 0 in the
        new topic, and the counters are kept.
        """

    @abstractmethod
    async def stored(self, keys: Sequence[OffsetKey]) -> dict[OffsetKey, int]:
        """Like ``offsets`` without writing or locking.

        0 if there is no position, or only one of a deleted topic.
        """

    @abstractmethod
    async def store(self, lane: int, batch: Batch) -> Stored:
        """Store rows, dead letters and offset advances in one transaction.

        Stores nothing and raises OwnershipLostError if a stored offset is not ``old``,
        RunConflictError if a run id is stored with another scenario.
        """

    @abstractmethod
    async def counts(self) -> dict[str, int]:
        """The number of rows of each event table, by wire name, and of ``dead_letters``."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections; open transactions roll back. Never raises, may be called twice."""
