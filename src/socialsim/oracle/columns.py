"""The columns that the KPIs need from one process, cut into chunks of one day each.

One line of Python runs per event, to partition events by type; the members that matter are copied
into arrays by calls that loop in C.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, get_args

import msgspec

from socialsim.events import (
    EVENT_TYPES,
    WIRE_NAMES,
    Device,
    Event,
    FriendAccepted,
    FriendRequested,
    PictureLiked,
    PicturePosted,
    SessionStarted,
    UserSignedUp,
    VideoLiked,
    VideoPosted,
)
from socialsim.scenario.model import DAY_US

_HOUR_US: Final = 3_600_000_000
#: Per chunk: bounds the memory of a process, however many events a day has.
_EVENTS_MAX: Final = 500_000

#: The events that make a user active on a day. SQL has its own list, see
#: ``socialsim.kpi.aggregates``.
ACTIVITY: Final[tuple[type[Event], ...]] = tuple(EVENT_TYPES.values())

#: The members that are kept, of those types for which counts, users and devices do not suffice.
_COLUMNS: Final[dict[type[Event], tuple[str, ...]]] = {
    UserSignedUp: ("user_id", "time_us"),
    FriendRequested: ("request_id", "time_us"),
    FriendAccepted: ("request_id", "time_us"),
    PicturePosted: ("picture_id", "user_id", "time_us"),
    VideoPosted: ("video_id", "user_id", "time_us"),
    PictureLiked: ("picture_id", "time_us"),
    VideoLiked: ("video_id", "time_us"),
}
_KEPT: Final = {kind: _COLUMNS.get(kind, ()) for kind in EVENT_TYPES.values()}
_MEMBERS: Final = {member for members in _KEPT.values() for member in members}
_GETTERS: Final[dict[str, Callable[[Any], int]]] = {member: attrgetter(member) for member in sorted(_MEMBERS)}
_DEVICES: Final[tuple[str, ...]] = get_args(Device)
_time_us: Final = attrgetter("time_us")
_user_id: Final = attrgetter("user_id")
_device: Final = attrgetter("device")
_country: Final = attrgetter("country")
_duration_s: Final = attrgetter("duration_s")


def empty_column(member: str) -> "array[int]":
    """An empty array for values of ``member``.

    User ids fit into 32 bits: a scenario has at most 50 million users.
    """
    return array("I" if member == "user_id" else "q")


class ColumnChunk(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Events of one process on one day, as columns. The chunks of a process are in time order."""

    day: int  #: days since 1970-01-01
    last_us: int  #: time of the last event
    counts: dict[str, int]  #: events by wire name
    device_hours: dict[str, int]  #: events by device and hour, such as ``web 07``
    signup_devices: dict[str, int]
    session_s: int  #: total duration of the sessions that started
    countries: str  #: of the new users, two letters each, in the order of their columns
    active: bytes  #: ids of the active users, each once
    #: the arrays of ``_KEPT`` in this machine's byte order, by ``type.member``
    columns: dict[str, bytes]

    def column(self, event: str, member: str) -> "array[int]":
        """The values of ``member`` in all events with the wire name ``event``, in time order."""
        values = empty_column(member)
        values.frombytes(self.columns.get(f"{event}.{member}", b""))
        return values


class _ChunkBuilder:
    """A chunk under construction."""

    def __init__(self, day: int) -> None:
        self.day = day
        self.events = 0
        self.last_us = 0
        self.counts: Counter[str] = Counter()
        self.device_hours: dict[int, Counter[str]] = {}
        self.signup_devices: Counter[str] = Counter()
        self.session_s = 0
        self.countries: list[str] = []
        # of each event; a set would be filled twice as slowly
        self.actors = empty_column("user_id")
        self.columns = {kind: tuple(map(empty_column, members)) for kind, members in _KEPT.items()}

    def add(self, events: Sequence[Event]) -> None:
        """Add events of this day, in time order."""
        self.events += len(events)
        self.last_us = events[-1].time_us
        by_type: dict[type[Event], list[Event]] = {kind: [] for kind in _KEPT}
        append = {kind: part.append for kind, part in by_type.items()}
        for event in events:
            append[type(event)](event)
        for kind, part in by_type.items():
            if part:
                self.counts[WIRE_NAMES[kind]] += len(part)
                for member, column in zip(_KEPT[kind], self.columns[kind], strict=True):
                    # takes half the time of extend()
                    column.fromlist(list(map(_GETTERS[member], part)))
        for kind in ACTIVITY:
            self.actors.fromlist(list(map(_user_id, by_type[kind])))
        joined = by_type[UserSignedUp]
        if joined:
            self.signup_devices.update(map(_device, joined))
            self.countries += map(_country, joined)
        self.session_s += sum(map(_duration_s, by_type[SessionStarted]))
        self._count_devices(events)

    def _count_devices(self, events: Sequence[Event]) -> None:
        first = 0
        while first < len(events):
            hour = events[first].time_us // _HOUR_US
            stop = _index_at(events, (hour + 1) * _HOUR_US, first)
            part = events if stop - first == len(events) else events[first:stop]
            devices = list(map(_device, part))
            counts = self.device_hours.setdefault(hour % 24, Counter())
            for device in _DEVICES:
                counts[device] += devices.count(device)
            first = stop

    def chunk(self) -> ColumnChunk:
        return ColumnChunk(
            self.day,
            self.last_us,
            dict(self.counts),
            {
                f"{device} {hour:02}": count
                for hour, counts in sorted(self.device_hours.items())
                for device, count in sorted(counts.items())
                if count
            },
            dict(self.signup_devices),
            self.session_s,
            "".join(self.countries),
            array("I", sorted(set(self.actors))).tobytes(),
            {
                f"{WIRE_NAMES[kind]}.{member}": column.tobytes()
                for kind, columns in self.columns.items()
                for member, column in zip(_KEPT[kind], columns, strict=True)
                if column
            },
        )


class KpiCollector:
    """Observes every event of one process and passes on chunks: at a day's end, or when one is
    full.
    """

    def __init__(self, add_chunk: Callable[[ColumnChunk], None]) -> None:
        self._add_chunk = add_chunk
        self._builder: _ChunkBuilder | None = None

    def observe(self, events: Sequence[Event]) -> None:
        """Add the next events, in time order. They may span several days."""
        first = 0
        while first < len(events):
            day = events[first].time_us // DAY_US
            stop = _index_at(events, (day + 1) * DAY_US, first)
            builder = self._builder
            if builder is None or builder.day != day or builder.events >= _EVENTS_MAX:
                self.flush()
                builder = self._builder = _ChunkBuilder(day)
            builder.add(events if stop - first == len(events) else events[first:stop])
            first = stop

    def flush(self) -> None:
        """Pass on the unfinished chunk. Called when the run has ended or was stopped."""
        if self._builder is not None:
            self._add_chunk(self._builder.chunk())
            self._builder = None


def _index_at(events: Sequence[Event], time_us: int, first: int) -> int:
    """The index of the first event at or after ``time_us``; usually that is the end."""
    return len(events) if events[-1].time_us < time_us else bisect_left(events, time_us, first, key=_time_us)
