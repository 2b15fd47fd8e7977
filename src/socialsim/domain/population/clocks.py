"""Local clocks: UTC offsets and their changes, in integers.

The changes are those of the tz database, packaged as our own data (``data.zones``). After the last
explicit change of the database, a zone follows its last yearly rule for ever.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from socialsim.domain.population.data.zones import ZONES
from socialsim.domain.population.zone_rules import Change, YearlyChange, Zone
from socialsim.scenario.model import DAY_US

_MINUTE_US: Final = 60_000_000
_DAY_MIN: Final = 1_440
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_WEEK: Final = 5
#: Before and after a run, for local days that begin before its start or end after its end.
_MARGIN_US: Final = 3 * DAY_US


class Clock:
    """The local clock of one time zone within a span of time."""

    __slots__ = ("_at_us", "_local_us", "_offsets_us", "zone")

    def __init__(self, zone: str, offset_min: int, changes: Iterable[Change]) -> None:
        """``offset_min`` east of UTC until the first of the ``changes``, which are in order."""
        self.zone: Final = zone
        self._offsets_us: Final = [offset_min * _MINUTE_US]
        self._at_us: Final[list[int]] = []
        self._local_us: Final[list[int]] = []  # the later of the two local times at each change
        for at_min, then_min in changes:
            before_us, then_us = self._offsets_us[-1], then_min * _MINUTE_US
            self._at_us.append(at_min * _MINUTE_US)
            self._local_us.append(at_min * _MINUTE_US + max(before_us, then_us))
            self._offsets_us.append(then_us)

    def offset_us(self, now_us: int) -> int:
        """Offset east of UTC at ``now_us``."""
        return self._offsets_us[bisect_right(self._at_us, now_us)]

    def day(self, now_us: int) -> int:
        """The local day at ``now_us``, as a number of days since 1970-01-01."""
        return (now_us + self._offsets_us[bisect_right(self._at_us, now_us)]) // DAY_US

    def instants(self, locals_us: Sequence[int]) -> list[int]:
        """The UTC instants of local times, in descending order like ``locals_us``.

        A local time that occurs twice is its first occurrence. A local time that is skipped is
        moved later by the length of the gap.
        """
        offsets_us = self._offsets_us
        if len(offsets_us) == 1:
            offset_us = offsets_us[0]
            return [local_us - offset_us for local_us in locals_us]
        changed_us = self._local_us
        instants_us = [local_us - offsets_us[bisect_right(changed_us, local_us)] for local_us in locals_us]
        instants_us.sort(reverse=True)  # times moved out of a gap may have passed others
        return instants_us


def make_clocks(zones: Iterable[str], start_us: int, end_us: int) -> dict[str, Clock]:
    """Clocks by zone for a run from ``start_us`` to ``end_us``."""
    return {zone: _clock(zone, ZONES[zone], start_us - _MARGIN_US, end_us + _MARGIN_US) for zone in zones}


def _clock(name: str, zone: Zone, begin_us: int, end_us: int) -> Clock:
    offset_min = zone[0]
    within = []
    for at_min, then_min in changes_until(zone, begin_us, end_us):
        if at_min * _MINUTE_US <= begin_us:
            offset_min = then_min
        else:
            within.append((at_min, then_min))
    return Clock(name, offset_min, within)


def changes_until(zone: Zone, begin_us: int, end_us: int) -> list[Change]:
    """The changes up to ``end_us``, in order.

    Of the changes a year or more before ``begin_us``, only the last is certain to be included.
    """
    _, settled, year, rule = zone
    changes = []
    for part in filter(None, settled.split(",")):
        at_min, _, then_min = part.partition(":")
        changes.append((int(at_min), int(then_min)))
    if rule:
        first = max(year, date.fromordinal(max(_EPOCH + begin_us // DAY_US, 1)).year - 1)
        for each in range(first, date.fromordinal(_EPOCH + end_us // DAY_US).year + 1):
            changes += rule_changes(rule, each)
    return [change for change in changes if change[0] * _MINUTE_US <= end_us]


def rule_changes(rule: tuple[()] | tuple[YearlyChange, YearlyChange], year: int) -> list[Change]:
    """The changes that ``rule`` makes in one year, in order."""
    if not rule:
        return []
    one, other = rule
    return sorted((_at_min(change, year, before[-1]), change[-1]) for change, before in ((one, other), (other, one)))


def _at_min(change: YearlyChange, year: int, offset_min: int) -> int:
    """Minutes since the epoch of a yearly change; the offset until then is ``offset_min``."""
    month, week, weekday, minute, _ = change
    first = date(year, month, 1).toordinal()
    day = first + (weekday - first) % 7 + 7 * (week - 1)  # ordinals of Sundays are multiples of 7
    if week == _LAST_WEEK and date.fromordinal(day).month != month:
        day -= 7
    return (day - _EPOCH) * _DAY_MIN + minute - offset_min
