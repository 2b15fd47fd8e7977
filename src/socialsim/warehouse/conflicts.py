"""Events whose identity is taken by a row with another content. Pure; asked only where a transaction met duplicates.

The same record twice is harmless and expected. Another record under the same identity is not: two runs share an id, or
somebody writes into the log. The row that came first stays, the record is kept as a dead letter, and the books count it
as one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from socialsim.events import EVENT_TYPES, Event
from socialsim.warehouse.base import IDENTITY_CONFLICT, Batch, DeadLetter
from socialsim.warehouse.planning import Group, Tally
from socialsim.warehouse.rows import columns

_KEY_COLUMNS: Final = 4  # run_key, event_time, shard, seq
#: The columns behind the primary key, by wire name.
CONTENT_COLUMNS: Final = {name: columns(name)[_KEY_COLUMNS:] for name in EVENT_TYPES}
#: An event's values of these, in the types that MySQL's driver answers with.
CONTENTS: Final[Mapping[str, Callable[[Event], tuple[Any, ...]]]] = {
    name: attrgetter(*names) for name, names in CONTENT_COLUMNS.items()
}

#: ``event_time`` as microseconds, ``shard``, ``seq``: a row's place within its table and run.
RowKey: TypeAlias = tuple[int, int, int]
row_key: Final[Callable[[Event], RowKey]] = attrgetter("time_us", "shard", "seq")


class Suspects(NamedTuple):
    """Events of one table and run of which some were there already, in whatever content."""

    group: Group
    events: Sequence[Event]


class Conflict(NamedTuple):
    """An event, and the row that has its identity."""

    group: Group
    event: Event
    stored: tuple[Any, ...]


def differing(
    suspects: Suspects, contents: Iterable[tuple[Any, ...]], stored: Mapping[RowKey, tuple[Any, ...]]
) -> list[Conflict]:
    """Those whose row differs. ``contents`` are the events' own, ``stored`` those of their rows."""
    return [
        Conflict(suspects.group, event, stored[row_key(event)])
        for event, content in zip(suspects.events, contents, strict=True)
        if stored[row_key(event)] != content
    ]


def dead_letters_of(batch: Batch, conflicts: Iterable[Conflict], tally: Tally) -> list[DeadLetter]:
    """The conflicts as dead letters, where the batch can tell where each stood; ``tally`` moves them there."""
    letters = []
    for group, event, stored in conflicts:
        tally.conflicts[group.name] = tally.conflicts.get(group.name, 0) + 1
        place = batch.locate(event) if batch.locate is not None else None
        if place is None:
            continue
        key, offset, raw = place
        pairs = zip(CONTENT_COLUMNS[group.name], CONTENTS[group.name](event), stored, strict=True)
        differences = ", ".join(f"{name} {new} is stored as {old}" for name, new, old in pairs if str(new) != str(old))
        reason = f"run {event.run_id} has another {group.name} with shard {event.shard}, seq {event.seq}: {differences}"
        place_of = (key.log_id, key.topic, key.partition, offset)
        letters.append(DeadLetter(*place_of, raw, IDENTITY_CONFLICT, reason, key.identity))
        tally.drop_duplicate(group.name, key)
    return letters
