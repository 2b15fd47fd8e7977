"""Adoption: a monotonic sign-up curve, also at the bounds of its knobs."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.population.adoption import Adoption
from socialsim.kernel.randoms import UNIT
from socialsim.scenario.model import Scenario

MIDPOINTS = st.floats(0, 1)
STEEPNESSES = st.floats(0, 100) | st.floats(0, 100_000) | st.sampled_from([0.0, 1e-3, 100.0, 100_000.0])
GRID = [number * UNIT // 500 for number in range(501)]


def adoption(midpoint: float, steepness: float) -> Adoption:
    return Adoption(Scenario(adoption_midpoint=midpoint, adoption_steepness=steepness))


@given(MIDPOINTS, STEEPNESSES)
def test_sign_up_instants_are_monotonic_and_span_the_run(midpoint: float, steepness: float) -> None:
    curve = adoption(midpoint, steepness)
    instants = [curve.instant(share) for share in GRID]
    assert instants == sorted(instants)
    assert (instants[0], instants[-1]) == (0, UNIT)


@pytest.mark.parametrize(
    ("midpoint", "steepness"), [(0.5, 3.0), (0.5, 10.0), (0.25, 100.0), (0.7, 100.0), (0.001, 100_000.0)]
)
def test_half_of_the_users_have_signed_up_at_the_midpoint(midpoint: float, steepness: float) -> None:
    assert adoption(midpoint, steepness).instant(UNIT // 2) == pytest.approx(midpoint * UNIT, abs=UNIT >> 20)


def test_steepness_zero_gives_a_constant_rate() -> None:
    curve = adoption(0.25, 0.0)
    for share in GRID:
        assert curve.instant(share) == share


def test_the_sign_up_rate_peaks_at_the_midpoint() -> None:
    curve = adoption(0.5, 12.0)
    joined = [
        bisect_right(range(UNIT), (number + 1) * UNIT // 10, key=curve.instant)
        - bisect_right(range(UNIT), number * UNIT // 10, key=curve.instant)
        for number in range(10)
    ]
    assert joined[:5] == sorted(joined[:5])
    assert joined[5:] == sorted(joined[5:], reverse=True)
    assert joined[4] > 10 * joined[0]
