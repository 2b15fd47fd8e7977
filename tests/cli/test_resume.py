"""A killed run is resumed by its id."""

import json
from pathlib import Path

import pytest

from socialsim.scenario.model import STREAM_VERSION
from tests.cli.conftest import DEADLINE_S, Cli, Start, has_written, wait_for
from tests.support.patience import pace


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_killed_run_that_is_resumed_is_the_run_that_never_died(
    start: Start, cli: Cli, tmp_path: Path, processes: str
) -> None:
    options = ("--users", "300", "--days", "6", "--run-id", "r")
    process = start("run", *options, "--processes", processes, "--speed", pace(20_000))
    wait_for(lambda: has_written(tmp_path))
    process.kill()
    process.communicate(timeout=DEADLINE_S)

    resumed = cli("run", "--resume", "r")
    assert resumed.returncode == 0, resumed.stderr
    assert cli("run", *options, "--to", "file:other/events").returncode == 0
    assert cli("digest").stdout == cli("digest", "--from", "file:other/events").stdout
    assert "nothing to do" in cli("run", "--resume", "r").stdout


def test_what_is_not_there_cannot_be_resumed_and_what_is_keeps_its_scenario(cli: Cli) -> None:
    refused = cli("run", "--resume", "nobody")
    assert refused.returncode == 2
    assert "--resume is 'nobody'" in refused.stderr
    assert cli("run", "--users", "5", "--days", "1", "--run-id", "mine").returncode == 0
    refused = cli("run", "--resume", "mine", "--users", "6")
    assert refused.returncode == 2
    assert "--users cannot be given with --resume" in refused.stderr


def test_a_run_that_is_being_written_is_refused_to_a_second_process(start: Start, cli: Cli, tmp_path: Path) -> None:
    options = ("--users", "300", "--days", "6", "--run-id", "r")
    start("run", *options, "--speed", pace(20_000))
    wait_for(lambda: has_written(tmp_path))
    for arguments in (("run", *options), ("run", "--resume", "r")):
        refused = cli(*arguments)
        assert refused.returncode == 2
        assert "run r is being simulated by another process" in refused.stderr


@pytest.mark.parametrize("version", [None, STREAM_VERSION + 1])
def test_a_run_of_another_stream_version_is_not_gone_on_with(inside: Cli, tmp_path: Path, version: int | None) -> None:
    """Its other bytes would follow the first ones. Files that name no version are older than it."""
    options = ("run", "--users", "5", "--days", "1", "--run-id", "r")
    assert inside(*options).returncode == 0
    books = tmp_path / "socialsim-data/runs/r/run.json"
    record = json.loads(books.read_text())
    assert record.pop("stream_version") == STREAM_VERSION
    books.write_text(json.dumps(record | ({} if version is None else {"stream_version": version})))
    for arguments in (("run", "--resume", "r"), options):
        refused = inside(*arguments)
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
        assert f"run r: {books.parent.relative_to(tmp_path)} has stream version {version or 1}" in refused.stderr
        assert f"this socialsim emits version {STREAM_VERSION}" in refused.stderr
    assert inside("runs").returncode == 0
    assert inside("digest").returncode == 0
