"""Finds hours with unusually many events, which daily figures hide.

The usual count of an hour is derived from the same hour of the day in the week before and the week
after: the median of its shares of its own day. So neither growth nor the daily evening peak looks
like a burst. A day's level leaves out its three highest hours, because a burst must not raise the
level that it is compared with.

An hour is a burst if it has at least TIMES_MIN times the usual count, at least EXCESS_MIN events
more, and exceeds it by more than chance explains (CHANCE_MIN). Events come in sessions of several
each, so chance alone exceeds the square root of their number; the bounds were calibrated on runs of
a few hundred to a few thousand users without any flash mob. In small networks they may hide a burst
of a single country.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import median
from typing import Final, NamedTuple

HOURS: Final = 24
DAYS_AROUND: Final = 7  #: before the day, and after it
DAYS_MIN: Final = 7  #: of those around: fewer do not show what is usual
TIMES_MIN: Final = 1.6
EXCESS_MIN: Final = 250
CHANCE_MIN: Final = 12.0  #: in square roots of the usual count
_HIGHEST: Final = 3

Day = Sequence[float] | None  #: events by hour; None if unknown


class Burst(NamedTuple):
    """Consecutive unusual hours. ``events`` and ``usual`` are those of the ``peak``."""

    peak: int  #: hours since the start of the first day
    hours: int
    events: float
    usual: float


def find_bursts(days: Sequence[Day]) -> list[Burst]:
    """The bursts in consecutive days of 24 counts each, in time order."""
    shapes = [_shape(day) for day in days]
    bursts: list[Burst] = []
    stop = -1  # the hour after the previous burst
    for index, day in enumerate(days):
        for hour, events in enumerate(day or ()):
            usual = _usual(shapes, index, hour)
            if usual is None or not _is_unusual(events, usual):
                continue
            time = index * HOURS + hour
            if time == stop:
                previous = bursts.pop()
                highest = max(previous, Burst(time, 1, events, usual), key=lambda each: each.events - each.usual)
                bursts.append(highest._replace(hours=previous.hours + 1))
            else:
                bursts.append(Burst(time, 1, events, usual))
            stop = time + 1
    return bursts


class _Shape(NamedTuple):
    """A day: its level, and each hour relative to it."""

    level: float
    hours: list[float]


def _shape(day: Day) -> _Shape | None:
    level = sum(sorted(day)[: HOURS - _HIGHEST]) if day is not None else 0
    return _Shape(level, [events / level for events in day]) if day is not None and level > 0 else None


def _usual(shapes: Sequence[_Shape | None], index: int, hour: int) -> float | None:
    own = shapes[index]
    around = [*shapes[max(0, index - DAYS_AROUND) : index], *shapes[index + 1 : index + 1 + DAYS_AROUND]]
    known = [shape.hours[hour] for shape in around if shape is not None]
    return own.level * median(known) if own is not None and len(known) >= DAYS_MIN else None


def _is_unusual(events: float, usual: float) -> bool:
    excess = events - usual
    return events >= TIMES_MIN * usual and excess >= EXCESS_MIN and excess >= CHANCE_MIN * sqrt(usual)
