"""MySQL-protocol servers: real MySQL 8 from a released jar, or Debian's MariaDB."""

import contextlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args

import pymysql
from pymysql.cursors import Cursor

from compose.native import install
from compose.native.ports import free_port
from compose.native.server import START_TIMEOUT_S, NativeServer, ProcessIdentity, StackError
from compose.native.settings import COMPOSE_DIR, load_settings

Flavour = Literal["mysql", "mariadb"]
FLAVOURS: tuple[Flavour, ...] = get_args(Flavour)

#: Small values for tests; callers may override them.
_SMALL = {
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "16M",
    "innodb-log-buffer-size": "4M",
    "max-allowed-packet": "64M",
}


@dataclass(frozen=True)
class Database:
    """A database and its only user. The password is separate because URLs end up in logs."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """``mysql://USER@HOST:PORT/NAME``, for ``--into``."""
        return f"mysql://{self.user}@{self.host}:{self.port}/{self.name}"


@dataclass(frozen=True)
class Users:
    """The three users of a database, see compose/mysql/users.sql."""

    writer: Database
    migrator: str
    migrator_password: str = field(repr=False)
    reader: str
    reader_password: str = field(repr=False)

    def as_environment(self) -> dict[str, str]:
        """The settings of ``socialsim`` for the writer, the migrator and the reader."""
        return {
            "SOCIALSIM_MYSQL_PASSWORD": self.writer.password,
            "SOCIALSIM_MYSQL_MIGRATOR": self.migrator,
            "SOCIALSIM_MYSQL_MIGRATOR_PASSWORD": self.migrator_password,
            "SOCIALSIM_MYSQL_READER": self.reader,
            "SOCIALSIM_MYSQL_READER_PASSWORD": self.reader_password,
        }


def default_flavour() -> Flavour:
    """Real MySQL if its binaries run on this machine."""
    return "mysql" if platform.machine() == "x86_64" else "mariadb"


class MySQLServer(NativeServer):
    """One server with an administrator ``root`` and the databases of ``create_database``."""

    host = "127.0.0.1"
    root_user = "root"

    def __init__(
        self,
        directory: Path,
        flavour: Flavour,
        port: int,
        root_password: str,
        options: Mapping[str, str],
        *,
        die_with_parent: bool = True,
    ) -> None:
        super().__init__(flavour, directory.resolve(), port, die_with_parent=die_with_parent)
        self.flavour = flavour
        self.root_password = root_password
        self.options = dict(options)

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        flavour: Flavour | None = None,
        port: int | None = None,
        options: Mapping[str, str] | None = None,
        die_with_parent: bool = True,
    ) -> Self:
        """Describe a new server with its data under ``directory``; ``start`` brings it up.

        ``options`` are server options without the dashes, such as ``{"innodb-buffer-pool-size":
        "512M"}``; they override ours. ``port`` is preferred; if it is busy, another is used.
        """
        flavour = flavour or default_flavour()
        if flavour not in FLAVOURS:
            raise StackError(f"the server's flavour is one of {', '.join(FLAVOURS)}, not {flavour!r}")
        password = secrets.token_urlsafe(18)
        return cls(directory, flavour, free_port(port), password, options or {}, die_with_parent=die_with_parent)

    @property
    def data_directory(self) -> Path:
        """Tables and logs."""
        return self.directory / "data"

    @property
    def files_directory(self) -> Path:
        """The only place that LOAD DATA INFILE reads from and INTO OUTFILE writes to."""
        return self.directory / "files"

    @property
    def _first_statements(self) -> Path:
        return self.directory / "first.sql"

    def command(self) -> list[str]:
        """The server's command line. ``--no-defaults`` ignores the machine's my.cnf."""
        options = {
            **_SMALL,
            **load_settings().mysql.options,
            "datadir": str(self.data_directory),
            "bind-address": self.host,
            "port": str(self.port),
            # relative to the data directory: an absolute path may exceed 107 bytes
            "socket": "server.sock",
            "pid-file": str(self.directory / "server.pid"),
            "secure-file-priv": str(self.files_directory),
            **self.options,
        }
        if self._first_statements.exists():
            options["init-file"] = str(self._first_statements)
        program = _program(self.flavour)
        return [*program, *(f"--{key}={value}" if value else f"--{key}" for key, value in options.items())]

    def launch(self) -> None:
        """Create the data directory if it is new, then start the process."""
        self.files_directory.mkdir(parents=True, exist_ok=True)
        if not self.data_directory.exists():
            fresh = self.directory / "data.new"
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(_template(self.flavour), fresh)
            self._write_first_statements()
            fresh.rename(self.data_directory)
        super().launch()

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start and wait for a login; the first start also sets the administrator's password."""
        super().start(timeout_s)
        self._first_statements.unlink(missing_ok=True)

    def _write_first_statements(self) -> None:
        """SQL to run before connections are accepted, so no account lacks a password."""
        statements = [
            "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';",  # MariaDB has one already
            f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{self.root_password}';",
            f"ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '{self.root_password}';",
            "GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;",
        ]
        if self.flavour == "mariadb":  # it also has accounts for the host name
            others = "User = '' OR Host NOT IN ('localhost', '127.0.0.1')"
            statements[:0] = [f"DELETE FROM mysql.global_priv WHERE {others};", "FLUSH PRIVILEGES;"]  # noqa: S608
        self._first_statements.touch(mode=0o600)
        self._first_statements.write_text("\n".join(statements) + "\n", encoding="utf-8")

    def probe(self) -> None:
        """Log in."""
        with self.root_cursor() as cursor:
            cursor.execute("SELECT 1")

    @contextlib.contextmanager
    def root_cursor(self, database: str | None = None) -> Iterator[Cursor]:
        """An administrator's cursor on a new connection in autocommit mode."""
        connection = pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.root_user,
            password=self.root_password,
            database=database,
            autocommit=True,
            connect_timeout=5,
            read_timeout=30,
        )
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def create_database(self, name: str, user: str | None = None, password: str | None = None) -> Database:
        """Create a database and a user with all rights; by default its name, a random password."""
        database = Database(self.host, self.port, name, user or name, password or secrets.token_urlsafe(18))
        for identifier in (database.name, database.user):
            if not re.fullmatch(r"[A-Za-z0-9_]{1,32}", identifier):
                raise StackError(f"a database or user is named by 1 to 32 letters, digits or _, not {identifier!r}")
        with self.root_cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{database.name}` CHARACTER SET utf8mb4")
            cursor.execute(f"CREATE USER `{database.user}`@`127.0.0.1` IDENTIFIED BY %s", (database.password,))
            cursor.execute(f"GRANT ALL PRIVILEGES ON `{database.name}`.* TO `{database.user}`@`127.0.0.1`")
        return database

    def create_users(self, name: str, *, clients: str = "127.0.0.1") -> Users:
        """Create a database with migrator, writer (of its name) and reader, with random passwords.

        ``clients`` is the host pattern from which they may connect.
        """
        writer = Database(self.host, self.port, name, name, secrets.token_urlsafe(18))
        users = Users(
            writer, f"{name}_migrator", secrets.token_urlsafe(18), f"{name}_reader", secrets.token_urlsafe(18)
        )
        variables = {
            "database": name,
            "host": clients,
            "migrator": users.migrator,
            "writer": writer.user,
            "reader": users.reader,
            "migrator_password": users.migrator_password,
            "writer_password": writer.password,
            "reader_password": users.reader_password,
        }
        script = (COMPOSE_DIR / "mysql" / "users.sql").read_text(encoding="utf-8")
        with self.root_cursor() as cursor:
            for variable, value in variables.items():
                cursor.execute(f"SET @{variable} = %s", (value,))
            for statement in re.split(r";\n", re.sub(r"^--.*\n", "", script, flags=re.MULTILINE)):
                if statement.strip():
                    cursor.execute(statement)
        return users

    def drop_users(self, users: Users, *, clients: str = "127.0.0.1") -> None:
        """Undo ``create_users``."""
        with self.root_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{users.writer.name}`")
            for user in (users.migrator, users.writer.user, users.reader):
                cursor.execute("DROP USER IF EXISTS %s@%s", (user, clients))

    def drop_database(self, database: Database) -> None:
        """Undo ``create_database``."""
        with self.root_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{database.name}`")
            cursor.execute(f"DROP USER IF EXISTS `{database.user}`@`127.0.0.1`")

    def to_state(self) -> dict[str, Any]:
        """The state for ``from_state`` in JSON types, with the administrator's password."""
        return {
            "directory": str(self.directory),
            "flavour": self.flavour,
            "port": self.port,
            "root_password": self.root_password,
            "options": self.options,
            "process": [self.identity.pid, self.identity.start_ticks] if self.identity else None,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, die_with_parent: bool = False) -> Self:
        """Attach to a server that another process started."""
        fields = ("flavour", "port", "root_password", "options")
        server = cls(Path(state["directory"]), *(state[key] for key in fields), die_with_parent=die_with_parent)
        server.identity = ProcessIdentity(*state["process"]) if state["process"] else None
        return server


def _run_as() -> list[str]:
    # Both refuse to run as root by default. On loopback with temporary data it adds no risk.
    return ["--user=root"] if os.geteuid() == 0 else []


def _program(flavour: Flavour) -> list[str]:
    if flavour == "mariadb":
        return [str(install.ensure_mariadb()), "--no-defaults", *_run_as()]
    base = install.ensure_mysql()
    return [
        str(base / "bin" / "mysqld"),
        "--no-defaults",
        *_run_as(),
        f"--basedir={base}",
        f"--lc-messages-dir={base / 'share'}",
        "--mysqlx=OFF",
    ]


def _template(flavour: Flavour) -> Path:
    """A new server's data directory, created once: a copy takes a tenth of the time."""
    program = _program(flavour)
    version = install.version_of(program[0])

    def build(scratch: Path) -> None:
        data = scratch / "data"
        if flavour == "mariadb":
            maker = [
                install.find_program("mariadb-install-db") or "mariadb-install-db",
                "--no-defaults",
                *_run_as(),
            ]
            maker += ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        else:
            maker = [*program, "--initialize-insecure"]
        size = f"--innodb-log-file-size={_SMALL['innodb-log-file-size']}"
        install.run([*maker, f"--datadir={data}", size], f"making a data directory for {flavour}")
        # Each server creates its own identity and keys.
        for unwanted in (data / "auto.cnf", *data.glob("*.pem")):
            unwanted.unlink(missing_ok=True)

    return install.cached(f"{flavour}-{version}-data", build) / "data"
