"""Commands that compute something of a run say so when they saw a part of it only."""

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

RUN = ("run", "--users", "30", "--days", "2", "--run-id", "r1")


@pytest.fixture
def stored(inside: Cli, tmp_path: Path) -> Path:
    for command in (RUN, ("consume", "--drain")):
        done = inside(*command)
        assert done.returncode == 0, done.stderr
    return tmp_path / "socialsim-data"


def test_of_a_whole_run_nothing_is_said(inside: Cli, stored: Path) -> None:
    for command in (("digest",), ("export", "--format", "csv")):
        done = inside(*command)
        assert done.returncode == 0, done.stderr
        assert "r1" not in done.stderr


def test_a_digest_of_a_run_that_was_stopped_is_called_one_of_a_part(inside: Cli, stored: Path) -> None:
    record = stored / "runs" / "r1" / "run.json"
    record.write_text(record.read_text().replace('"complete"', '"stopped"'))
    assert "run r1 is not complete: file:" in inside("digest").stderr


def test_an_export_that_lacks_a_row_says_how_many_there_should_be(inside: Cli, stored: Path) -> None:
    connection = sqlite3.connect(stored / "socialsim.sqlite")
    with connection:
        deleted = connection.execute("DELETE FROM sessions WHERE seq = (SELECT MAX(seq) FROM sessions)").rowcount
    connection.close()
    assert deleted
    said = inside("export", "--format", "csv").stderr
    held, named = (int(part.split()[0]) for part in (said.split("holds ")[1], said.split("manifests count ")[1]))
    assert named - held == deleted
