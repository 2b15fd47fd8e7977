"""The exported tables and columns, their types, and the queries that read them. Pure.

Instants and dates are read as text, as the engines store or send them: creating a ``datetime`` for
each would cost more than everything else, and both formats are produced faster from text.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Integer,
    Select,
    String,
    Table,
    cast,
    select,
)
from sqlalchemy.dialects import mysql

from socialsim.errors import InputError
from socialsim.warehouse.schema.tables import metadata

_DAY: Final = timedelta(days=1)
_MYSQL: Final = mysql.dialect()


class ColumnType(Enum):
    """The type of a column, as named in the manifest."""

    INT32 = "int32"
    INT64 = "int64"
    DOUBLE = "double"
    INSTANT = "timestamp"  #: UTC, microseconds; read as ``YYYY-MM-DD HH:MM:SS.ffffff``
    DATE = "date"  #: read as ``YYYY-MM-DD``
    TEXT = "text"
    WORD = "word"  #: ASCII text with few distinct values


class ExportColumn(NamedTuple):
    """One column of an exported table."""

    name: str
    kind: ColumnType
    nullable: bool


@dataclass(frozen=True, slots=True)
class ExportPeriod:
    """A range of UTC days, bounds included; None means no bound."""

    since: date | None = None
    until: date | None = None


def exportable_tables() -> dict[str, Table]:
    """All tables with rows of a run, by name: the run itself, its events, its KPIs."""
    return {str(table.name): table for table in metadata.tables.values() if "run_key" in table.columns}


def choose_tables(text: str | None) -> list[Table]:
    """The tables named in ``text``, separated by commas; all of them for None.

    Raises InputError.
    """
    known = exportable_tables()
    names = list(known) if text is None else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise InputError(f"--tables names {name!r}, allowed are {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


def columns_of(table: Table) -> tuple[ExportColumn, ...]:
    """The columns of ``table``, in the order of the warehouse."""
    return tuple(ExportColumn(str(column.name), _kind(column), bool(column.nullable)) for column in table.columns)


def query_of(table: Table, run_key: int, span: ExportPeriod) -> Select[Any]:
    """All rows of the run within ``span``, ordered by primary key, so that the same rows give the
    same bytes.
    """
    query = select(*(_selected(column) for column in table.columns)).where(table.c.run_key == run_key)
    return query.where(*_within(table, span)).order_by(*table.primary_key.columns)


def _kind(column: Column[Any]) -> ColumnType:
    kind = column.type
    if isinstance(kind, Integer):
        return (
            ColumnType.INT64 if isinstance(kind, BigInteger) else ColumnType.INT32
        )  # also for MySQL's unsigned SMALLINT
    if isinstance(kind, DateTime):
        return ColumnType.INSTANT
    if isinstance(kind, Date):
        return ColumnType.DATE
    if isinstance(kind, Double):
        return ColumnType.DOUBLE
    if isinstance(kind, String):
        return ColumnType.WORD if getattr(kind.dialect_impl(_MYSQL), "charset", None) == "ascii" else ColumnType.TEXT
    raise TypeError(f"{column} is of type {kind!r}, which no export supports")


def _selected(column: Column[Any]) -> ColumnElement[Any]:
    return cast(column, String).label(column.name) if isinstance(column.type, (DateTime, Date)) else column


def _within(table: Table, span: ExportPeriod) -> list[ColumnElement[bool]]:
    """Bounds on the column after ``run_key`` in the key: an event's time or a KPI's day.

    A run has neither.
    """
    when = next((column for column in table.primary_key.columns if column.name != "run_key"), None)
    if when is None:
        return []
    bounds: list[ColumnElement[bool]] = []
    is_instant = isinstance(when.type, DateTime)
    if span.since is not None:
        bounds.append(when >= (_begin_of(span.since) if is_instant else span.since))
    if span.until is not None:
        bounds.append(when < _begin_of(span.until + _DAY) if is_instant else when <= span.until)
    return bounds


def _begin_of(day: date) -> datetime:
    """The first instant of a UTC day, as stored, without a time zone."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001
