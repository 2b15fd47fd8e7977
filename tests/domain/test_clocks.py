"""Local clocks equal the tz database in every year, and local days continue across every change."""

import importlib.resources
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.population.clocks import Clock, make_clocks
from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.data import zones
from socialsim.domain.population.data.zones import ZONES
from socialsim.events import SessionStarted, UserSignedUp
from socialsim.scenario.model import DAY_US, Scenario
from tests.support.streams import simulate_whole
from tools.make_clocks import lines

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_US = DAY_US // 24
by_zone = pytest.mark.parametrize("zone", ZONES)
same_tzdata = pytest.mark.skipif(version("tzdata") != zones.VERSION, reason="the table is of another tzdata")


def us(*parts: int) -> int:
    return (datetime(*parts, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)  # type: ignore[misc,arg-type]


@cache
def zone_info(name: str) -> ZoneInfo:
    """The zone of the installed tzdata package, not of the machine."""
    with (importlib.resources.files("tzdata") / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def offset_us(zone: str, now_us: int) -> int:
    offset = (EPOCH + timedelta(microseconds=now_us)).astimezone(zone_info(zone)).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)


@same_tzdata
@pytest.mark.slow
def test_packaged_zones_equal_the_generated_ones() -> None:
    assert Path(zones.__file__).read_text(encoding="utf-8") == "\n".join([*lines(), ""])


@same_tzdata
@by_zone
def test_clock_equals_tzdata_at_and_between_changes(zone: str) -> None:
    for year in (*range(1970, 2070, 10), 2399, 8990, 9000):
        start_us, end_us = us(year, 1, 1), us(year + 9, 12, 31)
        clock = make_clocks([zone], start_us, end_us)[zone]
        looks = {*range(start_us, end_us, 7 * DAY_US + HOUR_US), start_us, end_us - 1}
        looks |= {at + shift for at in clock._at_us for shift in (-1, 0, 1) if at + shift >= 0}
        for now_us in sorted(looks):
            assert clock.offset_us(now_us) == offset_us(zone, now_us), EPOCH + timedelta(microseconds=now_us)
            assert clock.day(now_us) == (now_us + offset_us(zone, now_us)) // DAY_US


@given(st.sampled_from(sorted(ZONES)), st.integers(0, us(9008, 1, 1)), st.integers(-DAY_US, 400 * DAY_US))
def test_clock_equals_tzdata_at_random_times(zone: str, start_us: int, after_us: int) -> None:
    clock = make_clocks([zone], start_us, start_us + 400 * DAY_US)[zone]
    now_us = max(start_us + after_us, 0)
    assert clock.offset_us(now_us) == offset_us(zone, now_us)


NEW_YORK = make_clocks(["America/New_York"], us(2024, 1, 1), us(2025, 1, 1))["America/New_York"]


def local(clock: Clock, *parts: int) -> datetime:
    (instant_us,) = clock.instants([us(*parts)])
    return EPOCH + timedelta(microseconds=instant_us)


def test_local_times_follow_daylight_saving() -> None:
    assert local(NEW_YORK, 2024, 3, 9, 20) == datetime(2024, 3, 10, 1, tzinfo=UTC)
    assert local(NEW_YORK, 2024, 3, 10, 20) == datetime(2024, 3, 11, 0, tzinfo=UTC)
    assert local(NEW_YORK, 2024, 11, 2, 20) == datetime(2024, 11, 3, 0, tzinfo=UTC)
    assert local(NEW_YORK, 2024, 11, 3, 20) == datetime(2024, 11, 4, 1, tzinfo=UTC)


def test_skipped_times_move_later_and_repeated_times_mean_the_first() -> None:
    assert local(NEW_YORK, 2024, 3, 10, 1, 59) == datetime(2024, 3, 10, 6, 59, tzinfo=UTC)
    # 03:30 in summer
    assert local(NEW_YORK, 2024, 3, 10, 2, 30) == datetime(2024, 3, 10, 7, 30, tzinfo=UTC)
    assert local(NEW_YORK, 2024, 3, 10, 3, 0) == datetime(2024, 3, 10, 7, 0, tzinfo=UTC)
    assert local(NEW_YORK, 2024, 11, 3, 1, 30) == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)
    assert local(NEW_YORK, 2024, 11, 3, 2, 0) == datetime(2024, 11, 3, 7, 0, tzinfo=UTC)
    skipped = [us(2024, 3, 10, hour, 30) for hour in (3, 2, 1)]
    assert NEW_YORK.instants([us(2024, 3, 10, 3, 10), skipped[1], skipped[2]]) == [
        us(2024, 3, 10, 7, 30), us(2024, 3, 10, 7, 10), us(2024, 3, 10, 6, 30),
    ]  # fmt: skip


@by_zone
@given(day=st.integers(1, 3_600), times=st.lists(st.integers(0, DAY_US - 1), max_size=8))
def test_instants_of_a_local_day_are_in_that_day(zone: str, day: int, times: list[int]) -> None:
    clock = CLOCKS[zone]
    first = CLOCKS_FROM // DAY_US + day
    instants = clock.instants(sorted((first * DAY_US + time for time in times), reverse=True))
    assert instants == sorted(instants, reverse=True)
    assert {clock.day(instant_us) for instant_us in instants} <= {first}


# Brazil's clocks were changed at midnight up to 2019, Egypt's are again since 2023
CLOCKS_FROM = us(2015, 1, 1)
CLOCKS = make_clocks(ZONES, CLOCKS_FROM, us(2025, 1, 1))


def test_morning_sessions_keep_their_local_hour_across_a_clock_change() -> None:
    """US users' share of sessions from 05:00 to 08:00 local time is the same before and after."""
    scenario = Scenario(
        users=600, days=28, start="2026-02-22", seed=5, shards=4, adoption_midpoint=0.0, adoption_steepness=50.0,
        bounce_share=0.0, drift_share=0.0, flash_mobs_per_30_days=0.0, active_day_alpha=100.0, active_day_beta=0.05,
        session_duration_median_s=1, action_gap_median_s=36_000,
    )  # fmt: skip
    zones_of = {city.name: city.zone for country in COUNTRIES if country.code == "US" for city in country.cities}
    events = simulate_whole(scenario)
    people = {event.user_id: zones_of.get(event.city) for event in events if type(event) is UserSignedUp}
    sessions: Counter[bool] = Counter()
    early: Counter[bool] = Counter()
    for event in events:
        zone = people[event.user_id]
        if type(event) is SessionStarted and zone and zone != "America/Phoenix":
            summer = event.time_us >= us(2026, 3, 9)
            sessions[summer] += 1
            early[summer] += (event.time_us + offset_us(zone, event.time_us)) % DAY_US // HOUR_US in {5, 6, 7}
    assert min(sessions.values()) > 1_500
    # by the hours' weights over the week; one hour off, it would be 0.83
    for summer in (False, True):
        assert early[summer] / sessions[summer] * 24 == pytest.approx(1.43, abs=0.2)
