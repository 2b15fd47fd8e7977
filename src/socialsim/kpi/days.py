"""Which days of a run are closed and which are to be computed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from socialsim.errors import DayNotClosedError, InputError
from socialsim.kpi.parameters import DAY

#: In event time. Tables are filled in parallel, so when one has reached a day's end, others are a
#: little behind. An hour is enough: a later row marks its day dirty, which is then computed again.
ALLOWED_LATENESS: Final = timedelta(hours=1)
_LAST_DAY: Final = date(9999, 12, 30)  # the calendar has no end for a later day


@dataclass(frozen=True, slots=True)
class StoredExtent:
    """The first and last stored event of a run, and whether everything it will ever have is
    stored.
    """

    first: datetime
    last: datetime
    complete: bool

    @property
    def first_day(self) -> date:
        """The first day that has KPIs."""
        return self.first.date()

    @property
    def watermark_day(self) -> date:
        """The day that the watermark is in. All earlier days are closed."""
        if self.complete:
            return min(self.last.date(), _LAST_DAY) + DAY
        return max(self.first, self.last - ALLOWED_LATENESS).date()


@dataclass(frozen=True, slots=True)
class DayRange:
    """The requested days, bounds included. None means the first day, or the last closed one."""

    since: date | None = None
    until: date | None = None

    @property
    def is_open(self) -> bool:
        """Whether no bound is given, so that all missing days are requested."""
        return self.since is None and self.until is None


def days_to_compute(extent: StoredExtent, clean: Mapping[date, bool], day_range: DayRange) -> list[date]:
    """The days to compute, in order. ``clean`` says of the days that have KPIs whether they are
    clean.

    Without a bound these are all closed days that are missing or dirty. Requested days are always
    computed, and so are earlier days that are missing or dirty, because a day's KPIs build on them.
    Raises DayNotClosedError, and InputError if the requested days are before the first.
    """
    last = extent.watermark_day - DAY
    since, until = day_range.since, day_range.until
    if (until is not None and until > last) or (since is not None and since > last):
        requested = until if until is not None and until > last else since
        raise DayNotClosedError(
            f"{requested} is not closed: the stream is at {extent.last:%Y-%m-%d %H:%M:%S}, "
            + (f"the last closed day is {last}" if last >= extent.first_day else "no day is closed yet")
        )
    if until is not None and until < extent.first_day:
        raise InputError(f"{until} is before the run's first day, {extent.first_day}")
    stop = (until or last) + DAY
    forced_from = stop if day_range.is_open else max(since or extent.first_day, extent.first_day)
    days = (extent.first_day + index * DAY for index in range((stop - extent.first_day).days))
    return [day for day in days if day >= forced_from or not clean.get(day, False)]
