"""The warehouse as the consumer sees it: rows and offsets in one transaction, or neither.

Two implementations share this interface and one contract test suite: ``mysql`` (MySQL 8 and MariaDB) and ``sqlite``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from socialsim.events import Event

#: A dead letter's bytes are kept whole up to here, four times Kafka's default largest record. Of a longer one this
#: much is kept, beside its true length and the SHA-256 of all of it: servers refuse packets of more than 16 MiB.
DEAD_LETTER_BYTES_MAX: Final = 4 * 1024 * 1024


#: The error class of a record whose identity is taken by a row with another content.
IDENTITY_CONFLICT: Final = "identity_conflict"


class OffsetKey(NamedTuple):
    """Whose position in which partition of which topic.

    The first four members name it. ``identity`` tells the topic from a later one of the same name; it is empty where the
    log cannot tell, and is compared with nothing then.
    """

    log_id: str
    group: str
    topic: str
    partition: int
    identity: str = ""

    @property
    def place(self) -> tuple[str, str, str, int]:
        """What the stored position is found by."""
        return self[:4]


class OffsetMove(NamedTuple):
    """A compare-and-set: the stored offset moves from ``old`` to ``new`` or the transaction is void."""

    key: OffsetKey
    old: int
    new: int


class Source(NamedTuple):
    """The partition that the next ``rows`` events of a list came from."""

    key: OffsetKey
    rows: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not become a row, kept with where it stood and why; see DEAD_LETTER_BYTES_MAX."""

    log_id: str
    topic: str
    partition: int
    offset: int
    raw: bytes
    error_class: str  #: at most 64 characters, for grouping
    reason: str  #: for a person
    identity: str = ""  #: of the topic, see OffsetKey


class RecordPlace(NamedTuple):
    """Where in the log an event of a batch stood, and its record."""

    key: OffsetKey
    offset: int
    raw: bytes


@dataclass(slots=True)
class Batch:
    """What one transaction stores. ``events`` maps a wire name to its events, in any order.

    ``sources`` tells, span by span in the order of ``events``, which partition they came from. It feeds the counters
    beside the stored offsets (consumed = inserted + duplicates + dead letters); events without it are stored alike
    but counted for no partition. ``add`` keeps both in step.

    ``locate`` is asked, for one of these very events, where its record stood: only when a row with the same identity and
    another content is stored already. Such a record becomes a dead letter of the same transaction.

    ``digests`` are those of the scenarios of the events' runs, by run id, where the log tells them.
    """

    events: dict[str, list[Event]] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    moves: list[OffsetMove] = field(default_factory=list)
    sources: dict[str, list[Source]] = field(default_factory=dict)
    locate: Callable[[Event], RecordPlace | None] | None = None
    digests: dict[str, str] = field(default_factory=dict)

    def add(self, key: OffsetKey, name: str, events: Sequence[Event]) -> None:
        """Take ``events`` of the wire name ``name``, read from the partition of ``key``."""
        self.events.setdefault(name, []).extend(events)
        self.sources.setdefault(name, []).append(Source(key, len(events)))

    @property
    def rows(self) -> int:
        """How many rows the batch would insert if none were there yet."""
        return sum(map(len, self.events.values())) + len(self.dead_letters)


@dataclass(frozen=True, slots=True)
class Stored:
    """What one transaction did: new rows and rows that were there already, by wire name; and dead letters.

    The three add up to ``Batch.rows``. A duplicate is never changed: the row that came first stays. ``conflicts`` are
    the events, by wire name, whose identity was taken by a row with another content: where the batch could tell where
    they stood they are among the dead letters, else among the duplicates.
    """

    inserted: Mapping[str, int]
    duplicates: Mapping[str, int]
    dead_letters: int
    conflicts: Mapping[str, int] = field(default_factory=dict)


class Warehouse(ABC):
    """Stores batches through ``lanes`` independent connections; a lane is used by one task at a time.

    Every method raises TransientError when trying again on a fresh connection may help (the lane reconnects by
    itself at its next use) and TerminalError when it will not. After a TransientError out of ``store`` the outcome
    is unknown until ``offsets`` is read: equal to ``new`` it was committed, equal to ``old`` it was not.
    """

    lanes: int

    @abstractmethod
    async def open(self) -> None:
        """Connect and check the schema.

        Raises ServiceUnavailableError, SchemaOutdatedError (names the command to run), InputError (credentials).
        """

    @abstractmethod
    async def offsets(self, keys: Sequence[OffsetKey], *, restart: bool = False) -> dict[OffsetKey, int]:
        """The next offset of each key. A key never seen before gets a row with 0 first, so that moves never insert.

        A position of an older version, which kept no identity, takes the key's. Raises LogReplacedError if a position
        is of another topic of that name; with ``restart`` it becomes 0 in the topic that is there, and the counters stay.
        """

    @abstractmethod
    async def stored(self, keys: Sequence[OffsetKey]) -> dict[OffsetKey, int]:
        """The same for a look: nothing is written or locked. 0 where there is no position, or one of another topic."""

    @abstractmethod
    async def store(self, lane: int, batch: Batch) -> Stored:
        """Rows, dead letters and offset moves in one transaction.

        With nothing stored it raises OwnershipLostError if any move finds another ``old``, RunConflictError if the warehouse
        knows a run of another scenario under the id of one of these.
        """

    @abstractmethod
    async def counts(self) -> dict[str, int]:
        """How many rows each event table holds, by wire name, and ``dead_letters``."""

    @abstractmethod
    async def close(self) -> None:
        """Release every connection; open transactions roll back. Never raises, may be called twice."""
