"""Dead letters that hold an event of the run: they may account for events that are not stored."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from socialsim.events import EVENT_TYPES, RECORD_BYTES_MAX, Event, InvalidRecordError, decode
from socialsim.warehouse.schema.tables import dead_letters

_ROWS_AT_ONCE: Final = 100


class IdentifiedDeadLetter(NamedTuple):
    """A dead letter with a readable identity.

    ``event`` is the event itself if all of it is readable.
    """

    name: str
    shard: int
    seq: int
    event: Event | None


class IdentifiedDeadLetters(NamedTuple):
    """``found``: by identity, for this run.

    ``unreadable``: letters without a readable identity, by topic.
    """

    found: dict[tuple[int, int], IdentifiedDeadLetter]
    unreadable: dict[str, int]


class _Identity(msgspec.Struct, gc=False):
    type: str
    run_id: str
    shard: int
    seq: int


_decoder: Final = msgspec.json.Decoder(_Identity)


def count_letters(connection: Connection) -> dict[str, int]:
    """The number of dead letters by topic."""
    rows = connection.execute(select(dead_letters.c.topic, func.count()).group_by(dead_letters.c.topic))
    return {str(topic): int(count) for topic, count in rows}


def read_letters(
    connection: Connection, run_id: str, topics: list[str], canonical: Callable[[bytes], bytes] = bytes
) -> IdentifiedDeadLetters:
    """Read the dead letters of ``topics``; ``canonical`` turns values into plain JSON if it can."""
    found: dict[tuple[int, int], IdentifiedDeadLetter] = {}
    unreadable: dict[str, int] = {}
    for topic, raw in _raws(connection, topics):
        letter = _identified(canonical(raw))
        if letter is None:
            unreadable[topic] = unreadable.get(topic, 0) + 1
        elif letter[0] == run_id:
            known = found.get((letter[1].shard, letter[1].seq))
            if known is None or known.event is None:
                found[letter[1].shard, letter[1].seq] = letter[1]
    return IdentifiedDeadLetters(found, unreadable)


def _raws(connection: Connection, topics: list[str]) -> Iterator[tuple[str, bytes]]:
    """The records, cut to one byte more than RECORD_BYTES_MAX: larger ones are not ours and cannot
    be parsed.
    """
    query = (
        select(dead_letters.c.topic, func.substr(dead_letters.c.raw, 1, RECORD_BYTES_MAX + 1).label("raw"))
        .where(dead_letters.c.topic.in_(bindparam("topics", expanding=True)))
        .order_by(dead_letters.c.id)
    )
    for part in connection.execute(query, {"topics": topics}).partitions(_ROWS_AT_ONCE):
        for topic, raw in part:
            yield str(topic), bytes(raw or b"")  # SQLite: a substring of an empty blob is NULL


def _identified(raw: bytes) -> tuple[str, IdentifiedDeadLetter] | None:
    try:
        event = decode(raw)
    except (InvalidRecordError, RecursionError, ValueError):
        event = None
    try:
        identity = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if identity.type not in EVENT_TYPES:
        return None
    return identity.run_id, IdentifiedDeadLetter(identity.type, identity.shard, identity.seq, event)
