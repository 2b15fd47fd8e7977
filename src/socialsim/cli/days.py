"""Days on the command line: one format and one message for every option that takes one."""

import re
from datetime import date
from typing import Final

from socialsim.errors import InputError

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def parse_day(text: str, option: str) -> date:
    """The day of ``option``, as YYYY-MM-DD. Raises InputError."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InputError(f"{option} is {text!r}, allowed is a day as YYYY-MM-DD")


def parse_days(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """The first and the last day of ``--since`` and ``--until``, None where open.

    Raises InputError.
    """
    first = None if since is None else parse_day(since, "--since")
    last = None if until is None else parse_day(until, "--until")
    if first is not None and last is not None and first > last:
        raise InputError(f"--since is {first}, which is after --until {last}")
    return first, last
