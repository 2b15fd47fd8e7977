"""Counts what the consumer does, and returns frozen snapshots of the counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from socialsim.consumer.assembly import DecodedChunk
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.base import Stored


@dataclass(frozen=True, slots=True)
class ConsumerStats:
    """A snapshot. Counts start with the consumer; "by type" means by the event's wire name."""

    records: int  #: read from the log, including records read again after a rewind
    inserted: Mapping[str, int]  #: new rows by type
    duplicates: Mapping[str, int]  #: rows that were stored already, by type
    #: rows by type whose commit was confirmed by the offset after the answer was lost
    recovered: Mapping[str, int]
    dead_letters: int
    batches: int
    retries: int  #: transactions and offset reads that failed with a transient error
    conflicts: int  #: partitions whose offset another consumer had moved
    #: dead letters whose identity is stored with different content: an alarm
    identity_conflicts: int
    assigned: int  #: partitions
    #: Records in the assigned partitions that were not stored when the log ends were last read;
    #: None while it is unknown or no partition is assigned.
    lag: int | None
    #: During a drain: records not yet stored in partitions that this consumer does not own; None:
    #: unknown.
    elsewhere: int | None
    working_s: float  #: from the first record read to the last batch stored
    #: the next offset to be stored, of each assigned partition
    offsets: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]  #: the last known log end of each assigned partition
    log_silent_s: float | None  #: since the log ends were last read; None: never
    loop_lag_s: float  #: how late the event loop last woke a sleeping task
    loop_lag_max_s: float

    @property
    def rows(self) -> int:
        """All records that are stored, whether new or stored before."""
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
    unreachable: int = 0  #: failed reads of the offsets: the warehouse is known to be unavailable
    first_read_s: float | None = None
    last_stored_s: float = 0.0
    loop_lag_s: float = 0.0
    loop_lag_max_s: float = 0.0

    def count_stored(self, stored: Stored, now_s: float) -> None:
        """Add the counts of one transaction."""
        self.inserted.update(stored.inserted)
        self.duplicates.update(stored.duplicates)
        self.dead_letters += stored.dead_letters
        self.identity_conflicts += sum(stored.conflicts.values())
        self.batches += 1
        self.last_stored_s = now_s

    def count_recovered(self, chunk: DecodedChunk, now_s: float) -> None:
        """Add a chunk whose commit the stored offset confirms."""
        for name, events in chunk.events.items():
            self.recovered[name] += len(events)
        self.dead_letters += len(chunk.dead_letters)
        self.last_stored_s = now_s

    def note_loop_lag(self, late_s: float) -> None:
        """Record that a sleeping task was woken ``late_s`` late."""
        self.loop_lag_s = max(0.0, late_s)
        self.loop_lag_max_s = max(self.loop_lag_max_s, late_s)

    @property
    def progress(self) -> tuple[int, ...]:
        """Changes with every sign of progress; retrying an unavailable warehouse is one."""
        return (self.records, self.batches, self.conflicts, self.unreachable)

    def snapshot(
        self,
        lag: int | None,
        elsewhere: int | None,
        offsets: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        log_silent_s: float | None,
    ) -> ConsumerStats:
        """The current counts together with the consumer's positions."""
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
