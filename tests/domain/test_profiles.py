"""Ages are relative to the sign-up, whenever that is."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from socialsim.domain.population.population import Population
from socialsim.domain.population.profiles import latest_birthday
from socialsim.scenario.model import LEAST_AGE_YEARS, Scenario, make_scenario
from socialsim.scenario.presets import PRESETS
from tests.support.streams import pools_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_us(year: int, month: int, day: int) -> int:
    return (datetime(year, month, day, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def age_on(birthday: date, day: date) -> int:
    """Age in completed years."""
    return day.year - birthday.year - ((day.month, day.day) < (birthday.month, birthday.day))


def day_of(when_us: int) -> date:
    return (EPOCH + timedelta(microseconds=when_us)).date()


@given(st.integers(0, instant_us(9009, 1, 1)))
@example(0)
@example(instant_us(2024, 2, 29))
@example(instant_us(2024, 3, 1) - 1)
@example(instant_us(2024, 3, 1))
@example(instant_us(2025, 2, 28))
def test_latest_birthday_is_the_last_that_reaches_the_minimum_age(when_us: int) -> None:
    latest, day = latest_birthday(when_us), day_of(when_us)
    assert age_on(latest, day) == LEAST_AGE_YEARS
    assert age_on(latest + timedelta(1), day) == LEAST_AGE_YEARS - 1


STARTS = ["1970-01-01", "1999-12-31T23:59:59.999999Z", "2008-01-01", "2024-02-29", "2026-01-01", "8999-12-31"]


@pytest.mark.parametrize("start", STARTS)
def test_age_distribution_is_independent_of_the_start(start: str) -> None:
    scenario = Scenario(users=4_000, days=3, start=start)
    population = Population(scenario, pools_of(1))
    ages = [
        age_on(population.profile(user_id).birthday, day_of(population.sign_up_us(user_id))) for user_id in range(4_000)
    ]
    assert LEAST_AGE_YEARS <= min(ages) <= LEAST_AGE_YEARS + 1
    assert 85 <= max(ages) <= 90
    assert np.quantile(ages, (0.1, 0.25, 0.5, 0.75, 0.9)) == pytest.approx([19, 23.5, 30.5, 42.5, 60], abs=1.5)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_user_of_a_preset_is_below_the_minimum_age(preset: str) -> None:
    scenario = make_scenario(preset, users=500)
    population = Population(scenario, pools_of(1))
    for user_id in range(scenario.users):
        joined = day_of(population.sign_up_us(user_id))
        assert age_on(population.profile(user_id).birthday, joined) >= LEAST_AGE_YEARS
