"""In each shard ``seq`` counts from 0, without gaps and duplicates, across all event tables."""

from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, literal_column, or_, select, union_all

from socialsim.warehouse.schema.tables import EVENT_TABLES

#: Irregularities beyond these are not reported: the run is broken anyway.
IRREGULARITIES_MAX: Final = 100_000

_TABLES: Final = tuple(EVENT_TABLES.values())


class Gap(NamedTuple):
    """Events that are not stored: from ``first`` to ``last``, both missing."""

    shard: int
    first: int
    last: int


class Double(NamedTuple):
    """One identity in two rows."""

    shard: int
    seq: int
    tables: tuple[str, str]


class Sequences(NamedTuple):
    """The irregularities, ordered by shard and seq."""

    gaps: list[Gap]
    doubles: list[Double]


def _irregular() -> Select[Any]:
    every = union_all(
        *(
            select(table.c.shard, table.c.seq, literal_column(str(number)).label("origin")).where(
                table.c.run_key == bindparam("run_key")
            )
            for number, table in enumerate(_TABLES)
        )
    ).subquery("every")

    def before(column: ColumnElement[int]) -> ColumnElement[int | None]:
        return func.lag(column).over(partition_by=every.c.shard, order_by=(every.c.seq, every.c.origin))

    rows = select(
        every.c.shard,
        every.c.seq,
        every.c.origin,
        before(every.c.seq).label("previous"),
        before(every.c.origin).label("previous_origin"),
    ).subquery("rows_in_order")
    first_is_late = rows.c.previous.is_(None) & (rows.c.seq != 0)
    return (
        select(rows)
        .where(or_(first_is_late, rows.c.seq != rows.c.previous + 1))
        .order_by(rows.c.shard, rows.c.seq)
        .limit(IRREGULARITIES_MAX)
    )


_IRREGULAR: Final = _irregular()


def read_sequences(connection: Connection, run_key: int) -> Sequences:
    """Read the identities of all rows of the run once, in order."""
    gaps: list[Gap] = []
    doubles: list[Double] = []
    for shard, seq, origin, previous, previous_origin in connection.execute(_IRREGULAR, {"run_key": run_key}):
        if seq == previous:
            doubles.append(Double(shard, seq, (_TABLES[previous_origin].name, _TABLES[origin].name)))
        elif seq > 0:
            gaps.append(Gap(shard, 0 if previous is None else max(0, previous + 1), seq - 1))
    return Sequences(gaps, doubles)
