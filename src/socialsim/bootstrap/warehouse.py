"""Opens the warehouse of a URL to read or to compute KPIs; see ``migration`` for the consumer."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from socialsim.bootstrap.secrets import password
from socialsim.errors import InputError
from socialsim.runs.catalog import count_rows
from socialsim.settings import Settings
from socialsim.warehouse.dead_letters import DeadLetters
from socialsim.warehouse.engines import read_engine, translated, writing_engine
from socialsim.warehouse.schema.revision import check_revision, current_revision
from socialsim.warehouse.urls import SqliteTarget, WarehouseTarget, parse_warehouse_url


def is_new_warehouse(url: str, settings: Settings) -> bool:
    """Whether opening would create the warehouse, an SQLite file. Raises InputError."""
    target = warehouse_target(url, settings)
    return isinstance(target, SqliteTarget) and not target.path.exists()


def open_dead_letters(url: str, settings: Settings) -> DeadLetters:
    """The warehouse's dead letters. Raises InputError, SchemaOutdatedError."""
    return DeadLetters(*warehouse_access(url, settings))


def warehouse_target(url: str, settings: Settings) -> WarehouseTarget:
    """The warehouse of ``url``. SOCIALSIM_MYSQL_TLS and _CAFILE apply if the URL does not set TLS.

    Raises InputError.
    """
    target = parse_warehouse_url(url)
    if isinstance(target, SqliteTarget) or "tls=" in url.partition("?")[2]:
        return target
    cafile = settings.text("MYSQL_CAFILE")
    tls = settings.text("MYSQL_TLS") or ("off" if cafile is None else "on")
    if tls not in ("on", "off"):
        raise InputError(f"SOCIALSIM_MYSQL_TLS is {tls!r}, allowed are on and off")
    if cafile is not None and tls == "off":
        raise InputError("SOCIALSIM_MYSQL_CAFILE is set, but SOCIALSIM_MYSQL_TLS is off")
    if tls == "off":
        return target
    return dataclasses.replace(target, tls="on", tls_ca=None if cafile is None else Path(cafile))


def warehouse_access(url: str, settings: Settings) -> tuple[str, str | None]:
    """The full URL and the password, for callers that open an engine. Raises InputError."""
    target = warehouse_target(url, settings)
    return (url, None) if isinstance(target, SqliteTarget) else (target.url, password(settings, "MYSQL_PASSWORD"))


def example_query_command(url: str) -> str:
    """A shell command that runs an example query on the warehouse."""
    target = parse_warehouse_url(url)
    query = "SELECT country, COUNT(*) FROM users GROUP BY country ORDER BY 2 DESC LIMIT 5"
    if isinstance(target, SqliteTarget):
        return f'sqlite3 {target.path} "{query}"'
    return f'mysql -h {target.host} -P {target.port} -u {target.user} -p -D {target.database} -e "{query}"'


@contextmanager
def reading(url: str, settings: Settings) -> Iterator[Connection]:
    """A read-only connection to the warehouse, whose statements see one snapshot.

    Raises InputError, SchemaOutdatedError, ServiceUnavailableError.
    """
    target = parse_warehouse_url(url)
    access = warehouse_access(url, settings)
    engine = read_engine(*access)
    try:
        check_revision(current_revision(*access), target)
        with translated(target), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def computing(url: str, settings: Settings, *, connections: int) -> Iterator[tuple[Engine, WarehouseTarget]]:
    """An engine that may write, for a warehouse with an up-to-date schema.

    Raises as ``reading`` does.
    """
    access = warehouse_access(url, settings)
    target = parse_warehouse_url(access[0])
    check_revision(current_revision(*access), target)
    engine = writing_engine(target, access[1], connections=connections)
    try:
        yield engine, target
    finally:
        engine.dispose()


def count_stored_rows(url: str, settings: Settings) -> dict[str, int]:
    """Number of stored events by run id. Raises as ``reading`` does."""
    with reading(url, settings) as connection:
        return count_rows(connection)
