"""From typed events to the log: encodes them, and puts them in order by shard."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Final, Protocol, Self

from socialsim.events import EVENT_TYPES, PLURALS, WIRE_NAMES, Event, encode
from socialsim.runs.manifest import Manifest, ManifestBuilder
from socialsim.transport.base import EventWriter, Record, WriterStats, never_abandon

_TOPICS: Final[dict[type[Event], str]] = {event_type: PLURALS[name] for name, event_type in EVENT_TYPES.items()}
_EVENTS_MAX: Final = 1_024  #: encoded at once: enough to spread the cost of a call, little enough to stay in cache

_shard: Final = attrgetter("shard")
_seq: Final = attrgetter("seq")
_time_us: Final = attrgetter("time_us")
_user_id: Final = attrgetter("user_id")


_EVENTS_PER_CHECKPOINT: Final = 200_000  #: how much of the log a resumed run may write again, at most, and a little


class ManifestStore(Protocol):
    """Where the manifests of a process's shards are kept. The simulation does no I/O itself, so it is handed one."""

    def acknowledged_seq(self, shard: int) -> int:
        """What an earlier life of the run had made durable of ``shard``; -1 for nothing."""

    def write(self, manifest: Manifest) -> None:
        """Keep ``manifest`` in the place of the shard's last one."""

    def resumed(self) -> Self:
        """The same books, for the run's next life."""


class EventObserver(Protocol):
    """Who is shown all events of a process as well, and keeps of them what he likes."""

    def observe(self, events: Sequence[Event]) -> None:
        """See ``events``, the next ones in order of time. They are not to be kept, nor changed."""

    def close(self) -> None:
        """The run has come to its end, or was stopped."""


class EventSink:
    """Hands the events of one process to the writer, a thousand at a time, and enters each in the books.

    Events that an earlier life of the run had made durable are entered but not handed over: a run that is resumed is
    simulated again from the beginning and stays silent until it comes to something new. ``events`` counts all that were
    taken, ``counts`` by type those that were entered. ``leave`` says that the clock need not wait for the log any more.
    """

    def __init__(
        self,
        run_id: str,
        shards: range,
        writer: EventWriter,
        books: ManifestStore,
        observer: EventObserver | None = None,
        *,
        leave: Callable[[], bool] = never_abandon,
    ) -> None:
        self._leave = leave
        self._shards = shards
        self._writer = writer
        self._books = books
        self._observer = observer
        self._ledger = ManifestBuilder(run_id, shards)
        durable = {shard: max(books.acknowledged_seq(shard), writer.acknowledged_seq(shard)) for shard in shards}
        self._durable = {shard: seq for shard, seq in durable.items() if seq >= 0}
        self._pending: list[Event] = []
        self._next_checkpoint = _EVENTS_PER_CHECKPOINT
        self.events = 0
        self.counts: dict[str, int] = dict.fromkeys(EVENT_TYPES, 0)

    def add(self, events: list[Event]) -> None:
        """Take ``events``, of each shard in the order of ``seq``. Waits while the log is behind: the clock stands still."""
        self.events += len(events)
        self._pending += events
        if len(self._pending) >= _EVENTS_MAX:
            self._hand_over()
            self._writer.throttle(self._leave)
            if self.events >= self._next_checkpoint:
                self._next_checkpoint += _EVENTS_PER_CHECKPOINT
                self.write_books(sealed=False)

    @property
    def writer_stats(self) -> WriterStats:
        """How the writer stands."""
        return self._writer.stats()

    def flush(self) -> None:
        """Hand over what is pending and ask for it to be written soon."""
        self._hand_over()
        self._writer.flush()

    def write_books(self, *, sealed: bool) -> int:
        """Keep the manifests of all shards as they stand. ``sealed``: the run is over and everything is durable.

        Answers how many of the events in them are not durable yet.
        """
        durable = self._durable
        undurable = 0
        for shard in self._shards:
            acknowledged_seq = max(self._writer.acknowledged_seq(shard), durable.get(shard, -1))
            manifest = self._ledger.manifest(shard, acknowledged_seq=acknowledged_seq, sealed=sealed)
            self._books.write(manifest)
            # What was durable may be ahead of what a resumed run has simulated again up to now.
            undurable += max(0, sum(tally.count for tally in manifest.tallies.values()) - acknowledged_seq - 1)
        return undurable

    def _hand_over(self) -> None:
        events = self._pending
        self._ledger.add(events)
        if self._observer is not None:
            self._observer.observe(events)
        for event_type, count in Counter(map(type, events)).items():
            self.counts[WIRE_NAMES[event_type]] += count
        durable = self._durable
        if durable:
            events = [event for event in events if event.seq > durable.get(event.shard, -1)]
        events.sort(key=_shard)  # stable: within a shard the order of seq remains
        shards = list(map(_shard, events))
        records = to_records(events)
        self._pending.clear()
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
