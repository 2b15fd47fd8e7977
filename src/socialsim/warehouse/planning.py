"""Decides what one transaction writes and keeps its books. Pure; both engines share it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, NamedTuple

from socialsim.events import EVENT_TYPES, Event
from socialsim.warehouse.base import DEAD_LETTER_BYTES_MAX, Batch, DeadLetter, OffsetKey, OffsetMove, Stored

REASON_CHARS_MAX: Final = 1000
ERROR_CLASS_CHARS_MAX: Final = 64

_by_primary_key: Final = attrgetter("time_us", "shard", "seq")


class Group(NamedTuple):
    """Events of one table, run and origin, sorted by primary key."""

    name: str
    key: OffsetKey | None  #: the partition that they came from, None where that is not told apart
    run_key: int
    events: list[Event]


class MoveRow(NamedTuple):
    """One compare-and-set of an offset with the books of its transaction."""

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
class Tally:
    """Counts of one transaction, by wire name and by partition."""

    inserted: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    by_key: dict[OffsetKey, tuple[int, int]] = field(default_factory=dict)
    conflicts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, key: OffsetKey | None, inserted: int, duplicates: int) -> None:
        """Count new rows and rows that were there already."""
        self.inserted[name] = self.inserted.get(name, 0) + inserted
        self.duplicates[name] = self.duplicates.get(name, 0) + duplicates
        if key is not None:
            before = self.by_key.get(key, (0, 0))
            self.by_key[key] = (before[0] + inserted, before[1] + duplicates)

    def drop_duplicate(self, name: str, key: OffsetKey) -> None:
        """One that was counted as a duplicate is something else."""
        self.duplicates[name] -= 1
        if key in self.by_key:
            inserted, duplicates = self.by_key[key]
            self.by_key[key] = (inserted, duplicates - 1)

    def spread(self, batch: Batch) -> None:
        """Count the events that were inserted merged over partitions for these: all are new, or this is not called."""
        for name in batch.events:
            if several_sources(batch, name):
                for key, rows in batch.sources[name]:
                    before = self.by_key.get(key, (0, 0))
                    self.by_key[key] = (before[0] + rows, before[1])

    def stored(self, dead_letters: Sequence[DeadLetter]) -> Stored:
        """The answer to the caller."""
        return Stored(self.inserted, self.duplicates, len(dead_letters), self.conflicts)


def run_ids(batch: Batch) -> set[str]:
    """The runs that the batch's events belong to."""
    return {event.run_id for events in batch.events.values() for event in events}


def groups(batch: Batch, run_keys: Mapping[str, int], *, by_source: bool) -> Iterator[Group]:
    """What to insert, in the order that every transaction keeps: tables parents first, then origin, run, time.

    A fixed order of tables and sorted keys keep two transactions with rows in common from a deadlock. ``by_source``
    tells the partitions apart, where that is known; else they are merged.
    """
    for name in EVENT_TYPES:
        events = batch.events.get(name)
        if not events:
            continue
        for key, part in _parts(batch, name, events, by_source=by_source):
            for run_key, of_run in _runs(part, run_keys):
                yield Group(name, key, run_key, sorted(of_run, key=_by_primary_key))


def several_sources(batch: Batch, name: str) -> bool:
    """True if the events of ``name`` came from more than one partition."""
    return len({key for key, _ in batch.sources.get(name, ())}) > 1


def move_rows(batch: Batch, tally: Tally, letters: Sequence[DeadLetter]) -> list[MoveRow]:
    """The batch's moves with their books, sorted. Raises ValueError if a partition would move twice."""
    dead: dict[tuple[str, str, int], int] = {}
    for letter in letters:
        place = (letter.log_id, letter.topic, letter.partition)
        dead[place] = dead.get(place, 0) + 1
    if len({move.key for move in batch.moves}) != len(batch.moves):
        raise ValueError("a batch moves each partition once")

    def row(move: OffsetMove) -> MoveRow:
        key = move.key
        inserted, duplicates = tally.by_key.get(key, (0, 0))
        dead_here = dead.get((key.log_id, key.topic, key.partition), 0)
        return MoveRow(key, move.old, move.new, inserted, duplicates, dead_here)

    return [row(move) for move in sorted(batch.moves)]


def dead_letter_row(letter: DeadLetter) -> DeadLetterRow:
    """``letter`` as it fits the table: texts cut and free of what cannot be encoded, SHA-256 over all of ``raw``."""
    return DeadLetterRow(
        letter.log_id,
        letter.topic,
        letter.partition,
        letter.offset,
        letter.raw[:DEAD_LETTER_BYTES_MAX],
        len(letter.raw),
        hashlib.sha256(letter.raw).hexdigest(),
        _storable(letter.error_class)[:ERROR_CLASS_CHARS_MAX],
        _storable(letter.reason)[:REASON_CHARS_MAX],
        letter.identity,
    )


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def _parts(
    batch: Batch, name: str, events: list[Event], *, by_source: bool
) -> Iterator[tuple[OffsetKey | None, list[Event]]]:
    sources = batch.sources.get(name)
    if not sources:
        yield None, events
        return
    if sum(source.rows for source in sources) != len(events):
        raise ValueError(f"batch: the sources of {name} do not add up to its {len(events)} events")
    keys = {source.key for source in sources}
    if not by_source or len(keys) == 1:
        yield keys.pop() if len(keys) == 1 else None, events
        return
    parts: dict[OffsetKey, list[Event]] = {}
    start = 0
    for key, rows in sources:
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
