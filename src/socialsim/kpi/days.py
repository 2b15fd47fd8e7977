"""Which days of a run are closed, and which of them are to be computed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from socialsim.errors import DayNotClosedError, InputError
from socialsim.kpi.parameters import DAY

#: Simulated time. Tables are filled side by side, so when one has reached a day's end others are a little behind. It need
#: not be long: a row that is later than that marks its day, which is then computed again.
ALLOWED_LATENESS: Final = timedelta(hours=1)
_LAST_DAY: Final = date(9999, 12, 30)  # the calendar has no end of a later one


@dataclass(frozen=True, slots=True)
class StoredExtent:
    """How far a run is stored: its first and its last event; whether all there will ever be is stored."""

    first: datetime
    last: datetime
    complete: bool

    @property
    def first_day(self) -> date:
        """The first day that has figures."""
        return self.first.date()

    @property
    def closed_until(self) -> date:
        """The first day that is not closed; all before it are."""
        if self.complete:
            return min(self.last.date(), _LAST_DAY) + DAY
        return max(self.first, self.last - ALLOWED_LATENESS).date()


@dataclass(frozen=True, slots=True)
class DayRange:
    """The days that are asked for, both among them: None is the first, and the last that is closed."""

    since: date | None = None
    until: date | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is whatever is missing that is asked for."""
        return self.since is None and self.until is None


def days_to_compute(stream: StoredExtent, clean: Mapping[date, bool], wish: DayRange) -> list[date]:
    """The days to compute, in their order. ``clean`` tells of days that have figures whether they still hold.

    Without a wish they are the closed days that have none, or none that hold. Days that are wished for are computed
    in any case, and so are those before them without figures that hold, for a day's figures build on them. Raises
    DayNotClosedError, and InputError if the days that are wished for are before the first.
    """
    last = stream.closed_until - DAY
    if (wish.until is not None and wish.until > last) or (wish.since is not None and wish.since > last):
        wished = wish.until if wish.until is not None and wish.until > last else wish.since
        raise DayNotClosedError(
            f"{wished} is not closed: the stream is at {stream.last:%Y-%m-%d %H:%M:%S}, "
            + (f"the last closed day is {last}" if last >= stream.first_day else "no day is closed yet")
        )
    if wish.until is not None and wish.until < stream.first_day:
        raise InputError(f"{wish.until} is before the run's first day, {stream.first_day}")
    until = wish.until or last
    forced = until + DAY if wish.is_open else max(wish.since or stream.first_day, stream.first_day)
    count = (until - stream.first_day).days + 1
    every = (stream.first_day + index * DAY for index in range(count))
    return [day for day in every if day >= forced or not clean.get(day, False)]
