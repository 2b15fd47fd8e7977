"""The event sink: encodes events, adds them to the control totals and appends them to the log."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Final, Protocol, Self, TypeAlias

from socialsim.events import EVENT_TYPES, PLURALS, WIRE_NAMES, Event, encode
from socialsim.runs.manifest import Manifest, ManifestBuilder
from socialsim.transport.base import EventWriter, Record, WriterStats, never_abandon

_TOPICS: Final[dict[type[Event], str]] = {event_type: PLURALS[name] for name, event_type in EVENT_TYPES.items()}
#: Events per batch: enough to spread the cost of a call, few enough to stay in the CPU cache.
_EVENTS_MAX: Final = 1_024

_shard: Final = attrgetter("shard")
_seq: Final = attrgetter("seq")
_time_us: Final = attrgetter("time_us")
_user_id: Final = attrgetter("user_id")
#: Events between two writes of the manifests. Bounds, with what is unacknowledged, how many records
#: a resumed run writes again.
_EVENTS_PER_CHECKPOINT: Final = 200_000


#: Makes the value of an event's record.
Encoder: TypeAlias = Callable[[Event], bytes]


class ManifestStore(Protocol):
    """Stores the manifests of one process's shards. Injected: the simulation itself does no I/O."""

    def acknowledged_seq(self, shard: int) -> int:
        """The last ``seq`` of ``shard`` that previous attempts made durable; -1 for none."""

    def write(self, manifest: Manifest) -> None:
        """Replace the shard's stored manifest by ``manifest``."""

    def resumed(self) -> Self:
        """The same store for the run's next attempt."""


class EventObserver(Protocol):
    """Receives every event of a process and derives results from them, such as KPIs."""

    def observe(self, events: Sequence[Event]) -> None:
        """Process the next events, in time order. ``events`` must be neither kept nor changed."""

    def close(self) -> None:
        """Finish: the run has ended or was stopped."""


class EventSink:
    """Hands the events of one process to the writer in batches and adds each to the control totals.

    Events that a previous attempt made durable are added to the control totals but not handed over:
    a resumed run simulates everything again from the beginning and writes only what the log does
    not hold yet. ``events`` counts all events received, ``counts`` by type those added to the
    totals. ``encode_event`` makes a record's value, canonical JSON by default. ``should_abandon``
    returns True when waiting for the log has become pointless.
    """

    def __init__(
        self,
        run_id: str,
        shards: range,
        writer: EventWriter,
        manifests: ManifestStore,
        observer: EventObserver | None = None,
        *,
        encode_event: Encoder = encode,
        should_abandon: Callable[[], bool] = never_abandon,
    ) -> None:
        self._encode = encode_event
        self._should_abandon = should_abandon
        self._shards = shards
        self._writer = writer
        self._manifests = manifests
        self._observer = observer
        self._totals = ManifestBuilder(run_id, shards)
        durable = {shard: max(manifests.acknowledged_seq(shard), writer.acknowledged_seq(shard)) for shard in shards}
        self._durable = {shard: seq for shard, seq in durable.items() if seq >= 0}
        self._pending: list[Event] = []
        self._next_checkpoint = _EVENTS_PER_CHECKPOINT
        self.events = 0
        self.counts: dict[str, int] = dict.fromkeys(EVENT_TYPES, 0)

    def add(self, events: list[Event]) -> None:
        """Add ``events``, ordered by ``seq`` within each shard.

        Waits while the log exerts backpressure.
        """
        self.events += len(events)
        self._pending += events
        if len(self._pending) >= _EVENTS_MAX:
            self._hand_over()
            self._writer.throttle(self._should_abandon)
            if self.events >= self._next_checkpoint:
                self._next_checkpoint += _EVENTS_PER_CHECKPOINT
                self.write_manifests(sealed=False)

    @property
    def writer_stats(self) -> WriterStats:
        """The writer's statistics."""
        return self._writer.stats()

    def flush(self) -> None:
        """Hand over pending events and ask the writer to send them soon."""
        self._hand_over()
        self._writer.flush()

    def write_manifests(self, *, sealed: bool) -> int:
        """Store the current manifests of all shards. ``sealed``: the run has ended and all is
        durable.

        Returns how many of the events in them are not durable yet.
        """
        durable = self._durable
        undurable = 0
        for shard in self._shards:
            acknowledged_seq = max(self._writer.acknowledged_seq(shard), durable.get(shard, -1))
            manifest = self._totals.manifest(shard, acknowledged_seq=acknowledged_seq, sealed=sealed)
            self._manifests.write(manifest)
            # A resumed run may not have simulated yet all that previous attempts made durable.
            undurable += max(0, sum(totals.count for totals in manifest.tallies.values()) - acknowledged_seq - 1)
        return undurable

    def _hand_over(self) -> None:
        events = self._pending
        self._totals.add(events)
        if self._observer is not None:
            self._observer.observe(events)
        for event_type, count in Counter(map(type, events)).items():
            self.counts[WIRE_NAMES[event_type]] += count
        durable = self._durable
        if durable:
            events = [event for event in events if event.seq > durable.get(event.shard, -1)]
        events.sort(key=_shard)  # stable: keeps the order of seq within a shard
        shards = list(map(_shard, events))
        records = to_records(events, self._encode)
        self._pending.clear()
        first = 0
        while first < len(shards):
            shard = shards[first]
            stop = bisect_right(shards, shard, first)
            self._writer.append(shard, records[first:stop])
            first = stop


def to_records(events: list[Event], encode_event: Encoder = encode) -> list[Record]:
    """Encode events, column by column: no line of Python runs per event."""
    topics = map(_TOPICS.__getitem__, map(type, events))
    columns = zip(
        topics, map(_user_id, events), map(_seq, events), map(_time_us, events), map(encode_event, events), strict=True
    )
    # Record's own constructor and _make are Python functions that cost as much as the encoding.
    return list(map(tuple.__new__, repeat(Record), columns))
