"""The wall clock, for runs that are to be watched: simulated time passes at a chosen multiple of real time, or is it."""

import time
from collections.abc import Callable
from typing import Final

_SLICE_S: Final = 0.05  # events appear at most this long after their moment


class WallPacer:
    """Holds the simulation back so that ``speed`` simulated seconds pass in a real one.

    Only *when* things are computed changes, never what. If the simulation or the log cannot keep up, it falls behind and
    runs at full speed until it has caught up. Picklable: all processes of a run are paced by one beginning.
    """

    def __init__(
        self,
        speed: float,
        start_us: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not speed > 0:
            raise ValueError(f"speed is {speed}, it must be above 0")
        self.slice_us = max(1, round(speed * _SLICE_S * 1_000_000))
        self._speed = speed
        self._start_us = start_us
        self._clock = clock
        self._sleep = sleep
        self._began_s = clock()  # the monotonic clock is the same for all processes of a machine

    def is_past(self, simulated_us: int) -> bool:
        """Whether the wall clock has come to ``simulated_us``, so that nobody need wait for it."""
        return self._ahead_s(simulated_us) <= 0

    def wait_until(self, simulated_us: int) -> None:
        """Return when the wall clock has come to ``simulated_us``; at once if it is past."""
        ahead_s = self._ahead_s(simulated_us)
        if ahead_s > 0:
            self._sleep(ahead_s)

    def _ahead_s(self, simulated_us: int) -> float:
        return (simulated_us - self._start_us) / 1_000_000 / self._speed - (self._clock() - self._began_s)


class LivePacer:
    """Lets the past be simulated at full speed, and the rest as it happens: simulated time is the wall's, UTC.

    A machine that is too slow, or whose clock is set forward, falls behind and catches up at full speed; a clock that is
    set back makes it wait. Picklable.
    """

    slice_us = round(_SLICE_S * 1_000_000)

    def __init__(self, *, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep

    def is_past(self, simulated_us: int) -> bool:
        """Whether that instant is over, so that nobody need wait for it."""
        return simulated_us <= self._clock() * 1_000_000

    def wait_until(self, simulated_us: int) -> None:
        """Return when the wall clock shows ``simulated_us``; at once if it is past."""
        ahead_s = simulated_us / 1_000_000 - self._clock()
        if ahead_s > 0:
            self._sleep(ahead_s)
