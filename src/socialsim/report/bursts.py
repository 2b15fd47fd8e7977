"""Which hours of a run stand out: when many come at once, which figures of whole days hide.

What is usual for an hour is the median of the same hour of the day over the week before and the week after, each measured
against its own day, so that a network that grows does not make late hours bursts, nor the peak of each evening. A day is
measured without its highest three hours: a burst must not raise what it is held against.

An hour is a burst if its events are at least TIMES_MIN times the usual, at least EXCESS_MIN more than it, and more above
it than chance explains (CHANCE_MIN). Events come in sessions, of several each, so that chance alone reaches further than
the root of their number; the bounds are set by runs of a few hundred to a few thousand people without any flash mob. In
small networks a burst of one country may be hidden by them.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import median
from typing import Final, NamedTuple

HOURS: Final = 24
DAYS_AROUND: Final = 7  #: before the day and after it
DAYS_MIN: Final = 7  #: of those around: what is usual is not known from fewer
TIMES_MIN: Final = 1.6
EXCESS_MIN: Final = 250
CHANCE_MIN: Final = 12.0  #: roots of the usual count
_HIGHEST: Final = 3

Day = Sequence[float] | None  #: events in each of its hours; None if they are not known


class Burst(NamedTuple):
    """Consecutive hours that stand out. ``events`` and ``usual`` are those of the ``peak``."""

    peak: int  #: hours since the first day's begin
    hours: int
    events: float
    usual: float


def find_bursts(days: Sequence[Day]) -> list[Burst]:
    """The bursts of days that follow each other, of 24 counts each; in the order of time."""
    shapes = [_shape(day) for day in days]
    bursts: list[Burst] = []
    end = -1  # the hour after the last one of the last burst
    for number, day in enumerate(days):
        for hour, events in enumerate(day or ()):
            usual = _usual(shapes, number, hour)
            if usual is None or not _stands_out(events, usual):
                continue
            at = number * HOURS + hour
            if at == end:
                before = bursts.pop()
                highest = max(before, Burst(at, 1, events, usual), key=lambda each: each.events - each.usual)
                bursts.append(highest._replace(hours=before.hours + 1))
            else:
                bursts.append(Burst(at, 1, events, usual))
            end = at + 1
    return bursts


class _Shape(NamedTuple):
    """A day: how busy it is, and each hour of it against that."""

    level: float
    hours: list[float]


def _shape(day: Day) -> _Shape | None:
    level = sum(sorted(day)[: HOURS - _HIGHEST]) if day is not None else 0
    return _Shape(level, [events / level for events in day]) if day is not None and level > 0 else None


def _usual(shapes: Sequence[_Shape | None], number: int, hour: int) -> float | None:
    own = shapes[number]
    around = [*shapes[max(0, number - DAYS_AROUND) : number], *shapes[number + 1 : number + 1 + DAYS_AROUND]]
    known = [shape.hours[hour] for shape in around if shape is not None]
    return own.level * median(known) if own is not None and len(known) >= DAYS_MIN else None


def _stands_out(events: float, usual: float) -> bool:
    excess = events - usual
    return events >= TIMES_MIN * usual and excess >= EXCESS_MIN and excess >= CHANCE_MIN * sqrt(usual)
