"""The parameters of a day's statements: UTC days and instants; intervals are half-open. Pure."""

from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Date, DateTime, Integer, Table, and_, bindparam, literal_column
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)

_INSTANT: Final = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_KINDS: Final[dict[str, TypeEngine[Any]]] = {"run_key": Integer()}


def bound(name: str) -> BindParameter[Any]:
    """A bind parameter: names in ``..._at`` are instants, ``day...`` are days; see
    ``values_of``.
    """
    kind = _KINDS.get(name) or (_INSTANT if name.endswith("_at") else Date())
    return bindparam(name, type_=kind)


RUN: Final = bound("run_key")


def happened(table: Table, first: str, stop: str) -> ColumnElement[bool]:
    """The run's events from the instant ``first`` to before ``stop``: a primary key range."""
    time = table.c.event_time
    return and_(table.c.run_key == RUN, time >= bound(first), time < bound(stop))


def unindexed(column: ColumnElement[int]) -> ColumnElement[int]:
    """The column without its index, which some engines would read for all days to group one day by
    it.
    """
    return column + literal_column("0")


def values_of(run_key: int, day: date) -> dict[str, Any]:
    """The parameters of the statements for ``day``.

    ``day_7`` is 7 days earlier; ``begin_7_at`` is its start.
    """
    values: dict[str, Any] = {
        "run_key": run_key,
        "day": day,
        "begin_at": begin_of(day),
        "end_at": begin_of(day + DAY),
        "day_week": week_of(day),
    }
    for days in (*range(1, 8), 13, 29, 30):
        before = day - days * DAY
        values |= {f"day_{days}": before, f"begin_{days}_at": begin_of(before)}
    return values


def begin_of(day: date) -> datetime:
    """The first instant of a UTC day, as stored, without a time zone."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001


def week_of(day: date) -> date:
    """The Monday of the day's week."""
    return day - timedelta(days=day.weekday())
