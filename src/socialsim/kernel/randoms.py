"""Random numbers from integers alone: the same on every machine, in every process, in any order of
use.

There are two tools. ``mix`` is a stateless hash for traits: anyone can compute what is true of user
17. ``next_state`` steps a 64-bit linear congruential generator (Knuth's MMIX constants) for an
actor's behaviour; its state is one integer, where ``random.Random`` takes 2.5 KB. Draws use its
high 32 bits, the better ones. Logarithms come from integer tables because the last bit of
``math.log`` may differ between machines.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final

MASK_64: Final = 0xFFFF_FFFF_FFFF_FFFF
#: 2**64 divided by the golden ratio: its multiples mod 2**64 are spread evenly.
GOLDEN: Final = 0x9E37_79B9_7F4A_7C15
LCG_FACTOR: Final = 6_364_136_223_846_793_005
LCG_SUMMAND: Final = 1_442_695_040_888_963_407
UNIT_BITS: Final = 32
UNIT: Final = 1 << UNIT_BITS  #: draws are in 0 .. UNIT - 1

_TABLE_BITS: Final = 12
_TABLE_SHIFT: Final = UNIT_BITS - _TABLE_BITS
_TABLE_MASK: Final = (1 << _TABLE_SHIFT) - 1
_SCALE_BITS: Final = 20


def mix(*words: int) -> int:
    """A 64-bit hash of integers: each step is SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    state = 0
    for word in words:
        state = (state + word + GOLDEN) & MASK_64
        state = ((state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9) & MASK_64
        state = ((state ^ (state >> 27)) * 0x94D0_49BB_1331_11EB) & MASK_64
        state ^= state >> 31
    return state


def mix_on(state: int, word: int) -> int:
    """``mix(*words, word)``, given ``state = mix(*words)``: saves hashing a common prefix again."""
    state = (state + word + GOLDEN) & MASK_64
    state = ((state ^ (state >> 30)) * 0xBF58_476D_1CE4_E5B9) & MASK_64
    state = ((state ^ (state >> 27)) * 0x94D0_49BB_1331_11EB) & MASK_64
    return state ^ (state >> 31)


def next_state(state: int) -> int:
    """The generator's next state; ``state >> 32`` is a draw in 0 .. UNIT - 1."""
    return (state * LCG_FACTOR + LCG_SUMMAND) & MASK_64


def threshold(share: float) -> int:
    """The bound below which a draw falls with probability ``share``."""
    return round(share * UNIT)


def _quantiles(function: Callable[[float], float]) -> list[int]:
    """Tabulate a quantile function at the boundaries of 4096 equal steps, in units of 2**-20.

    The outermost two points are a quarter step inside, where the function is finite.
    """
    cells = 1 << _TABLE_BITS
    points = [function((i if 0 < i < cells else 0.25 if i == 0 else cells - 0.25) / cells) for i in range(cells + 1)]
    return [round(point * (1 << _SCALE_BITS)) for point in points]


_EXPONENTIAL: Final = _quantiles(lambda p: -math.log1p(-p))
_LOG_NORMAL: Final[dict[float, list[int]]] = {}


def exponential(draw: int, mean: int) -> int:
    """An exponential variate with the integer ``mean``, from one draw.

    At most 9.7 times the mean.
    """
    cell = draw >> _TABLE_SHIFT
    low = _EXPONENTIAL[cell]
    scaled = low + (((_EXPONENTIAL[cell + 1] - low) * (draw & _TABLE_MASK)) >> _TABLE_SHIFT)
    return (mean * scaled) >> _SCALE_BITS


def log_normal(draw: int, median: int, sigma: float) -> int:
    """A log-normal variate with the integer ``median``; ``sigma`` is that of its natural
    logarithm.
    """
    table = _LOG_NORMAL.get(sigma)
    if table is None:
        table = _LOG_NORMAL[sigma] = _quantiles(lambda p: math.exp(sigma * NormalDist().inv_cdf(p)))
    cell = draw >> _TABLE_SHIFT
    low = table[cell]
    scaled = low + (((table[cell + 1] - low) * (draw & _TABLE_MASK)) >> _TABLE_SHIFT)
    return (median * scaled) >> _SCALE_BITS
