"""From typed events to the log: encodes them, and puts them in order by shard."""

from typing import Final

from socialsim.events import EVENT_TYPES, PLURALS, Event, encode
from socialsim.transport.base import EventWriter, Record

_TOPICS: Final[dict[type[Event], str]] = {event_type: PLURALS[name] for name, event_type in EVENT_TYPES.items()}
_EVENTS_MAX: Final = 4_096  #: encoded at once: enough to spread the cost of a call, little enough to stay in cache


class Outbox:
    """Hands the events of one process to the writer, a few thousand at a time. ``events`` counts all that were taken,
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
        by_shard: dict[int, list[Record]] = {}
        counted: dict[type[Event], int] = dict.fromkeys(_TOPICS, 0)
        for event in self._pending:
            event_type = type(event)
            counted[event_type] += 1
            record = Record(_TOPICS[event_type], event.user_id, event.seq, event.time_us, encode(event))
            records = by_shard.get(event.shard)
            if records is None:
                by_shard[event.shard] = [record]
            else:
                records.append(record)
        self._pending.clear()
        for shard, records in sorted(by_shard.items()):
            self._writer.append(shard, records)
        for name, event_type in EVENT_TYPES.items():
            self.counts[name] += counted[event_type]
