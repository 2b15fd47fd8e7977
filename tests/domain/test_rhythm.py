"""Session times: hours of the local day, weekends, and flash mobs on each clock's local date."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.behaviour.rhythm import Rhythm, flash_mobs, is_weekend
from socialsim.domain.population.clocks import make_clocks
from socialsim.domain.population.data.zones import ZONES
from socialsim.kernel.randoms import UNIT, mix
from socialsim.scenario.model import DAY_US, Scenario

FRIDAY, SATURDAY = 20_420, 20_421  # 2025-11-28 and -29
MINUTE_US = 60_000_000
MOBS = Scenario(days=300, flash_mobs_per_30_days=6, flash_mob_share=1.0, seed=4)


def draws(*values: int) -> Callable[[], int]:
    """A source of draws that returns ``values`` in order."""
    left: Iterator[int] = iter(values)
    return lambda: next(left)


def hours_of(rhythm: Rhythm, day: int) -> Counter[int]:
    """Sessions by the hour of their start, for evenly spaced draws."""
    begins_us = [rhythm.plan(day, 0, draws(0, (2 * n + 1) * UNIT // 20_000))[0] for n in range(10_000)]
    return Counter((begin_us - day * DAY_US) * 24 // DAY_US for begin_us in begins_us)


@pytest.mark.parametrize("day", [FRIDAY, SATURDAY])
def test_evening_peak_is_eleven_times_the_trough(day: int) -> None:
    hours = hours_of(Rhythm(Scenario()), day)
    assert sorted(hours) == list(range(24))
    assert max(hours.values()) / min(hours.values()) == pytest.approx(11, rel=0.06)
    assert max(hours, key=lambda hour: hours[hour]) in {20, 21}
    assert min(hours, key=lambda hour: hours[hour]) == 4


def test_weekend_mornings_are_later() -> None:
    rhythm = Rhythm(Scenario())
    assert hours_of(rhythm, SATURDAY)[7] < 0.7 * hours_of(rhythm, FRIDAY)[7]
    assert hours_of(rhythm, SATURDAY)[0] > hours_of(rhythm, FRIDAY)[0]


def test_rhythm_zero_makes_all_hours_equal() -> None:
    hours = hours_of(Rhythm(Scenario(daily_rhythm=0)), FRIDAY)
    assert set(hours.values()) <= {416, 417}


@given(st.integers(0, 3_000_000), st.integers(0, 1 << 26), st.integers(0, 2**63 - 1), st.floats(0, 5))
def test_plan_is_within_the_local_day_in_descending_order(
    day: int, sessions_extra: int, seed: int, weekend_activity: float
) -> None:
    rhythm = Rhythm(Scenario(weekend_activity=weekend_activity))
    plan = rhythm.plan(day, sessions_extra, draws(*(mix(seed, n) >> 32 for n in range(40))))
    assert 1 <= len(plan) <= 16
    assert plan == sorted(plan, reverse=True)
    assert day * DAY_US <= plan[-1] <= plan[0] < (day + 1) * DAY_US


def test_the_highest_draw_is_still_on_the_same_day() -> None:
    rhythm = Rhythm(Scenario())
    assert rhythm.plan(FRIDAY, 0, draws(0, UNIT - 1))[0] < SATURDAY * DAY_US
    assert rhythm.plan(FRIDAY, 0, draws(0, 0))[0] == FRIDAY * DAY_US


def sessions(rhythm: Rhythm, day: int) -> int:
    """Total sessions of users whose mean of the exponential of further sessions is 3."""
    return sum(len(rhythm.plan(day, 3 << 20, draws(n * UNIT // 1_000, *range(20)))) for n in range(1_000))


def test_weekend_sessions_follow_weekend_activity() -> None:
    working = sessions(Rhythm(Scenario()), FRIDAY)
    weekend = {activity: sessions(Rhythm(Scenario(weekend_activity=activity)), SATURDAY) for activity in (0, 0.5, 1, 2)}
    assert weekend[0] == 1_000  # one each
    assert weekend[0] < weekend[0.5] < weekend[1] < weekend[2]
    assert weekend[1] == working
    assert sessions(Rhythm(Scenario(weekend_activity=0)), FRIDAY) == working


def test_is_weekend_equals_the_calendar() -> None:
    for number in range(0, 40_000, 13):
        assert is_weekend(number) is ((date(1970, 1, 1) + timedelta(number)).weekday() >= 5)


def test_flash_mobs_have_the_scenario_rate_within_the_run() -> None:
    mobs = flash_mobs(MOBS)
    assert len(mobs) == 60
    assert mobs == sorted(mobs, key=lambda mob: mob.start_us)
    assert all(MOBS.start_us <= mob.start_us < MOBS.end_us for mob in mobs)
    everywhere = sum(mob.country is None for mob in mobs)
    assert 6 <= everywhere <= 26
    assert len({mob.country for mob in mobs}) > 5
    assert flash_mobs(Scenario(flash_mobs_per_30_days=0)) == []
    assert not Rhythm(Scenario(flash_mobs_per_30_days=0)).has_mobs


@pytest.mark.parametrize("zone", ZONES)
def test_flash_mob_belongs_to_the_local_day_of_each_clock(zone: str) -> None:
    rhythm = Rhythm(MOBS)
    clock = make_clocks([zone], MOBS.start_us, MOBS.end_us)[zone]
    days = range(MOBS.start_us // DAY_US - 1, MOBS.end_us // DAY_US + 2)
    for country in (0, 7):
        joined = {day: rhythm.joined_mobs(day, country, clock, lambda: 0) for day in days}
        expected = sorted(mob.start_us for mob in flash_mobs(MOBS) if mob.country in {None, country})
        begins_us = sorted(begin_us for plan in joined.values() for begin_us in plan)
        assert len(begins_us) == len(expected)
        for begin_us, start_us in zip(begins_us, expected, strict=True):
            assert 0 <= begin_us - start_us < MINUTE_US  # the earliest draw
        for day, plan in joined.items():
            assert plan == sorted(plan, reverse=True)
            assert all(day in {clock.day(begin_us), clock.day(begin_us - MINUTE_US)} for begin_us in plan)


def test_flash_mob_share_of_users_joins() -> None:
    rhythm = Rhythm(Scenario(days=300, flash_mobs_per_30_days=6, flash_mob_share=0.25, seed=4))
    everywhere = next(mob for mob in flash_mobs(MOBS) if mob.country is None)
    clock = rhythm.clock(3, 0)
    day = clock.day(everywhere.start_us)
    chances = [n * UNIT // 400 for n in range(400)]
    joined = [rhythm.joined_mobs(day, 3, clock, lambda chance=chance: chance) for chance in chances]  # type: ignore[misc]
    assert sum(map(bool, joined)) == 100


@pytest.mark.parametrize("country", [0, 7])
def test_flash_mob_is_active_for_one_hour(country: int) -> None:
    rhythm = Rhythm(MOBS)
    mobs = flash_mobs(MOBS)
    near = [mob.start_us + after_us for mob in mobs for after_us in (-1, 0, 1, 60 * MINUTE_US - 1, 60 * MINUTE_US)]
    for now_us in near:
        begun = any(0 <= now_us - mob.start_us < 60 * MINUTE_US for mob in mobs if mob.country in {None, country})
        assert rhythm.flash_mob_active(country, now_us) is begun
    assert not Rhythm(Scenario(flash_mobs_per_30_days=0)).flash_mob_active(country, MOBS.start_us)
