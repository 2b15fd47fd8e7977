"""What the consumer has done so far: counted as it goes, handed out as frozen snapshots."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from socialsim.consumer.assembly import Chunk
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.base import Stored


@dataclass(frozen=True, slots=True)
class ConsumerStats:
    """A snapshot. Counts are since the consumer started; by type means by the event's wire name."""

    records: int  #: read from the log, those read again after a rewind included
    inserted: Mapping[str, int]  #: new rows by type
    duplicates: Mapping[str, int]  #: rows that were there already, by type
    recovered: Mapping[str, int]  #: rows by type whose commit was confirmed by the offset after its answer was lost
    dead_letters: int
    batches: int
    retries: int  #: transactions and offset readings that failed in a way that may pass
    conflicts: int  #: partitions whose offset another consumer had moved
    identity_conflicts: int  #: dead letters whose identity was taken by a row with another content: an alarm
    assigned: int  #: partitions
    #: Records in the assigned partitions that were not stored at the last look; None while that is not known, also
    #: because no partition is assigned.
    lag: int | None
    #: Of a drain: records that were not stored at the last look in partitions that this consumer does not have.
    elsewhere: int | None
    working_s: float  #: from the first record read to the last batch stored
    offsets: Mapping[TopicPartition, int]  #: the next offset to be stored, of each assigned partition
    ends: Mapping[TopicPartition, int]  #: the log's ends at the last look, of the partitions assigned then
    log_silent_s: float | None  #: since the log last told its ends; None: it never did
    loop_lag_s: float  #: how late the event loop last woke a task that slept
    loop_lag_max_s: float

    @property
    def rows(self) -> int:
        """Everything that was stored or found stored."""
        kinds = (self.inserted, self.duplicates, self.recovered)
        return sum(sum(kind.values()) for kind in kinds) + self.dead_letters

    @property
    def rows_per_s(self) -> float:
        """``rows`` over ``working_s``, 0 before the first batch."""
        return self.rows / self.working_s if self.working_s > 0 else 0.0


@dataclass(slots=True)
class Counters:
    """The counts behind the snapshots. One for all lanes: they share one thread."""

    records: int = 0
    inserted: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    recovered: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    batches: int = 0
    retries: int = 0
    conflicts: int = 0
    identity_conflicts: int = 0
    unreachable: int = 0  #: failed readings of the offsets: the warehouse is away, and this consumer knows
    first_read_s: float | None = None
    last_stored_s: float = 0.0
    loop_lag_s: float = 0.0
    loop_lag_max_s: float = 0.0

    def count_stored(self, stored: Stored, now_s: float) -> None:
        """A transaction's own account of what it did."""
        self.inserted.update(stored.inserted)
        self.duplicates.update(stored.duplicates)
        self.dead_letters += stored.dead_letters
        self.identity_conflicts += sum(stored.conflicts.values())
        self.batches += 1
        self.last_stored_s = now_s

    def count_recovered(self, chunk: Chunk, now_s: float) -> None:
        """A chunk that the stored offset shows to be stored."""
        for name, events in chunk.events.items():
            self.recovered[name] += len(events)
        self.dead_letters += len(chunk.dead_letters)
        self.last_stored_s = now_s

    def note_loop_lag(self, late_s: float) -> None:
        """A task that slept was woken ``late_s`` after its time."""
        self.loop_lag_s = max(0.0, late_s)
        self.loop_lag_max_s = max(self.loop_lag_max_s, late_s)

    @property
    def progress(self) -> tuple[int, ...]:
        """Changes with everything that counts as being alive; waiting for an absent warehouse does."""
        return (self.records, self.batches, self.conflicts, self.unreachable)

    def snapshot(
        self,
        lag: int | None,
        elsewhere: int | None,
        offsets: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        log_silent_s: float | None,
    ) -> ConsumerStats:
        """The counts as they stand, beside what the consumer itself knows."""
        working_s = 0.0 if self.first_read_s is None else max(0.0, self.last_stored_s - self.first_read_s)
        return ConsumerStats(
            self.records,
            dict(self.inserted),
            dict(self.duplicates),
            dict(self.recovered),
            self.dead_letters,
            self.batches,
            self.retries,
            self.conflicts,
            self.identity_conflicts,
            len(offsets),
            lag,
            elsewhere,
            working_s,
            offsets,
            ends,
            log_silent_s,
            self.loop_lag_s,
            self.loop_lag_max_s,
        )
