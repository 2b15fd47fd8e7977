"""Translates driver errors: transient or terminal, and who has to act."""

import sqlite3
import ssl
from typing import Final

import pymysql

from socialsim.errors import (
    InputError,
    SchemaOutdatedError,
    ServiceUnavailableError,
    SocialsimError,
    TerminalError,
    TransientError,
)
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget

MYSQL_REMEDY: Final = "start it with: make up"

#: The server did not answer at all: 2003 cannot connect, 2002 no socket, 2005 unknown host.
_UNREACHABLE: Final = frozenset({2002, 2003, 2005})
#: A retry on a new connection may succeed.
_TRANSIENT: Final = frozenset(
    {
        1040,  # too many connections
        1042,  # cannot resolve the client's host
        1053,  # the server is shutting down
        1077,  # normal shutdown
        1079,  # shutdown complete
        1152,  # aborted connection
        1158,  # could not read a packet
        1159,  # timeout reading a packet
        1160,  # could not write a packet
        1161,  # timeout writing a packet
        1180,  # the commit failed, outcome unknown
        1184,  # aborted connection
        1203,  # too many connections of this user
        1205,  # lock wait timeout
        1206,  # lock table is full
        1213,  # deadlock
        1226,  # the user's resources for this hour are used up
        1290,  # the server is read-only for the moment, as during a failover
        1317,  # the query was interrupted
        1792,  # the session's transaction is read-only
        1836,  # read-only mode
        1927,  # MariaDB: the connection was killed
        1969,  # MariaDB: the statement took too long
        2006,  # the server has gone away
        2013,  # the connection was lost in mid-query
        2014,  # commands out of sync
        2055,  # the connection was lost
        3024,  # MySQL: the statement took too long
        3101,  # group replication rolled back
        3168,  # the server is not available yet
        4031,  # MySQL: disconnected for inactivity
        1021,  # disk full: may be emptied
        1114,  # the table is full
    }
)
#: Wrong credentials, host or database name.
_CREDENTIALS: Final = frozenset({1045, 1049, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3159})
#: The user may log in but has no privileges on this database yet.
_NO_RIGHTS: Final = 1044
#: The user lacks a privilege on a table, a column, a routine or for a statement.
_RIGHT_MISSING: Final = frozenset({1142, 1143, 1227, 1370})
#: Tables or columns are missing.
_SCHEMA: Final = frozenset({1054, 1146})


def translate_mysql(error: BaseException, target: MysqlTarget, *, tried_s: float) -> SocialsimError:
    """The SocialsimError for ``error`` from PyMySQL, aiomysql or their socket."""
    if isinstance(error, SocialsimError):
        return error
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return InputError(f"{target}: the server's certificate is not accepted: {cause.verify_message}")
        # PyMySQL raises in the handler without ``from``
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError):
        return TransientError(f"{target}: no answer in time; the outcome is unknown")
    if isinstance(error, (OSError, EOFError)):
        return TransientError(f"{target}: the connection broke: {error}")
    if not isinstance(error, pymysql.MySQLError):
        return TerminalError(f"{target}: {type(error).__name__}: {error}")
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = f"{target}: {error.args[1] if len(error.args) > 1 else error} (error {code})"
    return _by_code(code, text, target, tried_s, interface=isinstance(error, pymysql.InterfaceError))


def _by_code(code: int, text: str, target: MysqlTarget, tried_s: float, *, interface: bool) -> SocialsimError:
    if code in _UNREACHABLE:
        return ServiceUnavailableError(f"MySQL at {target.address}", tried_s, MYSQL_REMEDY)
    if (refusal := _refusal(code, text, target)) is not None:
        return refusal
    # InterfaceError (0, 'Not connected') and packets out of order mean a lost connection, not a
    # wrong request.
    if code in _TRANSIENT or interface or "Packet sequence number wrong" in text:
        return TransientError(text)
    return TerminalError(text)


def _refusal(code: int, text: str, target: MysqlTarget) -> SocialsimError | None:
    """The error if the user must change credentials, privileges or the schema, else None."""
    grants = "with SOCIALSIM_MYSQL_MIGRATOR and its password set"
    if code in _CREDENTIALS:
        return InputError(text)
    if code == _NO_RIGHTS:
        return SchemaOutdatedError(
            f"{text}; the migrator grants the writer and the reader their rights; run, {grants}: "
            f"socialsim migrate --into {target}"
        )
    if code in _RIGHT_MISSING:
        return TerminalError(
            f"{text}; {grants}, this grants user {target.user!r} its rights: socialsim migrate --into {target}"
        )
    if code in _SCHEMA:
        return SchemaOutdatedError(f"{text}; run: socialsim migrate --into {target}")
    return None


def translate_sqlite(error: BaseException, target: SqliteTarget) -> SocialsimError:
    """The SocialsimError for ``error`` from sqlite3."""
    if isinstance(error, SocialsimError):
        return error
    if not isinstance(error, sqlite3.Error):
        return TerminalError(f"{target}: {type(error).__name__}: {error}")
    # The low byte is the primary code; the rest is detail.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    text = f"{target}: {error}"
    kind: type[SocialsimError] = TerminalError
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        kind, text = TransientError, f"{target}: another process is writing to it ({error})"
    elif code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        kind = TransientError
    elif code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
        kind = InputError
    elif any(sign in text for sign in ("no such table", "no such column", "has no column")):
        kind, text = SchemaOutdatedError, f"{text}; run: socialsim migrate --into {target}"
    return kind(text)
