"""Affinity between two users: whose posts attract a user more and are watched longer."""

from typing import Final

from socialsim.kernel.randoms import GOLDEN, MASK_64, UNIT, log_normal, mix
from socialsim.scenario.model import Scenario

AFFINITY_UNIT: Final = 1 << 10  #: the median affinity
_AFFINITIES: Final = 0x6166_6669  # key of this stream of draws
_TABLE_BITS: Final = 6
SHIFT: Final = 64 - _TABLE_BITS  #: right shift from a pair's hash to its index in ``factors``


class Affinity:
    """A symmetric pure function of the seed and two user ids: log-normal with median 1024.

    ``feed.pick`` inlines ``between``.
    """

    __slots__ = ("factors", "key")

    def __init__(self, scenario: Scenario) -> None:
        step = UNIT >> _TABLE_BITS
        self.key = mix(scenario.seed, _AFFINITIES)
        self.factors = tuple(
            max(log_normal(draw, AFFINITY_UNIT, scenario.affinity_sigma), 1) for draw in range(step // 2, UNIT, step)
        )

    def between(self, user_id: int, other_id: int) -> int:
        """The affinity of two users, friends or not."""
        return self.factors[((user_id ^ other_id ^ self.key) * GOLDEN & MASK_64) >> SHIFT]
