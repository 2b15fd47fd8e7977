"""What one process sees of a run: the columns that KPIs are made of, cut into chunks of one day each.

One line of Python runs for each event, to part them by type; the members that matter go into arrays in calls that loop in C.
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
_EVENTS_MAX: Final = 500_000  #: of one chunk: bounds the memory of a process, whatever happens in a day

#: What counts as activity: a user is active on a day if he did one of these things. SQL has its own list, see
#: ``socialsim.kpi.aggregates``.
ACTIVITY: Final[tuple[type[Event], ...]] = tuple(EVENT_TYPES.values())

#: The members that are kept, of those types of which more is asked than how many there were, by whom and from what device.
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
    """An array for values of ``member``: user ids fit into 32 bits, for a scenario has at most 50 million."""
    return array("I" if member == "user_id" else "q")


class ColumnChunk(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Some of the events of one process on one day, as columns. Chunks of a process follow each other in time."""

    day: int  #: days since 1970-01-01
    last_us: int  #: when the last of them happened
    counts: dict[str, int]  #: by wire name
    device_hours: dict[str, int]  #: by device and hour, ``web 07``
    signup_devices: dict[str, int]
    session_s: int  #: how long the sessions are together that began
    countries: str  #: of those who signed up, two letters each, in the order of their columns
    active: bytes  #: ids of the users who did something, each once
    columns: dict[str, bytes]  #: the arrays of ``_KEPT``, as this machine lays them out, by ``type.member``

    def column(self, event: str, member: str) -> "array[int]":
        """The values of ``member`` of all events of the type with the wire name ``event``, in order of time."""
        values = empty_column(member)
        values.frombytes(self.columns.get(f"{event}.{member}", b""))
        return values


class _Gathering:
    """A chunk while it grows."""

    def __init__(self, day: int) -> None:
        self.day = day
        self.events = 0
        self.last_us = 0
        self.counts: Counter[str] = Counter()
        self.device_hours: dict[int, Counter[str]] = {}
        self.signup_devices: Counter[str] = Counter()
        self.session_s = 0
        self.countries: list[str] = []
        self.actors = empty_column("user_id")  # of each event; a set would be filled twice as slowly
        self.columns = {kind: tuple(map(empty_column, members)) for kind, members in _KEPT.items()}

    def add(self, events: Sequence[Event]) -> None:
        """Take events of this day, in order of time."""
        self.events += len(events)
        self.last_us = events[-1].time_us
        parted: dict[type[Event], list[Event]] = {kind: [] for kind in _KEPT}
        take = {kind: part.append for kind, part in parted.items()}
        for event in events:
            take[type(event)](event)
        for kind, part in parted.items():
            if part:
                self.counts[WIRE_NAMES[kind]] += len(part)
                for member, column in zip(_KEPT[kind], self.columns[kind], strict=True):
                    column.fromlist(list(map(_GETTERS[member], part)))  # half the time of extend()
        for kind in ACTIVITY:
            self.actors.fromlist(list(map(_user_id, parted[kind])))
        joined = parted[UserSignedUp]
        if joined:
            self.signup_devices.update(map(_device, joined))
            self.countries += map(_country, joined)
        self.session_s += sum(map(_duration_s, parted[SessionStarted]))
        self._count_devices(events)

    def _count_devices(self, events: Sequence[Event]) -> None:
        first = 0
        while first < len(events):
            hour = events[first].time_us // _HOUR_US
            behind = _place(events, (hour + 1) * _HOUR_US, first)
            part = events if behind - first == len(events) else events[first:behind]
            devices = list(map(_device, part))
            counts = self.device_hours.setdefault(hour % 24, Counter())
            for device in _DEVICES:
                counts[device] += devices.count(device)
            first = behind

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
    """Is shown every event of one process, and hands on chunks: a day's when it is over, or when there are many."""

    def __init__(self, keep: Callable[[ColumnChunk], None]) -> None:
        self._keep = keep
        self._gathering: _Gathering | None = None

    def observe(self, events: Sequence[Event]) -> None:
        """See ``events``, the next ones in order of time. They may be of several days."""
        first = 0
        while first < len(events):
            day = events[first].time_us // DAY_US
            behind = _place(events, (day + 1) * DAY_US, first)
            gathering = self._gathering
            if gathering is None or gathering.day != day or gathering.events >= _EVENTS_MAX:
                self.hand_on()
                gathering = self._gathering = _Gathering(day)
            gathering.add(events if behind - first == len(events) else events[first:behind])
            first = behind

    def hand_on(self) -> None:
        """Hand on what is there: called when the run has come to its end, or was stopped."""
        if self._gathering is not None:
            self._keep(self._gathering.chunk())
            self._gathering = None


def _place(events: Sequence[Event], end_us: int, first: int) -> int:
    """The place behind the last event before ``end_us``; most often that is the end."""
    return len(events) if events[-1].time_us < end_us else bisect_left(events, end_us, first, key=_time_us)
