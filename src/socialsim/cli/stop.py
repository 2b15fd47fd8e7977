"""Ctrl-C and SIGTERM: the first asks to leave in good order, the second leaves at once."""

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """While entered, turns the signals into a request. Use in the main thread only.

    ``on_stop`` is called once, inside the handler: it may set a flag or wake a loop, nothing else.
    """

    def __init__(self, on_stop: Callable[[], None] = lambda: None) -> None:
        self._on_stop = on_stop
        self._received: int | None = None
        self._previous: dict[int, object] = {}

    def is_set(self) -> bool:
        """Whether it was asked to stop."""
        return self._received is not None

    @property
    def exit_code(self) -> int:
        """What the shell expects: 128 and the signal's number, 0 if there was none."""
        return 0 if self._received is None else 128 + self._received

    def notify(self, on_stop: Callable[[], None]) -> None:
        """Call ``on_stop`` instead; at once, if the request has come already."""
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
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself returned

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._received is not None:
            os._exit(128 + number)
        self._received = number
        self._on_stop()
