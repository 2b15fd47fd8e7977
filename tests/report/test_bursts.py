"""Detection of bursts in networks that grow, rest at weekends and have realistic noise."""

import math
import random

import pytest

from socialsim.domain.behaviour.rhythm import FlashMob, flash_mobs
from socialsim.report.bursts import DAYS_MIN, HOURS, TIMES_MIN, Burst, Day, find_bursts
from socialsim.scenario.model import DAY_US, make_scenario
from tests.support.account import events_of

#: As in a network whose evening has nine times the events of its night.
RHYTHM = [0.2 + 0.8 * (1 + math.cos(2 * math.pi * (hour - 20) / HOURS)) for hour in range(HOURS)]


def network(
    days: int, mean: float = 500, growth: float = 1.0, weekend: float = 1.0, seed: int | None = None
) -> list[list[int]]:
    """Events by day and hour. With a seed there is noise as from sessions of seven events each."""
    draw = random.Random(seed)

    def events(day: int, hour: int) -> int:
        expected = mean * growth**day * (weekend if day % 7 >= 5 else 1) * RHYTHM[hour]
        spread = draw.gauss(0, math.sqrt(7 * expected)) if seed is not None else 0
        return max(0, round(expected + spread))

    return [[events(day, hour) for hour in range(HOURS)] for day in range(days)]


@pytest.mark.parametrize("growth", [1.0, 1.02, 1.15, 0.9], ids=["even", "slow", "fast", "shrinking"])
@pytest.mark.parametrize("weekend", [1.0, 0.7, 1.3])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_no_burst_is_found_without_a_burst(growth: float, weekend: float, seed: int | None) -> None:
    assert find_bursts(network(42, growth=growth, weekend=weekend, seed=seed)) == []


@pytest.mark.parametrize(("day", "hour"), [(0, 8), (20, 4), (20, 20), (41, 23)])
@pytest.mark.parametrize("growth", [1.0, 1.05])
def test_a_burst_is_found_at_any_day_and_hour(day: int, hour: int, growth: float) -> None:
    days = network(42, growth=growth, seed=3)
    quiet = days[day][hour]
    days[day][hour] = 3 * quiet + 500
    (burst,) = find_bursts(days)
    assert (burst.peak, burst.hours, burst.events) == (HOURS * day + hour, 1, 3 * quiet + 500)
    assert burst.usual == pytest.approx(quiet, rel=0.5)


def test_the_usual_count_follows_the_hour_and_the_level_of_the_day() -> None:
    days = network(30, weekend=0.5)
    days[12][9] = 5_000  # on a weekend
    (burst,) = find_bursts(days)
    assert (burst.peak, burst.hours, burst.events) == (12 * HOURS + 9, 1, 5_000)
    # of a working day it is twice as much
    assert burst.usual == pytest.approx(500 * 0.5 * RHYTHM[9], rel=0.1)


def test_consecutive_hours_are_one_burst_even_across_midnight() -> None:
    days = network(30)
    days[10][22], days[10][23], days[11][0] = 3_000, 9_000, 4_000
    days[11][2] = 3_000  # another one: the hour between is as usual
    first, second = find_bursts(days)
    assert (first.peak, first.hours, first.events) == (10 * HOURS + 23, 3, 9_000)
    assert (second.peak, second.hours, second.events) == (11 * HOURS + 2, 1, 3_000)


def test_a_short_run_has_no_usual_counts_and_no_bursts() -> None:
    for count in range(DAYS_MIN + 1):
        days = network(count)
        if days:
            days[-1][12] = 50_000
        assert find_bursts(days) == []
    days = network(DAYS_MIN + 1)
    days[-1][12] = 50_000
    assert len(find_bursts(days)) == 1


def test_a_burst_needs_an_absolute_excess_of_events() -> None:
    small, large = network(30, mean=5), network(30, mean=50_000)
    small[15][12] = 60  # ten times as many: a few people who happened to come
    assert find_bursts(small) == []
    usual = large[15][12]
    # far more than chance explains, and not far above the usual
    large[15][12] = round((TIMES_MIN - 0.1) * usual)
    assert find_bursts(large) == []
    large[15][12] = round((TIMES_MIN + 0.1) * usual)
    assert len(find_bursts(large)) == 1


def test_unknown_and_silent_days_are_skipped() -> None:
    known = network(30)
    known[15][12] = 50_000
    days: list[Day] = [*known]
    days[3], days[14] = None, [0] * HOURS
    assert [burst.peak for burst in find_bursts(days)] == [15 * HOURS + 12]
    assert find_bursts([None] * 30) == find_bursts([[0] * HOURS] * 30) == find_bursts([]) == []


def test_exactly_the_flash_mobs_of_a_run_are_found() -> None:
    scenario = make_scenario(
        "demo", users=600, days=21, flash_mobs_per_30_days=12.0, adoption_midpoint=0.1, adoption_steepness=20.0
    )
    hour_us = DAY_US // HOURS
    days = [[0] * HOURS for _ in range(scenario.days)]
    for event in events_of(scenario):
        day, hour = divmod((event.time_us - scenario.start_us) // hour_us, HOURS)
        days[day][hour] += 1
    bursts = find_bursts(days)
    mobs = flash_mobs(scenario)
    everywhere = [mob for mob in mobs if mob.country is None]
    assert len(everywhere) >= 2

    def is_of(burst: Burst, mob: FlashMob) -> bool:
        return 0 <= burst.peak - (mob.start_us - scenario.start_us) // hour_us <= 1

    assert all(any(is_of(burst, mob) for burst in bursts) for mob in everywhere)
    assert all(any(is_of(burst, mob) for mob in mobs) for burst in bursts)
