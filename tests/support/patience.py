"""How long tests wait. No wait depends on the speed of the machine: the only limit is that of a
hang.

A wait ends when its condition is true, or as soon as what could make it true has ended. Where the
product promises a time in wall seconds, the promise is that of an idle machine: one that misses it
is measured, and a slow or busy one gets as many times longer as it takes for a known piece of work.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from socialsim.transport.base import never_abandon

#: Nothing that is under way takes so long, on any machine: it hangs.
HANG_S: Final = 600.0
POLL_S: Final = 0.02

#: Starts an interpreter and imports libraries, which takes this long on an idle machine of two
#: cores. Like the product's commands it reads many small files and computes; unlike them it never
#: changes.
_WORK: Final = (sys.executable, "-c", "import sqlalchemy.orm, asyncio, faker")
_WORK_S: Final = 0.47


def eventually(
    condition: Callable[[], object],
    what: str,
    promised_s: float | None = None,
    ended: Callable[[], object] = never_abandon,
) -> None:
    """Poll until ``condition`` is true.

    Fails naming ``what`` was waited for: when ``ended`` says that it cannot come any more, when a
    promise of ``promised_s`` is broken, and when it hangs.
    """
    deadline = Deadline(promised_s)
    while not condition():
        assert not ended() or condition(), f"it cannot happen any more: {what}"
        deadline.check(what)
        time.sleep(POLL_S)


class Deadline:
    """Of something promised within ``promised_s`` on an idle machine, or, without a promise, of a
    hang.
    """

    def __init__(
        self,
        promised_s: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        slowness: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._slowness = slowness or machine_slowness
        self._promised_s = promised_s
        self._began_s = clock()
        self._allowed_s = HANG_S if promised_s is None else promised_s
        self._is_measured = promised_s is None

    def is_over(self) -> bool:
        """Whether the time is up.

        The machine is measured only when the promise is missed, under the load that did it.
        """
        if self._clock() - self._began_s < self._allowed_s:
            return False
        if not self._is_measured and self._promised_s is not None:
            self._is_measured = True
            self._allowed_s = min(HANG_S, self._promised_s * max(1.0, self._slowness()))
            return self._clock() - self._began_s >= self._allowed_s
        return True

    def check(self, what: str) -> None:
        """Fail naming ``what`` if the time is up."""
        assert not self.is_over(), f"it did not happen within {self._allowed_s:.0f} s: {what}"


def machine_slowness() -> float:
    """How many times longer than on an idle machine a known piece of work takes now: the slower of
    two times.
    """
    times = []
    for _ in range(2):
        began_s = time.monotonic()
        subprocess.run(_WORK, check=True, timeout=HANG_S)
        times.append(time.monotonic() - began_s)
    return max(times) / _WORK_S


def pace(speed: float) -> str:
    """The value of ``--speed`` for a run into which a fault is to come: ``speed`` on an idle
    machine, less on others.

    A run that is behind its pace makes up for it at full speed, and may be over before a slow test
    has struck.
    """
    return f"{speed / max(1.0, machine_slowness()):.0f}"
