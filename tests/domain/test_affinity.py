"""Affinity is symmetric, depends on the seed and is log-normal."""

import math
from statistics import median, pstdev

from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.behaviour.affinity import AFFINITY_UNIT, Affinity
from socialsim.scenario.model import Scenario

IDS = st.integers(0, 50_000_000)


@given(st.integers(0, 2**63 - 1), IDS, IDS)
def test_affinity_is_symmetric(seed: int, one: int, other: int) -> None:
    affinity = Affinity(Scenario(seed=seed))
    assert affinity.between(one, other) == affinity.between(other, one) >= 1


def test_affinity_is_log_normal() -> None:
    affinity = Affinity(Scenario(affinity_sigma=0.5))
    for user_id in (0, 17, 123_456):
        factors = [affinity.between(user_id, other) for other in range(1_000, 5_000)]
        assert 0.97 < median(factors) / AFFINITY_UNIT < 1.03
        assert 0.45 < pstdev(map(math.log, factors)) < 0.55


def test_affinity_depends_on_the_seed_and_the_pair() -> None:
    some = [Affinity(Scenario(seed=seed)) for seed in range(8)]
    assert len({each.between(1, 2) for each in some}) > 4
    assert len({some[0].between(user_id, 2) for user_id in range(8)}) > 4


def test_affinity_is_constant_with_sigma_zero() -> None:
    affinity = Affinity(Scenario(affinity_sigma=0.0))
    assert {affinity.between(1, other) for other in range(1_000)} == {AFFINITY_UNIT}
