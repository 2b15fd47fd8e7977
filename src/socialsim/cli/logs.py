"""Log lines on stderr as text or JSON, also for warnings and errors of drivers."""

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
# true values of the option's environment variable
_YES: Final = frozenset({"1", "true", "t", "yes", "y", "on"})

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
    """Writes to the current ``sys.stderr``, which a progress line or a test may have replaced.

    Never raises.
    JSON is written as UTF-8, text in the stream's encoding.
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


def unexpected_only(record: logging.LogRecord) -> bool:
    """A filter that passes only exceptions inside a driver, as one line.

    Drivers log every failed connection, several times a second during an outage. We report an
    outage once ourselves.
    """
    if record.exc_info is None or record.exc_info[1] is None:
        return False
    record.msg, record.args = f"{record.name}: {record.getMessage()}: {record.exc_info[1]!r}", ()
    record.exc_info = record.exc_text = None
    return True


def configure_logs(*, as_json: bool, quiet: bool, debug: bool = False) -> None:
    """Send log lines to stderr; ``quiet`` passes only errors, ``debug`` all messages of drivers.

    May be called again.
    """
    for name, level in _LOGGERS.items():
        handler = _StderrHandler(as_json=as_json)
        if name in _DRIVERS and not debug:
            handler.addFilter(unexpected_only)
        named = logging.getLogger(name)
        named.handlers = [handler]
        named.propagate = False
        named.setLevel(logging.ERROR if quiet else level)
    # Other libraries' loggers: by default Python would write their bare text.
    others = _StderrHandler(as_json=as_json)
    others.setLevel(logging.ERROR if quiet else logging.WARNING)
    logging.lastResort = others
    warnings.showwarning = _log_warning


def wants_json(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether to log JSON. Works before the arguments are parsed, to report errors in them."""
    return _JSON_OPTION in arguments or environment.get(_JSON_VARIABLE, "").strip().lower() in _YES


def complain(text: str, *, as_json: bool, exit_code: int, error: BaseException | None = None) -> None:
    """Write the last line of a failed command, and the traceback of ``error`` if it is given."""
    trace = "" if error is None else "".join(traceback.format_exception(error))
    if as_json:
        fields = {"exit_code": exit_code} | ({"traceback": trace} if trace else {})
        say(_json_line("error", "socialsim", text, fields, datetime.now(UTC)).encode())
        return
    if trace:
        say(trace.rstrip("\n"))
    say(f"socialsim: {text}")


def log_uncaught_errors() -> None:
    """Log uncaught errors of threads, and unraisable ones, in one line."""

    def in_thread(args: threading.ExceptHookArgs) -> None:
        logger.error("a thread failed with %r", args.exc_value)

    def unraisable(args: Any) -> None:
        logger.warning("%s: %r", args.err_msg or "an error that could not be raised", args.exc_value)

    threading.excepthook = in_thread
    sys.unraisablehook = unraisable


def _log_warning(  # noqa: PLR0917 - the signature of warnings.showwarning
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
    """``text`` with surrogates escaped, which come from arguments or paths that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
