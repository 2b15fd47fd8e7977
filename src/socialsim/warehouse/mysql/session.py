"""One connection to MySQL or MariaDB with pinned settings and a deadline for every call.

aiomysql has no read timeout, keeps connections whose answer was only half read, and reconnects
silently on ping. Therefore a session is discarded at its first error, and never pinged.
"""

import asyncio
from typing import Any, Final, Self

import aiomysql
import pymysql
from pymysql.constants import CLIENT

from socialsim.errors import InputError, ServiceUnavailableError, TerminalError
from socialsim.warehouse.driver_errors import MYSQL_REMEDY, translate_mysql
from socialsim.warehouse.mysql.settings import PIN, SQL_MODE, obstacles
from socialsim.warehouse.mysql.tls import client_context, require_tls
from socialsim.warehouse.urls import MysqlTarget

CONNECT_TIMEOUT_S: Final = 10.0
STATEMENT_TIMEOUT_S: Final = 60.0
#: Less than the statement's deadline, to distinguish a lock from a server that does not answer.
LOCK_WAIT_S: Final = 20
_CLOSE_TIMEOUT_S: Final = 1.0

# READ COMMITTED has no gap locks, so consumers that append to one table do not wait for each other.
_PIN: Final = (
    *PIN,
    f"SET SESSION autocommit = 0, innodb_lock_wait_timeout = {LOCK_WAIT_S}",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
_READ_BACK: Final = (
    "SHOW VARIABLES WHERE Variable_name IN ('sql_mode', 'time_zone', 'autocommit', 'tx_isolation', "
    "'transaction_isolation', 'character_set_client', 'character_set_connection', 'max_allowed_packet', 'log_bin', "
    "'binlog_format')"
)

_AiomysqlConnection: Any = aiomysql.Connection  # the driver has no types


class _DriverConnection(_AiomysqlConnection):  # type: ignore[misc]
    async def _request_authentication(self) -> None:
        # The driver would continue without encryption and answer the server's challenge in the
        # clear.
        require_tls(self._ssl_context, self.server_capabilities)
        await super()._request_authentication()


def as_driver_text(password: str) -> str:
    """``password`` as a str whose Latin-1 encoding is its UTF-8.

    aiomysql sends Latin-1, and the server expects UTF-8.
    """
    return password.encode().decode("latin-1")


_SESSION_UNKNOWN: Final = 1094
_DRIVER_ERRORS: Final = (pymysql.MySQLError, OSError, EOFError, RuntimeError)


class MysqlSession:
    """An open connection, created by ``connect``.

    Every method translates errors, and closes the session on any.
    """

    def __init__(self, target: MysqlTarget, connection: Any, timeout_s: float) -> None:
        self._target = target
        self._connection = connection
        self._timeout_s = timeout_s
        self.is_open = True
        #: True if the server may still execute a statement of this session after it was closed.
        self.may_still_be_running = False
        self.server_started_s = 0  #: the server's own clock, seconds since the epoch

    @classmethod
    async def connect(cls, target: MysqlTarget, password: str, timeout_s: float) -> Self:
        """Connect, log in, pin the session's settings and read them back.

        Raises ServiceUnavailableError, InputError (credentials, certificate, no encryption),
        TerminalError (settings).
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        connection = _DriverConnection(
            host=target.host,
            port=target.port,
            user=target.user,
            password=as_driver_text(password),
            db=target.database,
            charset="utf8mb4",
            autocommit=None,
            ssl=client_context(target),
            local_infile=False,  # a hostile server could request local files
            program_name="socialsim",
        )
        session = cls(target, connection, timeout_s)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                # Not aiomysql.connect(), which loses the socket when it is cancelled.
                await connection._connect()
                await session._pin()
        except TimeoutError as error:
            session.abandon()
            tried_s = loop.time() - began_s
            raise ServiceUnavailableError(f"MySQL at {target.address}", tried_s, MYSQL_REMEDY) from error
        except _DRIVER_ERRORS as error:
            session.abandon()
            raise translate_mysql(error, target, tried_s=loop.time() - began_s) from error
        except BaseException:
            session.abandon()
            raise
        return session

    @property
    def thread_id(self) -> int:
        """The server's connection id of this session, for ``kill``."""
        return int(self._connection.thread_id())

    async def execute(self, sql: bytes) -> int:
        """Run one statement and return the number of changed rows."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return int(await self._connection.query(sql))
        except BaseException as error:
            raise self._broken(error) from error

    async def select(self, sql: bytes) -> list[tuple[Any, ...]]:
        """Run one query and return all of its rows."""
        try:
            async with asyncio.timeout(self._timeout_s), self._connection.cursor() as cursor:
                await cursor.execute(sql)
                return list(await cursor.fetchall())
        except BaseException as error:
            raise self._broken(error) from error

    async def kill(self, thread_id: int) -> None:
        """Kill another session of the same user, if it exists; its transaction rolls back."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._connection.query(b"KILL CONNECTION %d" % thread_id)
        except pymysql.MySQLError as error:
            if error.args[:1] != (_SESSION_UNKNOWN,):
                raise self._broken(error) from error
        except BaseException as error:
            raise self._broken(error) from error

    async def close(self) -> None:
        """Close gracefully; an open transaction rolls back. Never raises."""
        if not self.is_open:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._connection.ensure_closed()
        except (*_DRIVER_ERRORS, asyncio.CancelledError):
            pass
        self.abandon()

    def abandon(self) -> None:
        """Abort the connection.

        Unsent bytes are dropped: the server must not receive a partial statement.
        """
        self.is_open = False
        writer = self._connection._writer
        if writer is not None:
            writer.transport.abort()
        self._connection.close()

    def _broken(self, error: BaseException) -> BaseException:
        """Abandon the session and translate ``error``; a cancellation stays unchanged."""
        self.may_still_be_running = isinstance(error, (TimeoutError, asyncio.CancelledError))
        self.abandon()
        if isinstance(error, _DRIVER_ERRORS):
            return translate_mysql(error, self._target, tried_s=self._timeout_s)
        return error

    async def _pin(self) -> None:
        for statement in _PIN:
            await self._connection.query(statement.encode())
        if self._connection.client_flag & CLIENT.LOCAL_FILES:
            raise TerminalError(f"{self._target}: the driver offers local files to the server")
        settings = {str(name).lower(): str(value) for name, value in await self.select(_READ_BACK.encode())}
        isolation = settings.get("transaction_isolation") or settings.get("tx_isolation")
        self._require("sql_mode", set(settings["sql_mode"].split(",")) == set(SQL_MODE.split(",")), settings)
        self._require("time_zone", settings["time_zone"] == "+00:00", settings)
        self._require("autocommit", settings["autocommit"] == "OFF", settings)
        self._require("character_set_client", settings["character_set_client"] == "utf8mb4", settings)
        self._require("character_set_connection", settings["character_set_connection"] == "utf8mb4", settings)
        if isolation != "READ-COMMITTED":
            raise TerminalError(f"{self._target}: the session stays at isolation level {isolation}")
        for obstacle in obstacles(settings):
            raise TerminalError(f"{self._target}: {obstacle}")
        if self._target.tls == "on" and not await self._cipher():
            raise InputError(f"{self._target}: the server does not encrypt the session although tls=on was requested")
        (clock,) = (await self.select(b"SELECT UNIX_TIMESTAMP()"))[0]
        (_, uptime_s) = (await self.select(b"SHOW GLOBAL STATUS LIKE 'Uptime'"))[0]
        self.server_started_s = int(clock) - int(uptime_s)
        await self._connection.query(b"COMMIT")

    async def _cipher(self) -> str:
        rows = await self.select(b"SHOW STATUS LIKE 'Ssl_cipher'")
        return str(rows[0][1]) if rows else ""

    def _require(self, name: str, holds: bool, settings: dict[str, str]) -> None:
        if not holds:
            raise TerminalError(f"{self._target}: the session's {name} stays at {settings[name]!r}")
