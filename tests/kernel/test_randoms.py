"""Random numbers: fixed vectors, integers only, and distributions checked with stratified draws."""

import math
from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.kernel.randoms import (
    LCG_FACTOR,
    LCG_SUMMAND,
    MASK_64,
    UNIT,
    exponential,
    log_normal,
    mix,
    mix_on,
    next_state,
    threshold,
)

STRATA = 1 << 16
#: One draw from the middle of each of 65536 equal parts: a perfectly stratified sample.
DRAWS = [(2 * number + 1) * UNIT // (2 * STRATA) for number in range(STRATA)]
BITS_64 = st.integers(0, MASK_64)
SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


@pytest.mark.parametrize(
    ("seed", "output"),
    [
        # the first outputs of SplitMix64's reference implementation for these seeds
        (0, 0xE220_A839_7B1D_CDAF),
        (1_234_567, 6_457_827_717_110_365_317),
    ],
)
def test_mix_of_one_word_is_splitmix64(seed: int, output: int) -> None:
    assert mix(seed) == output


@pytest.mark.parametrize(
    ("words", "hashed"),
    [
        ((), 0),
        ((1, 2), 0xBCD9_DBB4_9673_066B),
        ((2, 1), 0xE06D_D043_328B_D285),
        ((1, 2, 3), 0x6AE5_15C1_C0AC_7E37),
        ((MASK_64, 2**63), 0xF7F1_454E_6A8A_1FA6),
    ],
)
def test_mix_matches_fixed_vectors(words: tuple[int, ...], hashed: int) -> None:
    assert mix(*words) == hashed


@given(BITS_64, BITS_64)
def test_mix_on_continues_mix(first: int, second: int) -> None:
    assert mix(first, second) == mix((mix(first) + second) & MASK_64)
    assert 0 <= mix(first, second) <= MASK_64
    assert mix_on(mix(first), second) == mix(first, second)
    assert mix_on(mix(second, first), second) == mix(second, first, second)


def test_mix_decorrelates_consecutive_ids() -> None:
    """Consecutive ids flip half of all bits, and each single bit half of the time."""
    hashes = [mix(7, user_id) for user_id in range(4_096)]
    flips = [bin(one ^ other).count("1") for one, other in pairwise(hashes)]
    assert abs(sum(flips) / len(flips) - 32) < 0.5
    for bit in range(64):
        assert abs(sum(value >> bit & 1 for value in hashes) - 2_048) < 200, f"bit {bit}"


def test_next_state_is_knuths_generator_and_has_its_full_period() -> None:
    assert next_state(0) == LCG_SUMMAND == 1_442_695_040_888_963_407
    assert next_state(1) == LCG_FACTOR + LCG_SUMMAND
    # Hull and Dobell: a generator modulo a power of two goes through all states if and only if
    assert LCG_SUMMAND % 2 == 1
    assert LCG_FACTOR % 4 == 1


@given(BITS_64)
def test_next_state_stays_within_64_bits(state: int) -> None:
    assert 0 <= next_state(state) <= MASK_64


@pytest.mark.parametrize("mean", [1_000_000, 5_400_000_000, 7 * 86_400_000_000])
def test_exponential_has_its_mean_and_its_quantiles(mean: int) -> None:
    drawn = [exponential(draw, mean) for draw in DRAWS]
    assert all(type(value) is int for value in drawn[:100])
    assert sum(drawn) / STRATA == pytest.approx(mean, rel=0.005)
    for share in SHARES:
        assert drawn[int(share * STRATA)] == pytest.approx(-mean * math.log(1 - share), rel=0.002)
    assert drawn == sorted(drawn)


def test_exponential_is_bounded_as_documented() -> None:
    assert exponential(0, 10**9) >= 0
    assert exponential(UNIT - 1, 10**9) <= 9.71e9


@pytest.mark.parametrize("sigma", [0.5, 0.9, 1.0])
def test_log_normal_has_its_median_its_mean_and_its_quantiles(sigma: float) -> None:
    median = 7_200_000
    drawn = [log_normal(draw, median, sigma) for draw in DRAWS]
    assert all(type(value) is int for value in drawn[:100])
    assert sum(drawn) / STRATA == pytest.approx(median * math.exp(sigma**2 / 2), rel=0.005)
    for share in SHARES:
        expected = median * math.exp(sigma * NormalDist().inv_cdf(share))
        assert drawn[int(share * STRATA)] == pytest.approx(expected, rel=0.002)
    assert drawn == sorted(drawn)


@given(st.integers(0, UNIT - 1), st.integers(1, 10**13))
def test_variates_are_non_negative_integers(draw: int, scale: int) -> None:
    for value in (exponential(draw, scale), log_normal(draw, scale, 1.0)):
        assert type(value) is int
        assert value >= 0


@given(st.floats(0, 1))
def test_draws_fall_below_a_threshold_with_its_probability(share: float) -> None:
    assert threshold(share) == pytest.approx(share * UNIT, abs=1)
    assert not any(draw < threshold(0.0) for draw in (0, UNIT - 1))
    assert all(draw < threshold(1.0) for draw in (0, UNIT - 1))
