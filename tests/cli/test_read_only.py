"""What only looks needs no right to write and says its verdict; what writes asks before it works."""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Cli, clean_environment
from tests.support.services import MySQLFactory

pytestmark = pytest.mark.processes

RUN = ("run", "--users", "30", "--days", "3", "--shards", "4", "--run-id", "r1", "--to", "file:d/events")
INTO = ("--into", "sqlite:d/w")
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2


def _without_the_rights_of_root() -> None:
    if os.geteuid() == 0:
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture
def stored(inside: Cli) -> None:
    """One run with its figures, all under ``d``."""
    for arguments in (RUN, ("consume", "--drain", "--from", "file:d/events", *INTO), ("kpi", *INTO)):
        done = inside(*arguments)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def looking(tmp_path: Path, stored: None) -> Iterator[Cli]:
    """Runs a command that may write nowhere under ``d``."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=_without_the_rights_of_root,
        )

    places = [tmp_path / "d", *(tmp_path / "d").rglob("*")]
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    if call("run", "--users", "1", "--days", "1", "--to", "file:d/probe").returncode == 0:
        pytest.skip("this user may write everywhere")
    yield call
    for place in places:
        place.chmod(0o755 if place.is_dir() else 0o644)


@pytest.mark.slow
def test_looking_needs_no_right_to_write(looking: Cli) -> None:
    verified = looking("verify", "--from", "file:d/events", *INTO)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.endswith("verified\n")
    assert "verification.json" in verified.stderr
    assert "socialsim runs will not show" in verified.stderr
    for arguments in (
        ["verify", "--json", *INTO],
        ["runs", *INTO],
        ["kpi", "--check", *INTO],
        ["digest", "--from", "file:d/events"],
        ["dead-letters", "list", *INTO],
        ["export", "--format", "csv", "--to", "out", *INTO],
        ["topics", "describe", "--to", "file:d/events"],
    ):
        done = looking(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)


def test_writing_is_refused_before_the_work_and_names_the_place(looking: Cli) -> None:
    for arguments, place in (
        (["run", "--users", "5", "--days", "1", "--to", "file:d/events"], "d/"),
        (["run", "--users", "5", "--days", "1", "--to", "file:d/other"], "d/"),
        (["consume", "--drain", "--from", "file:d/events", *INTO], "d/w"),
        (["consume", "--drain", "--from", "file:d/events", "--into", "sqlite:d/new/w"], "d/new"),
        (["kpi", *INTO], "d/w"),
        (["export", "--format", "csv", "--to", "d/out", *INTO], "d/out"),
    ):
        done = looking(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert place in done.stderr.splitlines()[-1]
        assert "bug" not in done.stderr


@pytest.mark.usefixtures("stored")
def test_books_are_found_beside_the_log_or_the_warehouse(inside: Cli) -> None:
    for arguments in (["verify", *INTO], ["kpi", "--check", *INTO], ["verify", "--from", "file:d/events", *INTO]):
        assert inside(*arguments).returncode == 0
    assert "r1   complete" in inside("runs", *INTO).stdout
    for variable in ("SOCIALSIM_TO", "SOCIALSIM_FROM"):
        assert inside("kpi", "--check", "--into", "sqlite:d/../d/w", **{variable: "file:d/events"}).returncode == 0


@pytest.mark.usefixtures("stored")
def test_books_that_are_nowhere_are_told_with_the_option_that_names_their_place(inside: Cli, tmp_path: Path) -> None:
    (tmp_path / "d/runs").rename(tmp_path / "d/books")
    checked = inside("kpi", "--check", *INTO)
    assert checked.returncode == 2
    verified = inside("verify", *INTO)
    assert verified.returncode == 1
    for done in (checked, verified):
        assert "no manifests of run r1 in d/runs or socialsim-data/runs or runs: --runs-dir names" in done.stderr
    assert inside("verify", "--runs-dir", "d/books", *INTO).returncode == 0


def test_a_server_that_only_reads_is_looked_at_and_refuses_figures_at_once(
    inside: Cli, mysql_factory: MySQLFactory
) -> None:
    server = mysql_factory()
    database = server.create_database("social")
    given = {"SOCIALSIM_MYSQL_PASSWORD": database.password, "SOCIALSIM_INTO": database.url}
    log = ("--from", "file:d/events")
    arguments: Sequence[str]
    for arguments in (RUN, ("migrate",), ("consume", "--drain", *log), ("kpi", "--runs-dir", "d/runs")):
        done = inside(*arguments, **given)
        assert done.returncode == 0, done.stderr
    with server.root_cursor() as cursor:
        cursor.execute("SET GLOBAL read_only = 1")
    for arguments in (["verify", *log], ["runs", "--runs-dir", "d/runs"], ["dead-letters", "list"]):
        done = inside(*arguments, **given)
        assert done.returncode == 0, done.stderr
    for arguments in (["kpi"], ["kpi", "--follow"], ["kpi", "--date", "2026-01-01"]):
        done = inside(*arguments, **given)
        assert done.returncode == 3, done.stderr
        assert "read-only" in done.stderr.lower().replace("read_only", "read-only")
