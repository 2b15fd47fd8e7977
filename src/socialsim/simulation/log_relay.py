"""Relays log records from the processes of a run to the parent, which owns the only log."""

import contextlib
import logging
import threading
from collections import Counter
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

_OURS: Final = "socialsim"


class ForwardedRecord(NamedTuple):
    """A log record of a child process."""

    level: int
    text: str


class ForwardedRecords:
    """The parent's end: logs what children report.

    A fault common to all, such as a broker outage, is logged once.
    """

    def __init__(self) -> None:
        self._received: Counter[tuple[int, ForwardedRecord]] = Counter()
        self._logged: Counter[ForwardedRecord] = Counter()

    def log(self, rank: int, record: ForwardedRecord) -> None:
        """Log ``record`` of child ``rank`` unless another child has sent the same one as often."""
        self._received[rank, record] += 1
        if self._received[rank, record] > self._logged[record]:
            self._logged[record] += 1
            logging.getLogger(_OURS).log(record.level, "%s", record.text)


class LogRelay(logging.Handler):
    """The child's end: sends results, progress and log records of level WARNING and above.

    Thread-safe.
    """

    def __init__(self, control: Connection) -> None:
        super().__init__(logging.WARNING)
        self._control = control
        self._lock = threading.Lock()

    def take_over(self) -> None:
        """Become the only handler of the process's root logger."""
        logging.getLogger().handlers = [self]

    def send(self, message: object) -> None:
        """Send ``message`` to the parent. Raises OSError if the parent is gone."""
        with self._lock:
            self._control.send(message)

    def emit(self, record: logging.LogRecord) -> None:
        """Forward all of our own records, but of a driver's only those that carry an exception.

        Drivers log every failed connection: several records per second while a server is down.
        """
        text = record.getMessage()
        if record.exc_info is not None and record.exc_info[1] is not None:
            text = f"{record.name}: {text}: {record.exc_info[1]!r}"
        elif record.name.partition(".")[0] != _OURS:
            return
        with contextlib.suppress(OSError):
            self.send(ForwardedRecord(record.levelno, text))
