"""Session times: days of the week, hours of the local day, and flash mobs in a country."""

import math
from bisect import bisect_right, insort
from collections.abc import Callable, Collection
from operator import attrgetter
from typing import Final, NamedTuple

from socialsim.domain.population.clocks import Clock, make_clocks
from socialsim.domain.population.countries import COUNTRIES
from socialsim.kernel.randoms import exponential, mix, threshold
from socialsim.scenario.model import DAY_US, Scenario

_FLASH_MOB_STREAM: Final = 21
_MINUTE_US: Final = 60_000_000
_HOUR_US: Final = 60 * _MINUTE_US
_MOB_MEAN_US: Final = 25 * _MINUTE_US  # mean time between a flash mob's start and a user's joining
_SESSIONS_MAX: Final = 16  # on one day
_CELLS: Final = 1024
_SHIFT: Final = 22
_MASK: Final = (1 << _SHIFT) - 1

#: Session starts per hour of the local day, relative to the mean. A declared choice, because no
#: hourly figures are published: the evening's peak is 11 times the trough; mornings are later on
#: weekends.
_WORKING_HOURS: Final = (
    0.55, 0.32, 0.20, 0.14, 0.13, 0.20, 0.42, 0.72, 0.88, 0.85, 0.85, 0.92,
    1.08, 1.02, 0.90, 0.88, 0.95, 1.08, 1.22, 1.36, 1.43, 1.40, 1.20, 0.86,
)  # fmt: skip
_WEEKEND_HOURS: Final = (
    0.78, 0.52, 0.32, 0.19, 0.13, 0.14, 0.20, 0.36, 0.62, 0.90, 1.08, 1.16,
    1.20, 1.16, 1.12, 1.10, 1.10, 1.14, 1.20, 1.30, 1.38, 1.36, 1.22, 0.98,
)  # fmt: skip


class FlashMob(NamedTuple):
    """A burst of sessions in one country or everywhere. LDBC Datagen's term."""

    start_us: int
    country: int | None  #: index in ``COUNTRIES``; None: everywhere


_start: Final = attrgetter("start_us")


class Rhythm:
    """Plans the sessions of users' days, in local time."""

    def __init__(self, scenario: Scenario) -> None:
        self._hours = (
            _instants(_WORKING_HOURS, scenario.daily_rhythm),
            _instants(_WEEKEND_HOURS, scenario.daily_rhythm),
        )
        self._weekend_sessions = round(scenario.weekend_activity * (1 << 16))
        self._mob_share = threshold(scenario.flash_mob_share)
        # A dict, because the order of a set is not deterministic.
        zones = dict.fromkeys(city.zone for country in COUNTRIES for city in country.cities)
        clocks = make_clocks(zones, scenario.start_us, scenario.end_us)
        self._clocks = [[clocks[city.zone] for city in country.cities] for country in COUNTRIES]
        self._mobs_in_order = flash_mobs(scenario)
        self._mobs = _by_local_day(self._mobs_in_order, clocks.values())

    def clock(self, country: int, city: int) -> Clock:
        """The clock of a city, by the country's index in ``COUNTRIES`` and the city's in it."""
        return self._clocks[country][city]

    def plan(self, day: int, sessions_extra: int, draw: Callable[[], int]) -> list[int]:
        """Session starts of an active day, descending, in microseconds since the epoch, local time.

        ``day`` counts local days since 1970-01-01; ``sessions_extra`` is as in ``Traits``.
        """
        weekend = is_weekend(day)
        hours = self._hours[weekend]
        if weekend:
            sessions_extra = sessions_extra * self._weekend_sessions >> 16
        sessions = 1 + min(exponential(draw(), sessions_extra) >> 20, _SESSIONS_MAX - 1)
        midnight_us = day * DAY_US
        begins_us = []
        for _ in range(sessions):
            chance = draw()
            cell = chance >> _SHIFT
            low = hours[cell]
            begins_us.append(midnight_us + low + ((hours[cell + 1] - low) * (chance & _MASK) >> _SHIFT))
        begins_us.sort(reverse=True)
        return begins_us

    def joined_mobs(self, day: int, country: int, clock: Clock, draw: Callable[[], int]) -> list[int]:
        """When a user joins the flash mobs that start on a local day: instants, descending."""
        begins_us: list[int] = []
        for mob in self._mobs.get((clock.zone, day), ()):
            if mob.country in {None, country} and draw() < self._mob_share:
                insort(begins_us, mob.start_us + exponential(draw(), _MOB_MEAN_US), key=int.__neg__)
        return begins_us

    def flash_mob_active(self, country: int, now_us: int) -> bool:
        """Whether a flash mob started within the last hour, in this country or everywhere."""
        mobs = self._mobs_in_order
        index = bisect_right(mobs, now_us, key=_start)
        while index and mobs[index - 1].start_us > now_us - _HOUR_US:
            index -= 1
            if mobs[index].country in {None, country}:
                return True
        return False

    @property
    def has_mobs(self) -> bool:
        """Whether the run has any flash mob."""
        return bool(self._mobs)


def is_weekend(day: int) -> bool:
    """Whether a day is a Saturday or a Sunday, as days since 1970-01-01, which was a Thursday."""
    return (day + 3) % 7 >= 5


def flash_mobs(scenario: Scenario) -> list[FlashMob]:
    """The run's flash mobs in time order, spread uniformly over the run.

    One in four is everywhere; the others are in one country, mostly a large one.
    """
    mobs = []
    # squared, so that most are in large countries
    weights = [country.weight**2 for country in COUNTRIES]
    for number in range(round(scenario.flash_mobs_per_30_days * scenario.days / 30)):
        bits = mix(scenario.seed, _FLASH_MOB_STREAM, number)
        start_us = scenario.start_us + (scenario.end_us - scenario.start_us) * (bits & 0xFFFF_FFFF) // (1 << 32)
        country = None
        if bits >> 62:
            draw = (bits >> 32 & 0xFFFF) * sum(weights) >> 16
            country = 0
            while draw >= weights[country]:
                draw -= weights[country]
                country += 1
        mobs.append(FlashMob(start_us, country))
    return sorted(mobs, key=_start)


def _by_local_day(mobs: list[FlashMob], clocks: Collection[Clock]) -> dict[tuple[str, int], list[FlashMob]]:
    """The flash mobs by (time zone, local day)."""
    by_day: dict[tuple[str, int], list[FlashMob]] = {}
    for mob in mobs:
        for clock in clocks:
            by_day.setdefault((clock.zone, clock.day(mob.start_us)), []).append(mob)
    return by_day


def _instants(hours: tuple[float, ...], rhythm: float) -> list[int]:
    """Quantile function of session starts within a day, in microseconds, at 0/1024, 1/1024, ..."""
    weights = [1 - rhythm + rhythm * hour for hour in hours]
    total = math.fsum(weights)
    instants = []
    hour = 0
    before = 0.0
    for cell in range(_CELLS):
        level = cell / _CELLS * total
        while before + weights[hour] <= level:
            before += weights[hour]
            hour += 1
        instants.append(round((hour + (level - before) / weights[hour]) * _HOUR_US))
    return [*instants, DAY_US]
