"""Passwords, names and paths beyond ASCII: UTF-8 on our side and on the server's, whichever driver
carries them.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from compose.native import MySQLServer
from socialsim.errors import InputError
from socialsim.warehouse.mysql.session import as_driver_text
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget, parse_warehouse_url
from tests.cli.conftest import Cli

PASSWORDS = ["grün-Pa55", "€-Pa55wort", "пароль-密码-🎉1A", "a b%c:d@e/f?g#h"]


@pytest.fixture
def account(mysql: MySQLServer, unique_name: str, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A database and a user, both with a name beyond ASCII; the password is the test's."""
    database, user, password = f"{unique_name}_größe", f"grün€{secrets.token_hex(3)}", request.param
    with mysql.root_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
        cursor.execute("CREATE USER %s@'127.0.0.1' IDENTIFIED BY %s", (user, password))
        cursor.execute(f"GRANT ALL PRIVILEGES ON `{database}`.* TO %s@'127.0.0.1'", (user,))
    yield f"mysql://{quote(user)}@{mysql.host}:{mysql.port}/{quote(database)}", password
    with mysql.root_cursor() as cursor:
        cursor.execute(f"DROP DATABASE `{database}`")
        cursor.execute("DROP USER %s@'127.0.0.1'", (user,))


@pytest.mark.parametrize("account", PASSWORDS, indirect=True)
def test_a_password_and_names_beyond_ascii_work_in_every_command(
    inside: Cli, tmp_path: Path, account: tuple[str, str]
) -> None:
    url, password = account
    (tmp_path / "geheimnis-ü").write_text(password + "\n", encoding="utf-8")
    given = {"SOCIALSIM_MYSQL_PASSWORD": password, "SOCIALSIM_INTO": url}
    in_a_file = {"SOCIALSIM_MYSQL_PASSWORD_FILE": "geheimnis-ü", "SOCIALSIM_INTO": url}
    log = ("--to", "file:größe/ereignisse")
    assert inside("run", "--users", "20", "--days", "2", "--shards", "4", *log).returncode == 0
    for arguments, variables in (
        (["migrate"], given),
        (["consume", "--drain", "--from", "file:größe/ereignisse"], in_a_file),
        (["verify", "--from", "file:größe/ereignisse"], given),
        (["kpi", "--runs-dir", "größe/runs"], in_a_file),
        (["kpi", "--check", "--runs-dir", "größe/runs"], given),
        (["runs"], in_a_file),
        (["dead-letters", "list"], given),
        (["export", "--format", "csv", "--to", "ausfuhr-ü"], in_a_file),
    ):
        done = inside(*arguments, **variables)
        assert done.returncode == 0, (arguments, done.stderr)
        assert password not in done.stdout + done.stderr


@pytest.mark.parametrize("account", ["grün-Pa55"], indirect=True)
def test_a_wrong_password_is_refused_and_is_no_bug_from_any_command(
    inside: Cli, tmp_path: Path, account: tuple[str, str]
) -> None:
    url, _ = account
    assert inside("run", "--users", "5", "--days", "1", "--to", "file:e").returncode == 0
    for arguments in (["migrate"], ["consume", "--drain", "--from", "file:e"], ["verify"], ["kpi"], ["runs"]):
        done = inside(*arguments, SOCIALSIM_MYSQL_PASSWORD="€-falsch", SOCIALSIM_INTO=url)
        assert done.returncode == 2, done.stderr
        assert "Access denied" in done.stderr
        assert "€-falsch" not in done.stderr


def test_the_driver_that_sends_latin_1_sends_utf_8() -> None:
    for password in PASSWORDS:
        assert as_driver_text(password).encode("latin-1") == password.encode()
    assert as_driver_text("") == ""


def test_parts_of_a_url_are_utf_8_and_what_is_not_is_refused() -> None:
    target = parse_warehouse_url("mysql://gr%C3%BCn@localhost/gr%C3%B6%C3%9Fe?tls=on&tls_ca=/gr%C3%BCn.pem")
    assert isinstance(target, MysqlTarget)
    assert (target.user, target.database, str(target.tls_ca)) == ("grün", "größe", "/grün.pem")
    assert parse_warehouse_url(target.url) == target
    for url in ("mysql://gr%FCn@localhost/x", "mysql://me@localhost/gr%F6", "mysql://me@localhost/x?tls_ca=%FC"):
        with pytest.raises(InputError, match="not UTF-8"):
            parse_warehouse_url(url)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:w.sqlite", "w.sqlite"),
        ("sqlite:./a/w.sqlite", "a/w.sqlite"),
        ("sqlite:/a/w.sqlite", "/a/w.sqlite"),
        ("sqlite:///w.sqlite", "w.sqlite"),
        ("sqlite:////a/größe.sqlite", "/a/größe.sqlite"),
    ],
)
def test_a_file_may_be_named_as_briefly_as_an_event_log(url: str, path: str) -> None:
    target = parse_warehouse_url(url)
    assert isinstance(target, SqliteTarget)
    assert str(target.path) == path
    assert parse_warehouse_url(str(target)) == target


@pytest.mark.parametrize("url", ["sqlite:", "sqlite::memory:", "sqlite:a/", "sqlite:a?mode=ro", "sqlite://a"])
def test_what_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="sqlite"):
        parse_warehouse_url(url)


def test_every_command_takes_the_brief_form(inside: Cli) -> None:
    assert inside("run", "--users", "5", "--days", "1", "--to", "file:e").returncode == 0
    assert inside("consume", "--drain", "--from", "file:e", "--into", "sqlite:w").returncode == 0
    for arguments in (["verify", "--from", "file:e"], ["kpi"], ["runs"], ["migrate"], ["dead-letters", "list"]):
        done = inside(*arguments, "--into", "sqlite:w")
        assert done.returncode == 0, done.stderr
