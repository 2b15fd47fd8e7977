"""Log lines on stderr: for people, or one JSON object per line. Whatever else would speak there speaks through them."""

import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec

from socialsim.cli.streams import say

_LOGGERS: Final = {"socialsim": logging.INFO, "aiokafka": logging.ERROR, "asyncio": logging.ERROR}
_DRIVERS: Final = ("aiokafka", "asyncio")
_JSON_OPTION: Final = "--json-logs"
_JSON_VARIABLE: Final = "SOCIALSIM_JSON_LOGS"
_YES: Final = frozenset({"1", "true", "t", "yes", "y", "on"})  # what the option's variable takes for it

logger = logging.getLogger(__name__)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _json_line(
            record.levelname,
            record.name,
            record.getMessage(),
            getattr(record, "fields", {}),
            datetime.fromtimestamp(record.created, UTC),
        )


class _StderrHandler(logging.Handler):
    """Writes to what ``sys.stderr`` is now: a progress line or a test may have replaced it. Never raises.

    JSON goes out as UTF-8, whatever the locale; text in the stream's encoding.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self.setFormatter(
            _JsonFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
        )

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        say(line.encode() if self._as_json else line)


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
    for name, level in _LOGGERS.items():
        handler = _StderrHandler(as_json=as_json)
        if name in _DRIVERS and not debug:
            handler.addFilter(only_the_unexpected)
        named = logging.getLogger(name)
        named.handlers = [handler]
        named.propagate = False
        named.setLevel(logging.ERROR if quiet else level)
    # Of a library that has no logger here: without it Python would write its bare text.
    others = _StderrHandler(as_json=as_json)
    others.setLevel(logging.ERROR if quiet else logging.WARNING)
    logging.lastResort = others
    warnings.showwarning = _log_warning


def wants_json(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether lines are to be JSON, known before the command line is understood: it may be what is complained of."""
    return _JSON_OPTION in arguments or environment.get(_JSON_VARIABLE, "").strip().lower() in _YES


def complain(text: str, *, as_json: bool, exit_code: int, error: BaseException | None = None) -> None:
    """The last line of a command that failed. ``error`` is given to show its traceback."""
    trace = "" if error is None else "".join(traceback.format_exception(error))
    if as_json:
        fields = {"exit_code": exit_code} | ({"traceback": trace} if trace else {})
        say(_json_line("error", "socialsim", text, fields, datetime.now(UTC)).encode())
        return
    if trace:
        say(trace.rstrip("\n"))
    say(f"socialsim: {text}")


def log_what_is_not_caught() -> None:
    """Have the faults of threads, and of what the interpreter cannot raise, logged in one line like all others."""

    def in_thread(args: threading.ExceptHookArgs) -> None:
        logger.error("a thread ended by %r", args.exc_value)

    def unraisable(args: Any) -> None:
        logger.warning("%s: %r", args.err_msg or "an error that nobody could be told of", args.exc_value)

    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


def _log_warning(  # noqa: PLR0917 - the signature is the library's
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - the library's signature
    line: str | None = None,  # noqa: ARG001
) -> None:
    logger.warning("%s: %s (%s:%d)", category.__name__, message, os.path.basename(filename), lineno)  # noqa: PTH119


def _json_line(level: str, name: str, message: str, fields: Mapping[str, object], at: datetime) -> str:
    line = {
        "time": at.isoformat(timespec="milliseconds"),
        "level": level.lower(),
        "logger": name,
        "message": spelled(message),
        **fields,
    }
    return msgspec.json.encode(line).decode()


def spelled(text: str) -> str:
    """``text`` without what UTF-8 cannot spell: bytes of an argument or a path that were no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
