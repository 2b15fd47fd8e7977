"""Migrates a warehouse's tables to this version's schema. Synchronous and silent."""

import io
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from socialsim.errors import InputError, SchemaOutdatedError, TerminalError, TransientError
from socialsim.warehouse.engines import writing_engine
from socialsim.warehouse.mysql.settings import SERVER_SETTINGS_QUERY, obstacles
from socialsim.warehouse.schema.revision import check_revision, connected, known_revisions, read_revision, scripts_path
from socialsim.warehouse.schema.tables import metadata
from socialsim.warehouse.schema.views import VIEWS
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget, WarehouseTarget, parse_warehouse_url

# MySQL has no transactional DDL: without a lock two migrators would run the same statements twice.
_LOCK_NAME: Final = "socialsim_migrate"
_LOCK_WAIT_S: Final = 60
_ALREADY_EXISTS: Final = frozenset({1050, 1060, 1061})  # MySQL: table, column, index


def migrate(url: str, password: str | None = None) -> str:
    """Create or upgrade the tables at ``url`` and return their revision. Idempotent.

    On SQLite the file and its folders are created, and everything is one transaction. Raises
    InputError, ServiceUnavailableError, TransientError (another migration holds the lock),
    TerminalError (a missing privilege), SchemaOutdatedError (tables of a newer version, or of a
    migration that stopped halfway).
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
            _require_usable_server(connection, target)
        config = _config()
        _refuse_newer_schema(connection, target)
        _refuse_foreign_tables(connection, target)
        config.attributes["connection"] = connection
        config.attributes["transactional_ddl"] = isinstance(target, SqliteTarget)
        try:
            command.upgrade(config, "head")
        except DBAPIError as error:
            raise _partial_migration_error(error, connection, target) or error from error
        connection.commit()
        return read_revision(connection) or ""


def _lock(connection: Connection, target: MysqlTarget) -> None:
    """Take the migration lock, which the connection holds until it is closed."""
    values = {"name": _LOCK_NAME, "wait_s": _LOCK_WAIT_S}
    if connection.scalar(text("SELECT GET_LOCK(:name, :wait_s)"), values) != 1:
        raise TransientError(f"{target}: another migration is running; try again when it is done")


def _refuse_newer_schema(connection: Connection, target: WarehouseTarget) -> None:
    found = read_revision(connection)
    if found is not None and found not in known_revisions():
        check_revision(found, target)


def _require_usable_server(connection: Connection, target: MysqlTarget) -> None:
    """Raises TerminalError if the server's settings would make it refuse every insert."""
    for obstacle in obstacles(
        {str(name).lower(): str(value) for name, value in connection.execute(text(SERVER_SETTINGS_QUERY))}
    ):
        raise TerminalError(f"{target}: {obstacle}")


def _refuse_foreign_tables(connection: Connection, target: WarehouseTarget) -> None:
    """Raises if a database without a revision has our tables: foreign or incomplete ones."""
    if read_revision(connection) is not None:
        return
    inspector = inspect(connection)
    existing = {*inspector.get_table_names(), *inspector.get_view_names()}
    taken = sorted(existing & {*metadata.tables, *VIEWS})
    if not taken:
        return
    if "alembic_version" in existing and {*taken, "alembic_version"} == existing:
        raise SchemaOutdatedError(
            f"{target} holds {', '.join(taken)} and no revision: an earlier migration did not finish; "
            f"drop these tables and run again: socialsim migrate --into {target}"
        )
    raise InputError(
        f"{target} holds {', '.join(taken)}, which socialsim did not create; nothing was changed: "
        "give socialsim a database of its own"
    )


def _partial_migration_error(
    error: DBAPIError, connection: Connection, target: WarehouseTarget
) -> SchemaOutdatedError | None:
    """The error for a migration step that was partly applied already; None for any other error."""
    arguments = getattr(error.orig, "args", ())
    if not arguments or arguments[0] not in _ALREADY_EXISTS:
        return None
    return SchemaOutdatedError(
        f"{target} is at revision {read_revision(connection)} and holds a part of the next one: {arguments[1]}. An earlier "
        f"migration did not finish, or another program created it; drop it and run: socialsim migrate --into {target}"
    )


def _config() -> Config:
    config = Config(stdout=io.StringIO(), output_buffer=io.StringIO())
    # Alembic reads options through configparser, where a per cent sign is special.
    config.set_main_option("script_location", str(scripts_path()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
