"""Ctrl-C and SIGTERM: the first requests an orderly stop, the second exits at once."""

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """A context that turns the signals into a stop request. For the main thread only.

    ``on_stop`` is called once, in the signal handler: it may only set a flag or wake a loop.
    """

    def __init__(self, on_stop: Callable[[], None] = lambda: None) -> None:
        self._on_stop = on_stop
        self._received: int | None = None
        self._previous: dict[int, object] = {}

    def is_set(self) -> bool:
        """Whether a stop was requested."""
        return self._received is not None

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number, as shells expect; 0 without a signal."""
        return 0 if self._received is None else 128 + self._received

    def notify(self, on_stop: Callable[[], None]) -> None:
        """Call ``on_stop`` from now on; at once if a stop was requested already."""
        self._on_stop = on_stop
        if self.is_set():
            on_stop()

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # returned by signal.signal

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._received is not None:
            os._exit(128 + number)
        self._received = number
        self._on_stop()
