"""Decides what one transaction writes, and counts it. Pure; both engines share it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, NamedTuple

from socialsim.events import EVENT_TYPES, Event
from socialsim.warehouse.base import DEAD_LETTER_BYTES_MAX, Batch, DeadLetter, OffsetAdvance, OffsetKey, Stored

REASON_CHARS_MAX: Final = 1000
ERROR_CLASS_CHARS_MAX: Final = 64

_by_primary_key: Final = attrgetter("time_us", "shard", "seq")


class Group(NamedTuple):
    """Events of one table, run and partition, sorted by primary key."""

    name: str
    key: OffsetKey | None  #: their partition; None if partitions are merged
    run_key: int
    events: list[Event]


class MoveRow(NamedTuple):
    """One compare-and-set of an offset with the counts of its transaction."""

    key: OffsetKey
    old: int
    new: int
    inserted: int
    duplicates: int
    dead_letters: int


class DeadLetterRow(NamedTuple):
    """A dead letter in the types of its columns."""

    log_id: str
    topic: str
    partition_id: int
    record_offset: int
    raw: bytes
    raw_bytes: int
    raw_sha256: str
    error_class: str
    reason: str
    topic_identity: str


@dataclass(slots=True)
class TransactionCounts:
    """The counts of one transaction, by wire name and by partition."""

    inserted: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    by_key: dict[OffsetKey, tuple[int, int]] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, key: OffsetKey | None, inserted: int, duplicates: int) -> None:
        """Count new rows and duplicates."""
        self.inserted[name] = self.inserted.get(name, 0) + inserted
        self.duplicates[name] = self.duplicates.get(name, 0) + duplicates
        if key is not None:
            before = self.by_key.get(key, (0, 0))
            self.by_key[key] = (before[0] + inserted, before[1] + duplicates)

    def remove_duplicate(self, name: str, key: OffsetKey) -> None:
        """Uncount one duplicate, which turned out to be a conflict."""
        self.duplicates[name] -= 1
        if key in self.by_key:
            inserted, duplicates = self.by_key[key]
            self.by_key[key] = (inserted, duplicates - 1)

    def count_merged_inserts(self, batch: Batch) -> None:
        """Count events that were inserted merged over partitions, for their partitions.

        All of them must be new.
        """
        for name in batch.events:
            if spans_several_partitions(batch, name):
                for key, rows in batch.spans[name]:
                    before = self.by_key.get(key, (0, 0))
                    self.by_key[key] = (before[0] + rows, before[1])

    def stored(self, dead_letters: Sequence[DeadLetter]) -> Stored:
        """The counts as the result of ``Warehouse.store``."""
        return Stored(self.inserted, self.duplicates, len(dead_letters), self.conflicts)


def run_ids(batch: Batch) -> set[str]:
    """The runs that the batch's events belong to."""
    return {event.run_id for events in batch.events.values() for event in events}


def groups(batch: Batch, run_keys: Mapping[str, int], *, by_partition: bool) -> Iterator[Group]:
    """What to insert, by table (parents first), partition, run and time.

    The fixed order prevents deadlocks between transactions with common rows. ``by_partition``
    separates known partitions; else they are merged.
    """
    for name in EVENT_TYPES:
        events = batch.events.get(name)
        if not events:
            continue
        for key, part in _parts(batch, name, events, by_partition=by_partition):
            for run_key, of_run in _runs(part, run_keys):
                yield Group(name, key, run_key, sorted(of_run, key=_by_primary_key))


def spans_several_partitions(batch: Batch, name: str) -> bool:
    """Whether the events of ``name`` come from more than one partition."""
    return len({key for key, _ in batch.spans.get(name, ())}) > 1


def move_rows(batch: Batch, counts: TransactionCounts, dead_letters: Sequence[DeadLetter]) -> list[MoveRow]:
    """The batch's offset advances with their counts, sorted.

    Raises ValueError if a partition occurs twice.
    """
    dead: dict[tuple[str, str, int], int] = {}
    for dead_letter in dead_letters:
        partition = (dead_letter.log_id, dead_letter.topic, dead_letter.partition)
        dead[partition] = dead.get(partition, 0) + 1
    if len({move.key for move in batch.moves}) != len(batch.moves):
        raise ValueError("a batch moves each partition once")

    def row(move: OffsetAdvance) -> MoveRow:
        key = move.key
        inserted, duplicates = counts.by_key.get(key, (0, 0))
        dead_here = dead.get((key.log_id, key.topic, key.partition), 0)
        return MoveRow(key, move.old, move.new, inserted, duplicates, dead_here)

    return [row(move) for move in sorted(batch.moves)]


def dead_letter_row(dead_letter: DeadLetter) -> DeadLetterRow:
    """``dead_letter`` in the types of its table, with truncated and encodable texts.

    The SHA-256 is that of the whole record.
    """
    return DeadLetterRow(
        dead_letter.log_id,
        dead_letter.topic,
        dead_letter.partition,
        dead_letter.offset,
        dead_letter.raw[:DEAD_LETTER_BYTES_MAX],
        len(dead_letter.raw),
        hashlib.sha256(dead_letter.raw).hexdigest(),
        _storable(dead_letter.error_class)[:ERROR_CLASS_CHARS_MAX],
        _storable(dead_letter.reason)[:REASON_CHARS_MAX],
        dead_letter.identity,
    )


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def _parts(
    batch: Batch, name: str, events: list[Event], *, by_partition: bool
) -> Iterator[tuple[OffsetKey | None, list[Event]]]:
    spans = batch.spans.get(name)
    if not spans:
        yield None, events
        return
    if sum(span.rows for span in spans) != len(events):
        raise ValueError(f"batch: the spans of {name} do not add up to its {len(events)} events")
    keys = {span.key for span in spans}
    if not by_partition or len(keys) == 1:
        yield keys.pop() if len(keys) == 1 else None, events
        return
    parts: dict[OffsetKey, list[Event]] = {}
    start = 0
    for key, rows in spans:
        parts.setdefault(key, []).extend(events[start : start + rows])
        start += rows
    yield from sorted(parts.items())


def _runs(events: list[Event], run_keys: Mapping[str, int]) -> Iterator[tuple[int, list[Event]]]:
    ids = {event.run_id for event in events}
    if len(ids) == 1:
        yield run_keys[ids.pop()], events
        return
    for run_key, run_id in sorted((run_keys[run_id], run_id) for run_id in ids):
        yield run_key, [event for event in events if event.run_id == run_id]
