"""``export`` as it is typed. What is in the files is tested elsewhere."""

import json
import os
import signal
from pathlib import Path

import pytest

from socialsim.installation import how_to_add
from tests.cli.conftest import Cli, Start
from tests.support.patience import HANG_S

RUN = ("run", "--users", "30", "--days", "2", "--run-id", "r1")


@pytest.fixture
def stored(cli: Cli) -> None:
    for command in (RUN, ("consume", "--drain")):
        done = cli(*command)
        assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("stored")
def test_a_run_becomes_a_folder_of_files(cli: Cli, tmp_path: Path) -> None:
    done = cli("export")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "socialsim-export" / "export.json").read_text())
    assert (manifest["run_id"], manifest["format"]) == ("r1", "parquet")
    assert (tmp_path / "socialsim-export" / "users.parquet").read_bytes()[:4] == b"PAR1"
    assert "socialsim-export/users.parquet" in done.stdout

    chosen = cli("export", "--format", "csv", "--tables", "users, pictures", "--to", "a/b", "--until", "2026-01-01")
    assert chosen.returncode == 0, chosen.stderr
    files = {path.name for path in (tmp_path / "a" / "b").iterdir()}
    assert files == {"export.json", "pictures.csv", "users.csv"}
    users = (tmp_path / "a" / "b" / "users.csv").read_text().splitlines()
    assert users[0].startswith("run_key,event_time,shard,seq,user_id,")
    assert {line.split(",")[1][:10] for line in users[1:]} == {"2026-01-01"}

    again = cli("export", "--format", "csv", "--tables", "users", "--to", "a/b")
    assert again.returncode == 2
    assert "users.csv is there already" in again.stderr
    assert cli("export", "--format", "csv", "--tables", "users", "--to", "a/b", "--force").returncode == 0


@pytest.mark.usefixtures("stored")
def test_csv_needs_no_package_and_parquet_names_the_one_it_needs(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "packages" / "pyarrow"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError('not installed')")
    path = str(tmp_path / "packages")
    done = cli("export", PYTHONPATH=path)
    assert done.returncode == 2
    monkeypatch.chdir(tmp_path)  # the command is told for where the user stands
    assert f"run: {how_to_add('export')} (--format csv needs nothing)" in done.stderr
    assert not (tmp_path / "socialsim-export").exists()
    assert cli("export", "--format", "csv", PYTHONPATH=path).returncode == 0


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--tables", "users,likes"], "--tables names 'likes', allowed are runs, users, "),
        (["--tables", "dead_letters"], "--tables names 'dead_letters'"),
        (["--tables", ""], "--tables names ''"),
        (["--format", "xls"], "--format is 'xls', allowed are parquet and csv"),
        (["--since", "yesterday"], "--since is 'yesterday', allowed is a day as YYYY-MM-DD"),
        (["--until", "2026-02-30"], "--until is '2026-02-30'"),
        (
            ["--since", "2026-01-02", "--until", "2026-01-01"],
            "--since is 2026-01-02, which is after --until 2026-01-01",
        ),
        (["--run-id", "r2"], "--run-id is 'r2': the warehouse holds the run r1"),
        (["--from", "sqlite:///nowhere"], "no such file; run: socialsim consume"),
        (["--from", "file:./socialsim-data/events"], "sqlite:///PATH"),
        (["--to", "socialsim-data/socialsim.sqlite"], "--to socialsim-data/socialsim.sqlite: cannot be written"),
    ],
)
def test_what_is_refused(cli: Cli, arguments: list[str], complaint: str) -> None:
    refused = cli("export", *arguments)
    assert refused.returncode == 2, refused.stderr
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_of_several_runs_one_must_be_named(cli: Cli, tmp_path: Path) -> None:
    cli(*RUN)
    cli("run", "--users", "20", "--days", "1", "--run-id", "r2")
    cli("consume", "--drain")
    refused = cli("export", "--format", "csv")
    assert refused.returncode == 2
    assert "the warehouse holds the runs r1, r2; choose one with --run-id" in refused.stderr
    assert not (tmp_path / "socialsim-export").exists()
    assert cli("export", "--format", "csv", "--run-id", "r2").returncode == 0


def test_a_service_that_is_away_ends_with_3(cli: Cli) -> None:
    done = cli("export", "--from", "mysql://nobody@127.0.0.1:1/nothing")
    assert done.returncode == 3
    assert "127.0.0.1:1" in done.stderr


@pytest.mark.usefixtures("stored")
def test_sigterm_leaves_what_was_there(start: Start, tmp_path: Path) -> None:
    # where it writes the second table: it waits there until we read
    place = tmp_path / "out" / ".users.csv.new"
    place.parent.mkdir()
    os.mkfifo(place)
    (place.parent / "notes.txt").write_text("mine")
    process = start("export", "--format", "csv", "--to", "out")
    assert process.stderr is not None
    assert "runs: 1 rows" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    reader = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    try:
        said, complaints = process.communicate(timeout=HANG_S)
    finally:
        os.close(reader)
    assert process.returncode == 128 + signal.SIGTERM, complaints
    assert said == "stopped; out is unchanged\n"
    assert [path.name for path in place.parent.iterdir()] == ["notes.txt"]
