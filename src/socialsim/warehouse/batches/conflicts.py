"""Identity conflicts: events whose identity is stored with different content.

Pure; runs only after duplicates.

Duplicate records are harmless and expected. Another record with the same identity is not: two runs
share an id, or another program writes to the log. The first row stays; the record is kept and
counted as a dead letter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from socialsim.events import EVENT_TYPES, Event
from socialsim.warehouse.base import IDENTITY_CONFLICT, Batch, DeadLetter
from socialsim.warehouse.batches.rows import columns
from socialsim.warehouse.batches.transaction import Group, TransactionCounts

_KEY_COLUMNS: Final = 4  # run_key, event_time, shard, seq
#: The columns after the primary key, by wire name.
CONTENT_COLUMNS: Final = {name: columns(name)[_KEY_COLUMNS:] for name in EVENT_TYPES}
#: The values of these columns of an event, in the types that MySQL's driver returns.
CONTENTS: Final[Mapping[str, Callable[[Event], tuple[Any, ...]]]] = {
    name: attrgetter(*names) for name, names in CONTENT_COLUMNS.items()
}

#: ``event_time`` in microseconds, ``shard``, ``seq``: a row's key within its table and run.
RowKey: TypeAlias = tuple[int, int, int]
row_key: Final[Callable[[Event], RowKey]] = attrgetter("time_us", "shard", "seq")


class DuplicateCandidates(NamedTuple):
    """Events of one table and run, some of which were stored already."""

    group: Group
    events: Sequence[Event]


class Conflict(NamedTuple):
    """An event, and the content of the stored row with its identity."""

    group: Group
    event: Event
    stored: tuple[Any, ...]


def differing(
    candidates: DuplicateCandidates, contents: Iterable[tuple[Any, ...]], stored: Mapping[RowKey, tuple[Any, ...]]
) -> list[Conflict]:
    """The candidates whose stored row differs.

    ``contents`` belong to the events, ``stored`` to their rows.
    """
    return [
        Conflict(candidates.group, event, stored[row_key(event)])
        for event, content in zip(candidates.events, contents, strict=True)
        if stored[row_key(event)] != content
    ]


def dead_letters_of(batch: Batch, conflicts: Iterable[Conflict], counts: TransactionCounts) -> list[DeadLetter]:
    """The conflicts that the batch can locate, as dead letters; ``counts`` is corrected."""
    dead_letters = []
    for group, event, stored in conflicts:
        counts.conflicts[group.name] = counts.conflicts.get(group.name, 0) + 1
        found = batch.locate(event) if batch.locate is not None else None
        if found is None:
            continue
        key, offset, raw = found
        pairs = zip(CONTENT_COLUMNS[group.name], CONTENTS[group.name](event), stored, strict=True)
        differences = ", ".join(f"{name} {new} is stored as {old}" for name, new, old in pairs if str(new) != str(old))
        reason = f"run {event.run_id} has another {group.name} with shard {event.shard}, seq {event.seq}: {differences}"
        position = (key.log_id, key.topic, key.partition, offset)
        dead_letters.append(DeadLetter(*position, raw, IDENTITY_CONFLICT, reason, key.identity))
        counts.remove_duplicate(group.name, key)
    return dead_letters
