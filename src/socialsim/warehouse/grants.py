"""What the writer and the reader may do, table by table. The migrator gives it after each migration."""

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Table, text

from socialsim.errors import InputError
from socialsim.warehouse.engines import translated, writing_engine
from socialsim.warehouse.tables import (
    EVENT_TABLES,
    active_users,
    cohort_weekly,
    consumer_offsets,
    creator_day,
    dead_letters,
    kpi_daily,
    kpi_days,
    metadata,
    runs,
    user_day,
)
from socialsim.warehouse.urls import MysqlTarget
from socialsim.warehouse.views import VIEWS

#: Events are only ever added. The upsert that makes replays harmless needs the right to "change" one column of the key,
#: to itself: with it a row could be moved to another run, but none of its facts altered. MariaDB wants that right for
#: every column that an upsert names, so there it is for the whole table.
_APPEND: Final = "SELECT, INSERT, UPDATE (run_key)"
_CHANGE: Final = "SELECT, INSERT, UPDATE, DELETE"
_REPLACE: Final = "SELECT, INSERT, DELETE"
_WRITER: Final[dict[str, str]] = {
    **{table.name: _APPEND for table in EVENT_TABLES.values()},
    runs.name: "SELECT, INSERT, UPDATE (run_key, scenario_digest)",
    consumer_offsets.name: "SELECT, INSERT, UPDATE",
    dead_letters.name: "SELECT, INSERT, UPDATE (id, topic_identity), DELETE",  # a replayed one is one no more
    kpi_days.name: "SELECT, INSERT, UPDATE",
    **{table.name: _REPLACE for table in (user_day, active_users, creator_day, kpi_daily, cohort_weekly)},
}
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_HOST: Final = re.compile(r"[A-Za-z0-9_.:%-]{1,255}")


def grants(database: str, *, writer: str, reader: str | None, host: str, mariadb: bool) -> Iterator[str]:
    """The statements. Raises InputError for a name that would need to be escaped."""
    if not _HOST.fullmatch(host):
        raise InputError(f"MySQL: the migrator's host {host!r} cannot be used for the writer")
    if not re.fullmatch(r"[A-Za-z0-9_$-]{1,64}", database):
        raise InputError(f"MySQL: {database!r} is no database name that rights can be given on")
    for table in metadata.sorted_tables:
        writing = _WRITER.get(table.name, _CHANGE)
        if mariadb:
            writing = re.sub(r"UPDATE \([\w, ]+\)", "UPDATE", writing)
        yield _grant(writing, database, table.name, writer, host)
        if reader is not None:
            yield _grant(_readable(table), database, table.name, reader, host)
    for user in filter(None, (writer, reader)):
        for name in ("alembic_version", *VIEWS):
            yield _grant("SELECT", database, name, user, host)


def apply_grants(target: MysqlTarget, password: str | None, *, writer: str, reader: str | None) -> None:
    """Give both their rights, as the migrator that ``target`` names. They exist, with the same host as the migrator.

    Raises TerminalError if they do not or the migrator may not, InputError, ServiceUnavailableError.
    """
    engine = writing_engine(target, password)
    try:
        with translated(target), engine.connect() as connection:
            account = str(connection.scalar(text("SELECT CURRENT_USER()")))
            host = account.rpartition("@")[2]
            mariadb = "MariaDB" in str(connection.scalar(text("SELECT VERSION()")))
            for statement in grants(target.database, writer=writer, reader=reader, host=host, mariadb=mariadb):
                connection.exec_driver_sql(statement.replace("%", "%%"))
    finally:
        engine.dispose()


def _readable(table: Table) -> str:
    """All but the bytes of records that could not be understood: nobody knows what is in them."""
    if table is not dead_letters:
        return "SELECT"
    return f"SELECT ({', '.join(column.name for column in table.columns if column is not table.c.raw)})"


def _grant(privileges: str, database: str, table: str, user: str, host: str) -> str:
    if not _NAME.fullmatch(user):
        raise InputError(f"MySQL user {user!r}: letters, digits, '_', '.' and '-' are allowed")
    return f"GRANT {privileges} ON `{database}`.`{table}` TO '{user}'@'{host}'"  # names were checked, none is quoted
