"""Bring a warehouse's tables to this version's schema, or say at which one they are. Synchronous, and silent."""

import io
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from socialsim.errors import InputError, SchemaOutdatedError, TerminalError, TransientError
from socialsim.warehouse.engines import writing_engine
from socialsim.warehouse.mysql.settings import LOOK, obstacles
from socialsim.warehouse.schema.revision import check_revision, connected, known_revisions, read_revision, scripts_path
from socialsim.warehouse.schema.tables import metadata
from socialsim.warehouse.schema.views import VIEWS
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget, WarehouseTarget, parse_warehouse_url

# Two migrators of one MySQL server would run the same DDL twice: MySQL has no transactions around DDL.
_LOCK_NAME: Final = "socialsim_migrate"
_LOCK_WAIT_S: Final = 60
_THERE_ALREADY: Final = frozenset({1050, 1060, 1061})  # MySQL: table, column, index


def migrate(url: str, password: str | None = None) -> str:
    """Create or bring up to date the tables at ``url`` and return their revision. Doing it again changes nothing.

    On SQLite the file and its folders are made, and all of it is one transaction. Raises InputError,
    ServiceUnavailableError, TransientError (another migration holds the lock), TerminalError (a missing privilege),
    SchemaOutdatedError (the tables were made by a newer
    version, or only a part of them).
    """
    target = parse_warehouse_url(url)
    if isinstance(target, SqliteTarget):
        try:
            target.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{target}: {error.filename} cannot be made a directory: {error.strerror}") from error
    with connected(writing_engine(target, password), target) as connection:
        if isinstance(target, MysqlTarget):
            _lock(connection, target)
            _refuse_unfit(connection, target)
        config = _config()
        _refuse_newer(connection, target)
        _refuse_strangers(connection, target)
        config.attributes["connection"] = connection
        config.attributes["transactional_ddl"] = isinstance(target, SqliteTarget)
        try:
            command.upgrade(config, "head")
        except DBAPIError as error:
            raise _half_made(error, connection, target) or error from error
        connection.commit()
        return read_revision(connection) or ""


def _lock(connection: Connection, target: MysqlTarget) -> None:
    """Hold the right to migrate until the connection is closed."""
    values = {"name": _LOCK_NAME, "wait_s": _LOCK_WAIT_S}
    if connection.scalar(text("SELECT GET_LOCK(:name, :wait_s)"), values) != 1:
        raise TransientError(f"{target}: another migration is running; try again when it is done")


def _refuse_newer(connection: Connection, target: WarehouseTarget) -> None:
    found = read_revision(connection)
    if found is not None and found not in known_revisions():
        check_revision(found, target)


def _refuse_unfit(connection: Connection, target: MysqlTarget) -> None:
    """Tables in a server that would refuse every insert are of no use to anybody."""
    for obstacle in obstacles({str(name).lower(): str(value) for name, value in connection.execute(text(LOOK))}):
        raise TerminalError(f"{target}: {obstacle}")


def _refuse_strangers(connection: Connection, target: WarehouseTarget) -> None:
    """Before anything is made: tables under our names in a database that has no revision are not ours, or not whole."""
    if read_revision(connection) is not None:
        return
    inspector = inspect(connection)
    there = {*inspector.get_table_names(), *inspector.get_view_names()}
    taken = sorted(there & {*metadata.tables, *VIEWS})
    if not taken:
        return
    if "alembic_version" in there and {*taken, "alembic_version"} == there:
        raise SchemaOutdatedError(
            f"{target} holds {', '.join(taken)} and no revision: an earlier migration did not come to its end; "
            f"drop these tables and run again: socialsim migrate --into {target}"
        )
    raise InputError(
        f"{target} holds {', '.join(taken)}, which socialsim did not make; nothing was changed: "
        "give socialsim a database of its own"
    )


def _half_made(error: DBAPIError, connection: Connection, target: WarehouseTarget) -> SchemaOutdatedError | None:
    """Our error for a step of which a part was there already; None for any other."""
    arguments = getattr(error.orig, "args", ())
    if not arguments or arguments[0] not in _THERE_ALREADY:
        return None
    return SchemaOutdatedError(
        f"{target} is at revision {read_revision(connection)} and holds a part of the next one: {arguments[1]}. An earlier "
        f"migration did not come to its end, or somebody else made it; drop it and run: socialsim migrate --into {target}"
    )


def _config() -> Config:
    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    # Alembic reads options through configparser, to which a per cent sign is special.
    config.set_main_option("script_location", str(scripts_path()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
