"""When users act: gaps between a user's actions, active days, hours of the week."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from socialsim.realism.events import Ints
from socialsim.scenario.model import DAY_US

Floats = NDArray[np.float64]

GAPS_MIN: Final = 20  #: gaps that a user needs for a meaningful burstiness
_HOUR_US: Final = DAY_US // 24
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday; Monday is 0


class Gaps(NamedTuple):
    """The times between each user's actions, in seconds, grouped by user."""

    user: Ints
    seconds: Floats


def gaps_between(user: Ints, time_us: Ints) -> Gaps:
    """The gaps between actions that are ordered by user and time."""
    same = user[1:] == user[:-1]
    return Gaps(user[1:][same], np.diff(time_us)[same] / 1e6)


class Bursts(NamedTuple):
    """Burstiness B and memory M of each user with enough gaps, both in -1 .. 1 (M is nan if
    undefined).
    """

    b: Floats
    memory: Floats


def bursts(gaps: Gaps, gaps_min: int = GAPS_MIN) -> Bursts:
    """Burstiness by Kim and Jo's formula for n gaps, and memory: the correlation of consecutive
    gaps.
    """
    if not len(gaps.user):
        return Bursts(np.empty(0), np.empty(0))
    starts = np.flatnonzero(np.append(True, gaps.user[1:] != gaps.user[:-1]))
    counts = np.diff(np.append(starts, len(gaps.user)))
    mean = np.add.reduceat(gaps.seconds, starts) / counts
    deviation = gaps.seconds - np.repeat(mean, counts)
    spread = np.sqrt(np.add.reduceat(deviation**2, starts) / counts)
    enough = (counts >= gaps_min) & (mean > 0)
    ratio, n = (spread / np.where(mean > 0, mean, 1))[enough], counts[enough].astype(np.float64)
    b = (np.sqrt(n + 1) * ratio - np.sqrt(n - 1)) / ((np.sqrt(n + 1) - 2) * ratio + np.sqrt(n - 1))
    return Bursts(b, _memory(gaps, counts)[enough])


def _memory(gaps: Gaps, counts: Ints) -> Floats:
    """Pearson's r of the pairs (gap, next gap) of each user."""
    numbers = np.repeat(np.arange(len(counts)), counts)
    same = numbers[1:] == numbers[:-1]
    number, one, other = numbers[1:][same], gaps.seconds[:-1][same], gaps.seconds[1:][same]
    pairs = np.maximum(np.bincount(number, minlength=len(counts)), 1)

    def mean_of(values: Floats) -> Floats:
        return np.bincount(number, values, len(counts)) / pairs

    least = 1e-12 * mean_of(one * other)  # equal gaps differ by rounding errors
    one, other = one - mean_of(one)[number], other - mean_of(other)[number]
    together, alone = mean_of(one * other), np.sqrt(mean_of(one**2) * mean_of(other**2))
    return np.where(alone > least, together / np.where(alone > least, alone, 1), np.nan)


def dau_over_mau(user: Ints, day: Ints, days: int, window: int = 30, last: int = 7) -> float:
    """The mean, over the ``last`` days, of daily active users / users active in the ``window`` days
    up to it.

    ``user`` and ``day`` are distinct pairs. Days whose window starts before the run are left out;
    at least one must remain.
    """
    ratios = []
    for end in range(max(days - last, window - 1), days):
        month = np.unique(user[(day > end - window) & (day <= end)])
        ratios.append(np.count_nonzero(day == end) / max(len(month), 1))
    return float(np.mean(ratios))


def retention(joined_day: Ints, user: Ints, day: Ints, days: int, after_max: int) -> Floats:
    """The share of users active 0, 1, ... ``after_max`` days after the day of sign-up, UTC.

    Of each cohort only days entirely within the run count; nan if there is none.
    """
    after = day - joined_day[user]
    shares = np.full(after_max + 1, np.nan)
    for n in range(min(after_max + 1, days)):
        cohort = joined_day <= days - 1 - n
        if cohort.any():
            shares[n] = np.count_nonzero((after == n) & cohort[user]) / np.count_nonzero(cohort)
    return shares


def hour_of_week(time_us: Ints) -> Ints:
    """0 for the first hour of Monday, UTC, up to 167."""
    return (time_us // _HOUR_US + _EPOCH_WEEKDAY * 24) % 168


def weekend_share(time_us: Ints, joined_us: Ints, start_us: int, days: int) -> float:
    """The share of a week's events on Saturday and Sunday, UTC; nan without a whole week.

    The events of each day in the last whole weeks of the run's ``days`` are divided by the users
    who had signed up by its noon: in a growing network, later days have more of both.
    """
    whole = days // 7 * 7
    if not whole:
        return float("nan")
    day = (time_us - start_us) // DAY_US
    numbers = np.arange(days - whole, days)
    events = np.bincount(day[(day >= 0) & (day < days)], minlength=days)[numbers]
    users = np.searchsorted(np.sort(joined_us), start_us + numbers * DAY_US + DAY_US // 2)
    rates = events[users > 0] / users[users > 0]
    weekend = hour_of_week(start_us + numbers[users > 0] * DAY_US) >= 5 * 24
    if weekend.all() or not weekend.any() or not rates.any():
        return float("nan")
    at_weekend, else_ = 2 * rates[weekend].mean(), 5 * rates[~weekend].mean()
    return float(at_weekend / (at_weekend + else_))
