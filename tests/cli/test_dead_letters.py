"""``socialsim dead-letters`` from the outside."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from socialsim.events import encode
from socialsim.warehouse.schema.migrate import migrate
from tests.cli.conftest import Cli
from tests.warehouse.samples import like

POISON = b'{"a": "\x1b[31m\xff\\\n'


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The default warehouse with a replayable dead letter, 1, and one that is poison, 2."""
    path = tmp_path / "socialsim-data" / "socialsim.sqlite"
    migrate(f"sqlite:///{path}")
    connection = sqlite3.connect(path, isolation_level=None)
    for number, raw in enumerate([encode(like(3)), POISON], start=1):
        connection.execute(
            "INSERT INTO dead_letters VALUES (?, 'log', 'r1/picture_likes', 0, ?, ?, ?, ?, ?, ?, '2026-01-01 00:00:00', '')",
            (number, number, raw, len(raw), hashlib.sha256(raw).hexdigest(), f"class{number}", "line\nof \x1b[31m"),
        )
    connection.execute(
        "INSERT INTO consumer_offsets VALUES ('log', 'g', 'r1/picture_likes', 0, 9, 9, 7, 0, 2, 1, '2026-01-01', '')"
    )
    yield connection
    connection.close()


def test_list_groups_them_and_shows_the_newest(cli: Cli, database: sqlite3.Connection) -> None:
    done = cli("dead-letters", "list", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "class1" in done.stdout
    assert "r1/picture_likes[0]" in done.stdout
    assert "\x1b" not in done.stdout
    listed = json.loads(cli("dead-letters", "list", "--json").stdout)
    assert [group["letters"] for group in listed["groups"]] == [1, 1]
    assert [each["id"] for each in listed["latest"]] == [2, 1]
    assert "raw" not in listed["latest"][0]


def test_show_escapes_what_a_terminal_might_obey_and_raw_gives_the_bytes(
    cli: Cli, database: sqlite3.Connection, tmp_path: Path
) -> None:
    shown = cli("dead-letters", "show", "2")
    assert shown.returncode == 0
    assert '{"a": "\\x1b[31m\\xff\\\\\\n' in shown.stdout
    assert hashlib.sha256(POISON).hexdigest() in shown.stdout
    assert "\x1b" not in shown.stdout
    as_json = json.loads(cli("dead-letters", "show", "2", "--json").stdout)
    assert (as_json["offset"], as_json["raw_bytes"]) == (2, len(POISON))
    assert cli("dead-letters", "show", "1", "--raw").stdout.encode() == encode(like(3))
    missing = cli("dead-letters", "show", "77")
    assert missing.returncode == 2
    assert "no dead letter 77" in missing.stderr


def test_replay_stores_what_is_valid_and_says_why_not(cli: Cli, database: sqlite3.Connection) -> None:
    for wrong in ([], ["1", "--all"]):
        assert cli("dead-letters", "replay", *wrong).returncode == 2
    done = cli("dead-letters", "replay", "--all")
    assert done.returncode == 1
    assert "stored 1, already stored 0, left 1" in done.stdout
    assert "invalid_member" in done.stdout
    assert "\x1b" not in done.stdout
    assert database.execute("SELECT seq FROM picture_likes").fetchall() == [(3,)]
    assert database.execute("SELECT id FROM dead_letters").fetchall() == [(2,)]
    sums = database.execute("SELECT consumed, inserted, duplicates, dead_letters FROM consumer_offsets").fetchall()
    assert sums == [(9, 8, 0, 1)]
    assert cli("dead-letters", "list").returncode == 0


def test_a_warehouse_without_any_says_so(cli: Cli, tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/w.sqlite")
    into = ("--into", "sqlite:///w.sqlite")
    assert cli("dead-letters", "list", *into).stdout == "there are no dead letters\n"
    assert cli("dead-letters", "replay", "--all", *into).returncode == 0
    missing = cli("dead-letters", "list", "--into", "sqlite:///nowhere.sqlite")
    assert missing.returncode == 2
    assert "no such file" in missing.stderr
