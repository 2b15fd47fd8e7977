"""An asyncio loop whose clock jumps to the next timer instead of waiting: timeouts cost no time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Polls files without waiting and advances the clock by the time that would have been
    waited.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("every task waits for something that no timer and no file will bring: a deadlock")
        self.now_s += timeout
        return []


class AutojumpLoop(asyncio.SelectorEventLoop):
    """The standard loop on virtual time, starting at 0 s.

    It does not wait for the results of threads.
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was created."""
        return self._jumping.now_s


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to completion on its own AutojumpLoop. Raises RuntimeError on a deadlock."""
    with asyncio.Runner(loop_factory=AutojumpLoop) as runner:
        return runner.run(main)
