"""Gaps, active days and hours of the week, compared with plain loops and known sequences."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from socialsim.realism import rhythm
from socialsim.realism.events import Ints
from socialsim.scenario.model import DAY_US
from tests.realism.runs import START_US


def bursts_of(*sequences_us: Ints) -> rhythm.Bursts:
    user = np.repeat(np.arange(len(sequences_us)), [len(each) for each in sequences_us])
    return rhythm.bursts(rhythm.gaps_between(user, np.concatenate(sequences_us)))


def test_a_regular_sequence_has_burstiness_minus_one() -> None:
    assert bursts_of(np.arange(50) * 1_000_000).b == pytest.approx([-1])


def test_a_poisson_process_has_neither_burstiness_nor_memory() -> None:
    draws = np.random.default_rng(1)
    found = bursts_of(*(np.cumsum(draws.exponential(1e9, 40)).astype(np.int64) for _ in range(400)))
    assert found.b.mean() == pytest.approx(0, abs=0.02)
    assert found.memory.mean() == pytest.approx(-1 / 38, abs=0.02)  # of a short sequence by chance


def test_a_single_burst_has_maximal_burstiness() -> None:
    times_us = np.append(np.arange(100), 10**15)
    assert bursts_of(times_us).b == pytest.approx([1], abs=1e-4)


def test_burstiness_equals_the_formula_of_kim_and_jo() -> None:
    times_us = np.cumsum(np.random.default_rng(2).lognormal(18, 2, 60)).astype(np.int64)
    gaps = np.diff(times_us) / 1e6
    n, r = len(gaps), gaps.std() / gaps.mean()
    expected = (math.sqrt(n + 1) * r - math.sqrt(n - 1)) / ((math.sqrt(n + 1) - 2) * r + math.sqrt(n - 1))
    found = bursts_of(times_us, np.arange(30) * 7)
    assert found.b.tolist() == pytest.approx([expected, -1])
    assert found.memory[0] == pytest.approx(np.corrcoef(gaps[:-1], gaps[1:])[0, 1])
    assert math.isnan(found.memory[1])


def test_users_with_few_gaps_are_ignored() -> None:
    assert len(bursts_of(np.arange(rhythm.GAPS_MIN) * 10, np.arange(rhythm.GAPS_MIN + 1) * 10).b) == 1
    assert len(bursts_of(np.array([5])).b) == 0


def test_hours_of_the_week_agree_with_the_calendar() -> None:
    times_us = START_US + np.arange(0, 10 * DAY_US, 1_234_567_891)
    for time_us, hour in zip(times_us.tolist(), rhythm.hour_of_week(times_us).tolist(), strict=True):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
        assert hour == moment.weekday() * 24 + moment.hour


@pytest.mark.parametrize("days", [7, 9, 14])
def test_the_weekend_share_of_equal_days_is_two_sevenths(days: int) -> None:
    times_us = START_US + np.arange(0, days * DAY_US, DAY_US // 50)
    share = rhythm.weekend_share(times_us, np.full(10, START_US - 1), START_US, days)
    assert share == pytest.approx(2 / 7)


def test_the_weekend_share_is_per_user() -> None:
    day = np.repeat(np.arange(14), 100)
    joined_us = START_US + np.arange(1_000) * 14 * DAY_US // 1_000
    users = np.searchsorted(joined_us, START_US + np.arange(14) * DAY_US + DAY_US // 2)
    # each user one event a day, more and more users
    times_us = START_US + np.repeat(np.arange(14), users) * DAY_US
    assert rhythm.weekend_share(times_us, joined_us, START_US, 14) == pytest.approx(2 / 7)
    only_weekends = START_US + day[(rhythm.hour_of_week(START_US + day * DAY_US) >= 120)] * DAY_US
    assert rhythm.weekend_share(only_weekends, joined_us, START_US, 14) == 1
    assert math.isnan(rhythm.weekend_share(times_us, joined_us, START_US, 6))


def test_dau_over_mau_equals_a_plain_loop() -> None:
    pairs = sorted({(user, day) for user in range(20) for day in range(40) if (user * 7 + day) % (user % 5 + 1) == 0})
    user, day = np.array(pairs).T
    ratios = []
    for end in range(33, 40):
        month = {one for one, other in pairs if end - 30 < other <= end}
        ratios.append(sum(other == end for _, other in pairs) / len(month))
    assert rhythm.dau_over_mau(user, day, 40) == pytest.approx(np.mean(ratios))
    assert rhythm.dau_over_mau(user, day, 30) == pytest.approx(sum(day == 29) / len(set(user[day < 30].tolist())))


def test_retention_of_known_activity() -> None:
    joined_day = np.array([0, 0, 1, 3])
    pairs = [(0, 0), (0, 1), (0, 3), (1, 0), (2, 1), (2, 2), (3, 3)]
    user, day = np.array(pairs).T
    curve = rhythm.retention(joined_day, user, day, 4, 5)
    assert curve[0] == 1
    assert curve[1] == pytest.approx(2 / 3)  # of users 0, 1 and 2: user 3 joined on the last day
    assert curve[2] == pytest.approx(0)
    assert curve[3] == pytest.approx(1 / 2)
    assert np.isnan(curve[4:]).all()
