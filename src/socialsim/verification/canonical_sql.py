"""An event's canonical text from the typed columns of its row: ``events.canonical`` in SQL.

The statements are composed from the table definitions alone; values are bound. MySQL and MariaDB
build the text, hash it and sum the hashes. SQLite has no SHA-256, so it builds the text and Python
does the rest.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.elements import BindParameter

from socialsim.events.canonical import FREE_TEXTS, canonical_members
from socialsim.warehouse.schema.tables import EVENT_TABLES

_Expression = ColumnElement[Any]

#: SQLite accepts any text as a time, so its shape is checked. Other text enters the canonical text
#: unchanged, and then no hash matches.
_INSTANT_SHAPE: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9].{}".format(
    "[0-9]" * 6
)


class _Spelling(NamedTuple):
    """How an engine expresses the members of a canonical text."""

    time_us: Callable[[Column[Any]], _Expression]
    free_text: Callable[[Column[Any]], _Expression]
    plain: Callable[[Column[Any]], _Expression]
    joined: Callable[[Sequence[_Expression]], _Expression]


def _sqlite_time_us(column: Column[Any]) -> _Expression:
    # Not strftime of the whole text, which rounds the fraction to milliseconds.
    stored = cast(column, Text)
    seconds = cast(func.strftime("%s", func.substr(stored, 1, 19)), Integer)
    micros = cast(func.substr(stored, 21, 6), Integer)
    return case((stored.op("GLOB")(_INSTANT_SHAPE), cast(seconds * 1_000_000 + micros, Text)), else_=stored)


def _sqlite_joined(members: Sequence[_Expression]) -> _Expression:
    bar: _Expression = _literal("|")
    return reduce(lambda left, right: left.concat(bar).concat(right), members)


def _literal(value: str) -> BindParameter[str]:
    return bindparam(None, value, type_=Text, unique=True)


_SQLITE: Final = _Spelling(
    time_us=_sqlite_time_us,
    free_text=lambda column: cast(func.length(column), Text).concat(_literal(":")).concat(cast(column, Text)),
    plain=lambda column: cast(column, Text),
    joined=_sqlite_joined,
)
_MYSQL: Final = _Spelling(
    time_us=lambda column: func.timestampdiff(text("MICROSECOND"), text("'1970-01-01'"), column),
    free_text=lambda column: func.concat(func.char_length(column), text("':'"), column),
    plain=lambda column: column,
    joined=lambda members: func.concat_ws(text("'|'"), *members),
)
_SPELLINGS: Final = {"sqlite": _SQLITE, "mysql": _MYSQL}


def canonical_expression(name: str, engine: str) -> ColumnElement[str]:
    """The canonical text of a row of the event type ``name``.

    ``engine`` is ``sqlite`` or ``mysql``.
    """
    spelling = _SPELLINGS[engine]
    table = EVENT_TABLES[name]

    def member(field: str) -> _Expression:
        if field == "time_us":
            return spelling.time_us(table.c.event_time)
        return (spelling.free_text if field in FREE_TEXTS else spelling.plain)(table.c[field])

    return spelling.joined([_literal(name), *map(member, canonical_members(name))])


def texts_query(name: str, engine: str) -> Select[Any]:
    """``shard, seq, canonical`` of every row of the run ``:run_key``."""
    table = EVENT_TABLES[name]
    columns = (table.c.shard, table.c.seq, canonical_expression(name, engine).label("canonical"))
    return select(*columns).where(table.c.run_key == bindparam("run_key"))


def totals_query(name: str) -> Select[Any]:
    """``shard, count, seq_min, seq_max, sum_a, sum_b`` of the run ``:run_key``, for MySQL and
    MariaDB.

    The sums are exact decimals, not yet reduced modulo 2**64. Half a hash modulo 2**64 is its last
    16 digits.
    """
    table = EVENT_TABLES[name]
    digest = func.sha2(canonical_expression(name, "mysql"), 256)
    hashed = (
        select(table.c.shard, table.c.seq, digest.label("digest"))
        .where(table.c.run_key == bindparam("run_key"))
        .subquery("hashed")
    )
    sums = [func.sum(_number(func.substr(hashed.c.digest, first, 16))) for first in (17, 49)]
    columns = (hashed.c.shard, func.count(), func.min(hashed.c.seq), func.max(hashed.c.seq), *sums)
    return select(*columns).group_by(hashed.c.shard)


def _number(digits: _Expression) -> _Expression:
    return cast(func.conv(digits, 16, 10), mysql.BIGINT(unsigned=True))
