"""Progress of a command: one changing line on a terminal, else a log line now and then."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console

if TYPE_CHECKING:
    from rich.status import Status

log = logging.getLogger(__name__)

_LOG_EVERY_S: Final = 5.0


class Live:
    """Shows the last ``update``: one line of stderr on a terminal, else a log line every 5 s."""

    def __init__(self, *, on_terminal: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._status: Status | None = None
        if on_terminal:
            self._status = Console(file=sys.stderr).status("starting")
        self._clock = clock
        self._logged_s = clock()

    def update(self, text: str, **fields: float | None) -> None:
        """Show ``text``; ``fields`` are the same numbers for JSON logs, None if unknown."""
        if self._status is not None:
            with _best_effort():
                self._status.update(text)
        elif self._clock() - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = self._clock()
            log.info("%s", text, extra={"fields": fields})

    def __enter__(self) -> Self:
        if self._status is not None:
            with _best_effort():
                self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            with _best_effort():
                self._status.stop()


def _best_effort() -> AbstractContextManager[None]:
    """A terminal that is closed, or cannot encode the text, must not end the command."""
    return contextlib.suppress(OSError, ValueError)
