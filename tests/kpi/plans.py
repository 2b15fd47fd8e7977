"""How the engines mean to execute the statements that are really sent to them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine, event

from socialsim.warehouse.schema.tables import EVENT_TABLES, metadata

RAW: Final = {table.name for table in EVENT_TABLES.values()}
_RUN_KEY_BYTES: Final = 4
_EXPLAINED: Final = re.compile(r"(SELECT|INSERT INTO \w+ \([\w, ]+\) SELECT|UPDATE|DELETE)\b")
_STEP: Final = re.compile(r"(SCAN|SEARCH) (\w+)\b.*")

#: Statements that may read an event table by the run alone, and why. Their plan says less than what
#: they do.
ALLOWED: Final = {
    r"SELECT (min|max)\(\w+\.event_time\) AS \w+ FROM \w+ WHERE \w+\.run_key = \S+$": "reads one end of the key and stops",
}


class Step(NamedTuple):
    """One table of one statement: how it is read."""

    sql: str
    table: str
    text: str
    is_full: bool  #: read from one end to the other, or a whole run of it


@contextmanager
def watched(engine: Engine) -> Iterator[list[Step]]:
    """The steps of every statement that goes through ``engine`` meanwhile, each explained right
    before it is executed.
    """
    steps: list[Step] = []

    def explain(connection: Any, cursor: Any, sql: str, parameters: Any, context: Any, executemany: bool) -> None:  # noqa: PLR0917 - its caller decides
        del cursor, context
        if not _EXPLAINED.match(sql):
            return
        own = connection.connection.dbapi_connection.cursor()
        try:
            prefix = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
            own.execute(prefix + sql, parameters[0] if executemany else parameters)
            names = [column[0] for column in own.description]
            rows = [dict(zip(names, row, strict=True)) for row in own.fetchall()]
        finally:
            own.close()
        read = _sqlite_step if connection.dialect.name == "sqlite" else _mysql_step
        steps.extend(step for row in rows if (step := read(" ".join(sql.split()), row)) is not None)

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield steps
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def _sqlite_step(sql: str, row: dict[str, Any]) -> Step | None:
    text = row["detail"]
    found = _STEP.match(text)
    if found is None:
        return None
    return Step(sql, found[2], text, found[1] == "SCAN" or "(run_key=?)" in text)


def _mysql_step(sql: str, row: dict[str, Any]) -> Step | None:
    if row["table"] is None:
        return None
    text = ", ".join(f"{name} {row[name]}" for name in ("table", "type", "key", "key_len", "ref", "rows", "Extra"))
    by_run = row["key"] is not None and int(row["key_len"] or 0) <= _RUN_KEY_BYTES
    return Step(sql, row["table"], text, row["type"] in {"ALL", "index"} or (by_run and row["type"] != "system"))


def full_scans(steps: list[Step]) -> list[Step]:
    """Those that read an event table where a range would do."""
    return [
        step
        for step in steps
        if step.table in RAW and step.is_full and not any(re.match(each, step.sql) for each in ALLOWED)
    ]


def unknown_tables(steps: list[Step]) -> set[str]:
    """Names that are neither tables nor made up by a statement: behind an alias an event table
    would go unseen.
    """
    known = set(metadata.tables) | {
        "eight",
        "cohort",
        "acts",
        "active",
        "known",
        "every",
        "in_order",
        "seen",
        "yesterday",
    }
    known |= {"earlier", "liked_pictures", "liked_videos", "CONSTANT"}
    return {step.table for step in steps if step.table not in known and not step.table.startswith(("<", "subquery"))}
