"""The privileges of the writer and the reader on each table.

The migrator grants them after each migration.
"""

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Table, text

from socialsim.errors import InputError
from socialsim.warehouse.engines import translated, writing_engine
from socialsim.warehouse.schema.tables import (
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
from socialsim.warehouse.schema.views import VIEWS
from socialsim.warehouse.urls import MysqlTarget

#: Events are only added. The idempotent upsert needs UPDATE on one key column, which it sets to
#: itself: the privilege would allow moving a row to another run, but not changing its content.
#: MariaDB needs UPDATE on every column that an upsert names, so there it is granted on the table.
_APPEND: Final = "SELECT, INSERT, UPDATE (run_key)"
_CHANGE: Final = "SELECT, INSERT, UPDATE, DELETE"
_REPLACE: Final = "SELECT, INSERT, DELETE"
_WRITER: Final[dict[str, str]] = {
    **{table.name: _APPEND for table in EVENT_TABLES.values()},
    runs.name: "SELECT, INSERT, UPDATE (run_key, scenario_digest)",
    consumer_offsets.name: "SELECT, INSERT, UPDATE",
    # a replayed one is deleted
    dead_letters.name: "SELECT, INSERT, UPDATE (id, topic_identity), DELETE",
    kpi_days.name: "SELECT, INSERT, UPDATE",
    **{table.name: _REPLACE for table in (user_day, active_users, creator_day, kpi_daily, cohort_weekly)},
}
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_HOST: Final = re.compile(r"[A-Za-z0-9_.:%-]{1,255}")


def grants(database: str, *, writer: str, reader: str | None, host: str, mariadb: bool) -> Iterator[str]:
    """The GRANT statements. Raises InputError for a name that would need escaping."""
    if not _HOST.fullmatch(host):
        raise InputError(f"MySQL: the migrator's host {host!r} cannot be used for the writer")
    if not re.fullmatch(r"[A-Za-z0-9_$-]{1,64}", database):
        raise InputError(f"MySQL: {database!r} is no database name on which privileges can be granted")
    for table in metadata.sorted_tables:
        writing = _WRITER.get(table.name, _CHANGE)
        if mariadb:
            writing = re.sub(r"UPDATE \([\w, ]+\)", "UPDATE", writing)
        yield _grant(writing, database, table.name, writer, host)
        if reader is not None:
            yield _grant(_reader_privileges(table), database, table.name, reader, host)
    for user in filter(None, (writer, reader)):
        for name in ("alembic_version", *VIEWS):
            yield _grant("SELECT", database, name, user, host)


def apply_grants(target: MysqlTarget, password: str | None, *, writer: str, reader: str | None) -> None:
    """Grant both users their privileges as the migrator of ``target``.

    They must exist with the migrator's host.

    Raises TerminalError if they do not exist or the migrator may not grant, InputError,
    ServiceUnavailableError.
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


def _reader_privileges(table: Table) -> str:
    """Everything except the bytes of invalid records, whose content is unknown."""
    if table is not dead_letters:
        return "SELECT"
    return f"SELECT ({', '.join(column.name for column in table.columns if column is not table.c.raw)})"


def _grant(privileges: str, database: str, table: str, user: str, host: str) -> str:
    if not _NAME.fullmatch(user):
        raise InputError(f"MySQL user {user!r}: letters, digits, '_', '.' and '-' are allowed")
    # the names were checked above
    return f"GRANT {privileges} ON `{database}`.`{table}` TO '{user}'@'{host}'"
