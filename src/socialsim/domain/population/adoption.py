"""Adoption: the S-curve of sign-ups over a run, in integers."""

import math
from typing import Final

from socialsim.kernel.randoms import UNIT, UNIT_BITS
from socialsim.scenario.model import Scenario

_CELL_BITS: Final = 10
_CELLS: Final = 1 << _CELL_BITS
_SHIFT: Final = UNIT_BITS - _CELL_BITS
_MASK: Final = (1 << _SHIFT) - 1
_FLATTEST: Final = 1e-3  # steepness below which the curve is treated as a straight line


class Adoption:
    """The logistic curve of sign-ups, truncated at the run's start and end.

    Shares of users, and instants as shares of the run, are integers in 0 .. ``UNIT``.
    """

    __slots__ = ("_instants",)

    def __init__(self, scenario: Scenario) -> None:
        self._instants = _instants(scenario.adoption_midpoint, scenario.adoption_steepness)

    def instant(self, share: int) -> int:
        """When ``share`` of the users have signed up."""
        cell = share >> _SHIFT
        if cell >= _CELLS:
            return UNIT
        low = self._instants[cell]
        return low + ((self._instants[cell + 1] - low) * (share & _MASK) >> _SHIFT)


def _instants(midpoint: float, steepness: float) -> list[int]:
    """The instants at which 0/1024, 1/1024, ... of the users have signed up; monotonic."""
    if steepness < _FLATTEST:
        return [cell << _SHIFT for cell in range(_CELLS + 1)]
    first = _logistic(-steepness * midpoint)
    last = _logistic(steepness * (1 - midpoint))
    instants = [0]
    for cell in range(1, _CELLS):
        level = first + cell / _CELLS * (last - first)
        at = midpoint + math.log(level / (1 - level)) / steepness if 0 < level < 1 else 1.0
        instants.append(min(max(round(at * UNIT), instants[-1]), UNIT))
    return [*instants, UNIT]


def _logistic(x: float) -> float:
    # Two forms, so that exp() never overflows: a steep curve has arguments of thousands.
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
