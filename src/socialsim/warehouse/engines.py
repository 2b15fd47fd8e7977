"""SQLAlchemy engines for migrations, KPIs and reads; the bulk path has its own connections."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymysql
import pymysql.cursors
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from socialsim.errors import InputError, TerminalError
from socialsim.warehouse.driver_errors import translate_mysql, translate_sqlite
from socialsim.warehouse.mysql.settings import PIN
from socialsim.warehouse.mysql.tls import client_context, require_tls
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget, WarehouseTarget, parse_warehouse_url

CONNECT_TIMEOUT_S = 10
SQLITE_BUSY_TIMEOUT_S = 10
#: For new files; measured a tenth faster than 4 KiB.
SQLITE_PAGE_BYTES = 16_384
_SQLITE_CACHE_KIB = 64 * 1024


def read_engine(url: str, password: str | None = None) -> Engine:
    """A synchronous engine for read-only sessions in UTC.

    Statements raise SQLAlchemy's errors; ``translated`` turns them into SocialsimErrors. Raises
    InputError for an invalid URL or a missing SQLite file: reading never creates it.
    """
    target = parse_warehouse_url(url)
    if isinstance(target, SqliteTarget):
        if not target.path.is_file():
            raise InputError(f"{target}: no such file; run: socialsim consume --into {target}")
        return _sqlite_engine(target, read_only=True)
    return _mysql_engine(target, password, read_only=True)


def writing_engine(target: WarehouseTarget, password: str | None, *, connections: int = 0) -> Engine:
    """A synchronous engine for migrations and KPIs.

    On SQLite a transaction takes the write lock at its start.

    Up to ``connections`` are pooled until the engine is disposed of.
    """
    if isinstance(target, SqliteTarget):
        return _sqlite_engine(target, read_only=False, connections=connections)
    return _mysql_engine(target, password, read_only=False, connections=connections)


@contextmanager
def translated(target: WarehouseTarget) -> Iterator[None]:
    """Translate driver errors into SocialsimErrors, see socialsim.warehouse.driver_errors."""
    try:
        yield
    except DBAPIError as error:
        cause = error.orig or error
        raise _translate(cause, target) from error
    except (pymysql.MySQLError, sqlite3.Error, OSError) as error:
        raise _translate(error, target) from error
    except SQLAlchemyError as error:
        raise TerminalError(f"{target}: {error}") from error


def _translate(error: BaseException, target: WarehouseTarget) -> Exception:
    if isinstance(target, SqliteTarget):
        return translate_sqlite(error, target)
    return translate_mysql(error, target, tried_s=CONNECT_TIMEOUT_S)


def _pool(connections: int) -> dict[str, Any]:
    return {"poolclass": QueuePool, "pool_size": connections} if connections else {"poolclass": NullPool}


def _read_only_options(path: Path) -> str:
    """URI options for reading a file.

    In WAL mode even a reader creates a file beside the database unless the database is opened as
    immutable. That is safe where the directory is read-only and no writer's WAL exists.
    """
    wal = path.with_name(f"{path.name}-wal")
    if os.access(path.parent, os.W_OK) or wal.exists():
        return "mode=ro"
    return "mode=ro&immutable=1"


@contextmanager
def _closed_on_error(connection: "sqlite3.Connection | pymysql.connections.Connection[Any]") -> Iterator[None]:
    """Close a connection whose setup fails: nothing else has a reference to it."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _sqlite_engine(target: SqliteTarget, *, read_only: bool, connections: int = 0) -> Engine:
    path = target.path.absolute()

    def connect() -> sqlite3.Connection:
        # isolation_level None: the driver's own BEGIN would come after DDL, not before it.
        uri = f"file:{quote(str(path))}?{_read_only_options(path) if read_only else 'mode=rwc'}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=SQLITE_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        with _closed_on_error(connection):
            # no effect on a file with tables
            connection.execute(f"PRAGMA page_size={SQLITE_PAGE_BYTES}")
            connection.execute(f"PRAGMA cache_size=-{_SQLITE_CACHE_KIB}")
            connection.execute("PRAGMA temp_store=MEMORY")
            # see socialsim.warehouse.sqlite.warehouse
            connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    engine = create_engine("sqlite://", creator=connect, **_pool(connections))

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


# Generic in its type stubs only.
_PymysqlConnection: Any = pymysql.connections.Connection


class _Connection(_PymysqlConnection):  # type: ignore[misc]
    def _request_authentication(self) -> None:
        # see socialsim.warehouse.mysql.session
        require_tls(self.ctx if self.ssl else None, self.server_capabilities)
        super()._request_authentication()

    def _force_close(self) -> None:
        # Otherwise the garbage collector would read the rest of an unbuffered result.
        if self._result is not None:
            self._result.unbuffered_active = False
        super()._force_close()


def _mysql_engine(target: MysqlTarget, password: str | None, *, read_only: bool, connections: int = 0) -> Engine:
    context = client_context(target)

    def connect() -> "pymysql.connections.Connection[Any]":
        connection: pymysql.connections.Connection[Any] = _Connection(
            host=target.host,
            port=target.port,
            user=target.user,
            # bytes: a str is sent as Latin-1, and the server expects UTF-8
            password=(password or "").encode(),
            database=target.database,
            charset="utf8mb4",
            connect_timeout=CONNECT_TIMEOUT_S,
            ssl=context,
            local_infile=False,
            autocommit=False,
        )
        with _closed_on_error(connection), connection.cursor() as cursor:
            for statement in PIN:
                cursor.execute(statement)
            if read_only:
                # All statements of a transaction must read one snapshot, whatever the server's
                # default.
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if context is not None:
                cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
                row = cursor.fetchone()
                if row is None or not row[1]:
                    raise InputError(f"{target}: the server does not encrypt the session although tls=on was requested")
        return connection

    return create_engine("mysql+pymysql://", creator=connect, **_pool(connections))
