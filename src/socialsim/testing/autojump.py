"""An asyncio loop whose clock jumps to the next timer instead of waiting for it: timeouts in tests cost no time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Looks for ready files without waiting, and moves the clock by the time that would have been waited."""

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
    """The standard loop on virtual time, from 0 s on. For code without threads: their answers are not waited for."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now_s


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` to its end on a AutojumpLoop of its own. Raises RuntimeError when it can never end."""
    with asyncio.Runner(loop_factory=AutojumpLoop) as runner:
        return runner.run(main)
