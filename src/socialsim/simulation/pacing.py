"""Pacing by the wall clock: simulated time runs at a multiple of real time, or is real time."""

import time
from collections.abc import Callable
from typing import Final

_SLICE_S: Final = 0.05  # the longest delay between an event's wall-clock time and its appearance


class WallPacer:
    """Slows the simulation down to ``speed`` simulated seconds per real second.

    Pacing changes *when* things are computed, never what. If the simulation or the log cannot keep
    up, the run continues at full speed until it has caught up. Picklable: all processes of a run
    share one starting point.
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
        self._began_s = clock()  # all processes of a machine share one monotonic clock

    def is_past(self, simulated_us: int) -> bool:
        """Whether the wall clock has reached ``simulated_us``, so that there is nothing to wait
        for.
        """
        return self._ahead_s(simulated_us) <= 0

    def wait_until(self, simulated_us: int) -> None:
        """Return once the wall clock has reached ``simulated_us``; at once if it is past."""
        ahead_s = self._ahead_s(simulated_us)
        if ahead_s > 0:
            self._sleep(ahead_s)

    def _ahead_s(self, simulated_us: int) -> float:
        return (simulated_us - self._start_us) / 1_000_000 / self._speed - (self._clock() - self._began_s)


class LivePacer:
    """Simulates the past at full speed, then the present as it happens: simulated time is UTC.

    If the machine is too slow, or its clock is set forward, the run catches up at full speed; if
    the clock is set back, the run waits. Picklable.
    """

    slice_us = round(_SLICE_S * 1_000_000)

    def __init__(self, *, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep) -> None:
        self._clock = clock
        self._sleep = sleep

    def is_past(self, simulated_us: int) -> bool:
        """Whether ``simulated_us`` is past, so that there is nothing to wait for."""
        return simulated_us <= self._clock() * 1_000_000

    def wait_until(self, simulated_us: int) -> None:
        """Return once the wall clock shows ``simulated_us``; at once if it is past."""
        ahead_s = simulated_us / 1_000_000 - self._clock()
        if ahead_s > 0:
            self._sleep(ahead_s)
