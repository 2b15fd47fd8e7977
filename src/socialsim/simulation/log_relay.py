"""What the processes of a run have to say to the log that a person reads: they have none of their own."""

import contextlib
import logging
import threading
from collections import Counter
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

_OURS: Final = "socialsim"


class ForwardedRecord(NamedTuple):
    """A line for the log, out of a child."""

    level: int
    text: str


class ForwardedRecords:
    """The parent's end: logs what the children say. What befalls all of them, a broker that is away, is said once."""

    def __init__(self) -> None:
        self._said: Counter[tuple[int, ForwardedRecord]] = Counter()
        self._logged: Counter[ForwardedRecord] = Counter()

    def log(self, rank: int, notice: ForwardedRecord) -> None:
        """Log ``notice`` of the child ``rank`` unless another has said the same as often."""
        self._said[rank, notice] += 1
        if self._said[rank, notice] > self._logged[notice]:
            self._logged[notice] += 1
            logging.getLogger(_OURS).log(notice.level, "%s", notice.text)


class LogRelay(logging.Handler):
    """A child's end, for all of its threads: what it reports, and its log lines from warnings on."""

    def __init__(self, control: Connection) -> None:
        super().__init__(logging.WARNING)
        self._control = control
        self._turn = threading.Lock()

    def take_over(self) -> None:
        """Become the process's only way to log."""
        logging.getLogger().handlers = [self]

    def say(self, message: object) -> None:
        """Send ``message``. Raises OSError if nobody listens any more."""
        with self._turn:
            self._control.send(message)

    def emit(self, record: logging.LogRecord) -> None:
        """Send our own lines, and of a driver's only those that tell of a fault of its own.

        A driver tells of every connection that fails, several times a second while a server is away.
        """
        text = record.getMessage()
        if record.exc_info is not None and record.exc_info[1] is not None:
            text = f"{record.name}: {text}: {record.exc_info[1]!r}"
        elif record.name.partition(".")[0] != _OURS:
            return
        with contextlib.suppress(OSError):
            self.say(ForwardedRecord(record.levelno, text))
