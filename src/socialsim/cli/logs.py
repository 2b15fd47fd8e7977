"""Log lines on stderr: for people, or one JSON object per line."""

import logging
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

import msgspec

_LOGGERS: Final = {"socialsim": logging.INFO, "aiokafka": logging.ERROR, "asyncio": logging.ERROR}
_DRIVERS: Final = ("aiokafka", "asyncio")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return msgspec.json.encode(line).decode()


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is now: a progress line or a test may have replaced it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Ignored: there is only one."""


def only_the_unexpected(record: logging.LogRecord) -> bool:
    """Of what a driver logs, its own faults, in one line.

    It tells of every connection that fails, several times a second while a server is away. That is ours to tell, once.
    """
    if record.exc_info is None or record.exc_info[1] is None:
        return False
    record.msg, record.args = f"{record.name}: {record.getMessage()}: {record.exc_info[1]!r}", ()
    record.exc_info = record.exc_text = None
    return True


def configure_logs(*, as_json: bool, quiet: bool, debug: bool = False) -> None:
    """Send our log lines to stderr; ``quiet`` lets only errors through, ``debug`` all that a driver complains of.

    May be called again.
    """
    formatter = _JsonFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
    for name, level in _LOGGERS.items():
        handler = _StderrHandler()
        handler.setFormatter(formatter)
        if name in _DRIVERS and not debug:
            handler.addFilter(only_the_unexpected)
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.ERROR if quiet else level)
