"""From typed events to the log: encodes them, and puts them in order by shard."""

from bisect import bisect_right
from collections import Counter
from itertools import repeat
from operator import attrgetter
from typing import Final

from socialsim.events import EVENT_TYPES, PLURALS, WIRE_NAMES, Event, encode
from socialsim.transport.base import EventWriter, Record

_TOPICS: Final[dict[type[Event], str]] = {event_type: PLURALS[name] for name, event_type in EVENT_TYPES.items()}
_EVENTS_MAX: Final = 1_024  #: encoded at once: enough to spread the cost of a call, little enough to stay in cache

_shard: Final = attrgetter("shard")
_seq: Final = attrgetter("seq")
_time_us: Final = attrgetter("time_us")
_user_id: Final = attrgetter("user_id")


class Outbox:
    """Hands the events of one process to the writer, a thousand at a time. ``events`` counts all that were taken,
    ``counts`` by type those that were handed over."""

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self._pending: list[Event] = []
        self.events = 0
        self.counts: dict[str, int] = dict.fromkeys(EVENT_TYPES, 0)

    def add(self, events: list[Event]) -> None:
        """Take ``events``, of each shard in the order of ``seq``. Waits while the log is behind: the clock stands still."""
        self.events += len(events)
        self._pending += events
        if len(self._pending) >= _EVENTS_MAX:
            self._hand_over()
            self._writer.throttle()

    def flush(self) -> None:
        """Hand over what is pending and ask for it to be written soon."""
        self._hand_over()
        self._writer.flush()

    def _hand_over(self) -> None:
        events = self._pending
        events.sort(key=_shard)  # stable: within a shard the order of seq remains
        shards = list(map(_shard, events))
        records = to_records(events)
        for event_type, count in Counter(map(type, events)).items():
            self.counts[WIRE_NAMES[event_type]] += count
        events.clear()
        first = 0
        while first < len(shards):
            shard = shards[first]
            behind = bisect_right(shards, shard, first)
            self._writer.append(shard, records[first:behind])
            first = behind


def to_records(events: list[Event]) -> list[Record]:
    """The events encoded. Written column by column, so that no line of Python runs for each event."""
    topics = map(_TOPICS.__getitem__, map(type, events))
    columns = zip(
        topics, map(_user_id, events), map(_seq, events), map(_time_us, events), map(encode, events), strict=True
    )
    # Record's own constructor and _make are Python functions, and cost as much as the encoding.
    return list(map(tuple.__new__, repeat(Record), columns))
