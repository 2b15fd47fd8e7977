"""TLS to MySQL and MariaDB: really encrypted, to the right server, or not at all."""

import asyncio
import socket
import threading
from pathlib import Path

import pymysql
import pytest

from compose.native import Database
from socialsim.errors import InputError
from socialsim.warehouse.mysql.session import MysqlSession
from socialsim.warehouse.mysql.warehouse import MysqlWarehouse
from socialsim.warehouse.urls import MysqlTarget
from tests.cli.conftest import Cli
from tests.security.authority import Authority
from tests.security.servers import mysql_options
from tests.support.services import MySQLFactory


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_a_session_is_encrypted_to_the_right_server_or_there_is_none(
    inside: Cli, tmp_path: Path, authority: Authority, mysql_factory: MySQLFactory, flavour: str
) -> None:
    stranger = Authority(tmp_path, "stranger")
    server = mysql_factory(flavour=flavour, options=mysql_options(authority.certify("127.0.0.1"), authority.cafile))
    database = server.create_database("shop")
    with server.root_cursor() as cursor:  # the server itself shall not let it in otherwise
        cursor.execute("ALTER USER shop@`127.0.0.1` REQUIRE SSL")
    settings = {"SOCIALSIM_MYSQL_PASSWORD": database.password}
    trusting = settings | {"SOCIALSIM_MYSQL_CAFILE": str(authority.cafile)}
    into = ("--into", database.url)

    assert inside("migrate", *into, **trusting).returncode == 0
    assert inside("run", "--users", "20", "--days", "1").returncode == 0
    consumed = inside("consume", "--drain", *into, **trusting)
    assert consumed.returncode == 0, consumed.stderr
    assert inside("dead-letters", "list", *into, **trusting).returncode == 0
    by_url = inside("dead-letters", "list", "--into", f"{database.url}?tls=on&tls_ca={authority.cafile}", **settings)
    assert by_url.returncode == 0, by_url.stderr

    async def cipher() -> str:
        target = MysqlTarget(server.host, server.port, database.user, database.name, "on", authority.cafile)
        session = await MysqlSession.connect(target, database.password, 10)
        try:
            return await session._cipher()
        finally:
            await session.close()

    assert asyncio.run(cipher())

    for words, command, wrong in (
        ("certificate is not accepted", "migrate", trusting | {"SOCIALSIM_MYSQL_CAFILE": str(stranger.cafile)}),
        ("certificate is not accepted", "consume", trusting | {"SOCIALSIM_MYSQL_CAFILE": str(stranger.cafile)}),
        ("nowhere.pem", "consume", settings | {"SOCIALSIM_MYSQL_CAFILE": "nowhere.pem"}),
        ("Access denied", "consume", settings),  # no TLS asked for, and the server insists on it
    ):
        done = inside(command, *into, **wrong)
        assert done.returncode == 2, f"{words}: {done.stderr}"
        assert words in done.stderr
        assert database.password not in done.stderr
    # The name is checked too: the certificate is for 127.0.0.1 alone.
    named = inside("consume", "--into", database.url.replace("127.0.0.1", "localhost"), **trusting)
    assert named.returncode == 2
    assert "certificate is not accepted" in named.stderr


class Listener:
    """A server that says hello as MySQL does, with these capabilities, and keeps what it is told."""

    def __init__(self, capabilities: int, then: bytes = b"") -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.told = b""
        self._capabilities = capabilities
        self._then = then
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        connection.settimeout(10)
        low, high = (
            (self._capabilities & 0xFFFF).to_bytes(2, "little"),
            (self._capabilities >> 16).to_bytes(2, "little"),
        )
        hello = b"\x0a8.0.40\0" + (7).to_bytes(4, "little") + b"12345678\0" + low + b"\x2d\x02\0" + high
        hello += bytes([21]) + bytes(10) + b"123456789012\0" + b"mysql_native_password\0"
        with connection:
            connection.sendall(len(hello).to_bytes(3, "little") + b"\0" + hello)
            try:
                self.told += connection.recv(65_536)
                while self._then and self.told:
                    # OK to the login, then a request for a file to whatever is asked.
                    connection.sendall(b"\x07\0\0\x02\0\0\0\x02\0\0\0")
                    self.told += connection.recv(65_536)
                    connection.sendall(len(self._then).to_bytes(3, "little") + b"\x01" + self._then)
                    self.told += connection.recv(65_536)
                    break
            except OSError:
                pass

    def close(self) -> None:
        self._thread.join(15)
        self._socket.close()


# plugin auth, secure connection, 4.1 protocol, database
_WITHOUT_TLS = 0x00080000 | 0x8000 | 0x0200 | 0x0008 | 0x0001


def test_a_server_without_tls_is_told_nothing(cli: Cli) -> None:
    for command in ("migrate", "consume"):
        server = Listener(_WITHOUT_TLS)
        done = cli(
            command, "--into", f"mysql://me@127.0.0.1:{server.port}/x",
            SOCIALSIM_MYSQL_TLS="on", SOCIALSIM_MYSQL_PASSWORD="geheim",
        )  # fmt: skip
        server.close()
        assert done.returncode == 2, done.stderr
        assert "offers no TLS although tls=on was requested" in done.stderr
        assert server.told == b""


@pytest.mark.slow
async def test_a_hostile_server_that_asks_for_a_file_gets_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("c0ntent-of-a-file")
    # 0x80: it can take local files
    server = Listener(_WITHOUT_TLS | 0x80, then=b"\xfb" + str(secret).encode())
    target = MysqlTarget("127.0.0.1", server.port, "me", "x")
    warehouse = MysqlWarehouse(target, "geheim", statement_timeout_s=5)
    with pytest.raises(Exception, match=r"."):
        await warehouse.open()
    await warehouse.close()
    server.close()
    assert server.told  # the login and a statement
    assert b"c0ntent" not in server.told


def test_no_client_of_ours_offers_local_files(mysql_place_url: tuple[str, str]) -> None:
    from pymysql.constants import CLIENT

    from socialsim.warehouse import engines

    url, password = mysql_place_url
    engine = engines.read_engine(url, password)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert not driver.client_flag & CLIENT.LOCAL_FILES
        with pytest.raises(Exception, match=r"1148|3948|4166|LOAD_LOCAL"):
            connection.exec_driver_sql("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE mysql.x")
    engine.dispose()


@pytest.fixture
def mysql_place_url(fresh_database: Database) -> tuple[str, str]:
    return fresh_database.url, fresh_database.password


def test_options_that_contradict_each_other_are_refused() -> None:
    from socialsim.bootstrap.warehouse import warehouse_target
    from socialsim.settings import Settings

    url = "mysql://u@h/d"

    def target_of(url: str, settings: Settings) -> MysqlTarget:
        target = warehouse_target(url, settings)
        assert isinstance(target, MysqlTarget)
        return target

    assert target_of(url, Settings({})).tls == "off"
    assert target_of(url, Settings({"SOCIALSIM_MYSQL_TLS": "on"})).tls == "on"
    assert target_of(f"{url}?tls=off", Settings({"SOCIALSIM_MYSQL_TLS": "on"})).tls == "off"
    ours = target_of("mysql://a%40b@h:1/d", Settings({"SOCIALSIM_MYSQL_CAFILE": "/a b&c"}))
    from socialsim.warehouse.urls import parse_warehouse_url

    assert parse_warehouse_url(ours.url) == ours
    with pytest.raises(InputError, match="SOCIALSIM_MYSQL_TLS is off"):
        warehouse_target(url, Settings({"SOCIALSIM_MYSQL_TLS": "off", "SOCIALSIM_MYSQL_CAFILE": "x"}))
    with pytest.raises(InputError, match="SOCIALSIM_MYSQL_TLS is 'maybe'"):
        warehouse_target(url, Settings({"SOCIALSIM_MYSQL_TLS": "maybe"}))


def test_the_drivers_still_have_what_is_hooked_into() -> None:
    import aiomysql

    assert hasattr(pymysql.connections.Connection, "_request_authentication")
    assert hasattr(aiomysql.Connection, "_request_authentication")
