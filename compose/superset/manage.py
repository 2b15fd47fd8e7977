"""``make superset``: starts and stops Superset for the MySQL of the local stack or of ``.env``."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql

from compose.docker import DockerStack
from compose.endpoints import write_env
from compose.native.install import file_lock
from compose.native.server import StackError
from compose.superset.server import SupersetServer, installed
from socialsim.bootstrap.warehouse import warehouse_target
from socialsim.settings import Settings, load_settings
from socialsim.warehouse.urls import MysqlTarget

PASSWORD = "SOCIALSIM_SUPERSET_PASSWORD"  # noqa: S105 - the variable's name
ADMIN = "admin"
_START_S_MAX = 180.0
#: Explanations of the driver's error numbers.
_REASONS = {
    1044: "does not let the reader into the database; socialsim migrate gives that right",
    1045: "refuses the reader's password",
    1049: "has no such database",
    1142: "does not let the reader read the figures; socialsim migrate gives that right",
    1146: "has no table of figures; socialsim migrate makes it",
    1356: "does not let the reader read the figures; socialsim migrate gives that right",
    2003: "does not answer; make up starts the local one",
}


def up(stack_directory: Path, env_file: Path) -> None:
    """Start or restart it with the repository's dashboard, and print its URL.

    Raises StackError or socialsim's own errors.
    """
    docker = DockerStack(stack_directory)
    if docker.exists:
        url, password = docker.superset_up()
        write_env(env_file, {PASSWORD: password}, keys=(PASSWORD,))
    else:
        url = _up_natively(stack_directory / "superset", env_file)
    print(f"Superset  {url}   (user {ADMIN}, password {PASSWORD} in {env_file})")


def down(stack_directory: Path, env_file: Path, *, wipe: bool = False) -> None:
    """Stop native Superset, with ``wipe`` removing metadata and password.

    Docker's stops with the stack.
    """
    directory = stack_directory / "superset"
    if (directory / "state.json").exists():
        with _taken_up(directory, {}) as server:
            server.stop()
        if wipe:
            shutil.rmtree(directory)
    if wipe:
        write_env(env_file, {}, keys=(PASSWORD,))


def status(stack_directory: Path) -> None:
    """Print one line if it was ever started."""
    directory = stack_directory / "superset"
    if (directory / "state.json").exists():
        with _taken_up(directory, {}) as server:
            state = f"up, pid {server.identity.pid}" if server.identity and server.alive else "down"
            print(f"{server.name:<10} {server.address:<16} {state:<16} log {server.log_path}")


def superset_settings(target: MysqlTarget, reader: str, reader_password: str, secret_key: str) -> dict[str, str]:
    """Superset's settings for the warehouse, except the administrator's password."""
    if target.tls_ca is not None:
        target = replace(target, tls_ca=target.tls_ca.resolve())
    return {
        "SUPERSET_SECRET_KEY": secret_key,
        "SOCIALSIM_INTO": target.url,
        "SOCIALSIM_MYSQL_READER": reader,
        "SOCIALSIM_MYSQL_READER_PASSWORD": reader_password,
    }


def check_reader(target: MysqlTarget, reader: str, password: str) -> None:
    """Check that the KPIs can be read. Raises StackError with the remedy."""
    tls: dict[str, Any] = {}
    if target.tls == "on":
        tls = {"ssl_ca": str(target.tls_ca) if target.tls_ca else None}
        tls |= {"ssl_verify_cert": True, "ssl_verify_identity": True}
    try:
        connection = pymysql.connect(
            host=target.host,
            port=target.port,
            user=reader,
            password=password,
            database=target.database,
            connect_timeout=10,
            read_timeout=30,
            **tls,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT run_id FROM kpi_daily_wide LIMIT 1")
            computed = cursor.fetchone()
    except (pymysql.MySQLError, OSError) as error:
        number = error.args[0] if error.args else None
        reason = _REASONS.get(number, f"fails: {error}") if isinstance(number, int) else f"fails: {error}"
        raise StackError(f"MySQL at {target.address} {reason} (reader {reader}, database {target.database})") from error
    if computed is None:
        print("There are no KPIs yet, so the charts stay empty until socialsim kpi has computed some.")


def _up_natively(directory: Path, env_file: Path) -> str:
    if not installed():
        raise StackError("Superset is not installed; make superset installs it")
    settings = load_settings(dict(os.environ), env_file)
    target, reader, reader_password = _warehouse(settings)
    check_reader(target, reader, reader_password)
    password = settings.text(PASSWORD.removeprefix("SOCIALSIM_"))
    if password is None:
        password = secrets.token_urlsafe(18)
        write_env(env_file, {PASSWORD: password}, keys=(PASSWORD,))
    known = superset_settings(target, reader, reader_password, _secret_key(directory))
    with _taken_up(directory, known) as server:
        server.stop()
        print("Preparing Superset: a minute the first time, then seconds", flush=True)
        server.settings[PASSWORD] = password  # only to set it; the server does not need it
        server.prepare()
        del server.settings[PASSWORD]
        server.start(_START_S_MAX)
        return server.url


def _warehouse(settings: Settings) -> tuple[MysqlTarget, str, str]:
    url, reader, password = (
        settings.text("INTO"),
        settings.text("MYSQL_READER"),
        settings.secret("MYSQL_READER_PASSWORD"),
    )
    target = warehouse_target(url, settings) if url else None
    if not isinstance(target, MysqlTarget):
        raise StackError(
            "Superset reads MySQL, but SOCIALSIM_INTO names no MySQL; make up starts one and writes .env, "
            "or set SOCIALSIM_INTO=mysql://socialsim@HOST/DATABASE"
        )
    if reader is None or password is None:
        raise StackError(
            "Superset connects as the read-only user; set SOCIALSIM_MYSQL_READER and "
            "SOCIALSIM_MYSQL_READER_PASSWORD (make up does), see docs/security.md"
        )
    return target, reader, password.reveal()


def _secret_key(directory: Path) -> str:
    """The key that signs Superset's sessions; created at the first start, beside its metadata."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    path = directory / "secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(42), encoding="ascii")
    return path.read_text(encoding="ascii")


@contextmanager
def _taken_up(directory: Path, settings: dict[str, str]) -> Iterator[SupersetServer]:
    """The directory's server, locked for one change; its state is saved even on failure."""
    path = directory / "state.json"
    with file_lock(directory / "lock"):
        if path.exists():
            server = SupersetServer.from_state(directory, json.loads(path.read_text(encoding="utf-8")), settings)
        else:
            server = SupersetServer.create(directory, settings)
        try:
            yield server
        finally:
            path.touch(mode=0o600)
            path.write_text(json.dumps(server.to_state()), encoding="utf-8")
