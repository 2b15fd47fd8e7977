"""Parsing of warehouse URLs."""

from pathlib import Path

import pytest

from socialsim.errors import InputError
from socialsim.warehouse.urls import MysqlTarget, SqliteTarget, parse_warehouse_url


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("sqlite:///./socialsim-data/socialsim.sqlite", SqliteTarget(Path("socialsim-data/socialsim.sqlite"))),
        ("sqlite:///w.sqlite", SqliteTarget(Path("w.sqlite"))),
        ("sqlite:////tmp/a b/w.sqlite", SqliteTarget(Path("/tmp/a b/w.sqlite"))),  # noqa: S108
        ("mysql://u@localhost/db", MysqlTarget("localhost", 3306, "u", "db")),
        ("mysql://u%40x@db.example.com:3307/db-1", MysqlTarget("db.example.com", 3307, "u@x", "db-1")),
        ("mysql://u@[::1]:3307/db", MysqlTarget("::1", 3307, "u", "db")),
        ("mysql://u@h/db?tls=on", MysqlTarget("h", 3306, "u", "db", "on")),
        ("mysql://u@h/db?tls=on&tls_ca=/ca.pem", MysqlTarget("h", 3306, "u", "db", "on", Path("/ca.pem"))),
    ],
)
def test_valid_urls(url: str, target: SqliteTarget | MysqlTarget) -> None:
    assert parse_warehouse_url(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "w.sqlite",
        "sqlite://w.sqlite",
        "sqlite:///",
        "sqlite:///folder/",
        "sqlite:///:memory:",
        "sqlite:///w.sqlite?mode=ro",
        "postgres://u@h/db",
        "mysql://h/db",
        "mysql://u@/db",
        "mysql://u@h",
        "mysql://u@h/",
        "mysql://u@h/a/b",
        "mysql://u@h/db;drop",
        "mysql://u@h:port/db",
        "mysql://u@h:99999/db",
        "mysql://u@[::1/db",
        "mysql://u@h/db?tls=maybe",
        "mysql://u@h/db?tls_ca=/ca.pem",
        "mysql://u@h/db?charset=latin1",
        "mysql://u@h/db#x",
    ],
)
def test_invalid_urls_are_refused_with_the_reason(url: str) -> None:
    with pytest.raises(InputError, match="warehouse URL"):
        parse_warehouse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:canary@h/db",
        "mysql://u:canary@h:port/db",
        "mysql://u:canary@[::1/db",
        "mysql://u:can:ary@h/db",
        "postgres://u:canary@h/db",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_warehouse_url(url)
    assert "can" not in str(caught.value).replace("socialsim", "")


def test_a_target_shows_as_its_url() -> None:
    for url in ("sqlite:////var/w.sqlite", "mysql://u@h:3306/db", "mysql://u@[::1]:3307/db"):
        assert str(parse_warehouse_url(url)) == url
