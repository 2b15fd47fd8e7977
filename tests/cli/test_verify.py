"""``verify`` and ``runs`` from the outside, on the embedded road."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Start, has_written, wait_for

OPTIONS = ("--users", "60", "--days", "2", "--seed", "4", "--shards", "4")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "socialsim-data" / "socialsim.sqlite"


def change(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(sql).rowcount >= 1


@pytest.fixture
def stored(cli: Cli) -> None:
    """One run, r1, simulated and consumed."""
    for command in (("run", *OPTIONS, "--run-id", "r1"), ("consume", "--drain")):
        done = cli(*command)
        assert done.returncode == 0, done.stderr


FROM = ("--from", "file:./socialsim-data/events")


@pytest.mark.usefixtures("stored")
class TestVerify:
    def test_a_run_that_holds_ends_with_0_and_is_remembered(self, cli: Cli) -> None:
        assert re.search(r"^r1 +complete .* never$", cli("runs").stdout, re.MULTILINE)
        done = cli("verify", *FROM)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.endswith("verified\n")
        assert "BROKEN" not in done.stdout
        (run,) = json.loads(cli("runs", "--json").stdout)
        assert run["state"] == "complete"
        assert run["sealed"]
        assert run["events"] == run["rows"] > 0
        assert run["verification"]["ok"]

    def test_a_run_that_does_not_ends_with_1_and_names_table_and_shard(self, cli: Cli, database: Path) -> None:
        change(database, "UPDATE users SET city = 'Oz' WHERE (shard, seq) = (SELECT shard, seq FROM users LIMIT 1)")
        done = cli("verify", *FROM)
        assert done.returncode == 1
        assert re.search(r"^accounts +BROKEN ", done.stdout, re.MULTILINE)
        assert re.search(r"^accounts:\n  users shard \d: a stored row differs", done.stdout, re.MULTILINE)
        assert done.stdout.endswith("NOT verified: accounts\n")
        assert "BROKEN: accounts" in cli("runs").stdout

    def test_the_same_is_told_as_json(self, cli: Cli, database: Path) -> None:
        change(database, "DELETE FROM pictures WHERE (shard, seq) = (SELECT shard, seq FROM pictures LIMIT 1)")
        done = cli("verify", "--json")
        assert done.returncode == 1
        report = json.loads(done.stdout)
        assert not report["ok"]
        states = {check["name"]: check["state"] for check in report["checks"]}
        assert states["accounts"] == states["gaps"] == "broken"
        assert states["log end"] == "not checked"
        (gap,) = next(check["breaks"] for check in report["checks"] if check["name"] == "gaps")
        assert gap.keys() == {"what", "shard", "seq"}

    def test_a_line_that_is_gone_from_the_files_is_missed(self, cli: Cli, tmp_path: Path) -> None:
        """The log's own checksums stop the consumer; what it did not store is told by verify."""
        for path in tmp_path.glob("socialsim-data/socialsim.sqlite*"):
            path.unlink()
        (file,) = tmp_path.glob("socialsim-data/events/r1/videos/00002.ndjson")
        first, rest = file.read_bytes().split(b"\n", 1)
        file.write_bytes(rest)
        consumed = cli("consume", "--drain")
        assert consumed.returncode == 1
        assert "videos/00002.ndjson" in consumed.stderr
        done = cli("verify", "--run-id", "r1", "--json")
        assert done.returncode == 1
        accounts = {each["event"]: each for each in json.loads(done.stdout)["accounts"]}
        assert accounts["video"]["stored"] < accounts["video"]["manifest"]
        assert json.loads(first)["shard"] == 2

    def test_a_log_that_went_on_is_told(self, cli: Cli, database: Path) -> None:
        change(database, "UPDATE consumer_offsets SET next_offset = next_offset - 1 WHERE topic = 'r1/users'")
        done = cli("verify", *FROM)
        assert done.returncode == 1
        assert "NOT verified: log end" in done.stdout

    def test_bad_input_ends_with_2(self, cli: Cli) -> None:
        unknown = cli("verify", "--run-id", "r9")
        assert unknown.returncode == 2
        assert "holds the run r1" in unknown.stderr
        assert cli("verify", "--into", "mysql:nowhere").returncode == 2
        assert cli("verify", "--from", "file:./nowhere").returncode == 2
        assert "Traceback" not in unknown.stderr

    def test_a_service_that_is_away_ends_with_3(self, cli: Cli) -> None:
        done = cli("verify", "--into", "mysql://nobody@127.0.0.1:1/nothing")
        assert done.returncode == 3
        assert "127.0.0.1:1" in done.stderr

    def test_of_two_runs_one_must_be_named(self, cli: Cli) -> None:
        assert cli("run", *OPTIONS[:-4], "--seed", "5", "--shards", "4", "--run-id", "r2").returncode == 0
        assert cli("verify").returncode == 0, "only one is stored yet"
        assert cli("consume", "--drain").returncode == 0
        done = cli("verify")
        assert done.returncode == 2
        assert "holds the runs r1, r2; choose one with --run-id" in done.stderr
        assert cli("verify", "--run-id", "r2", *FROM).returncode == 0
        assert [run["run_id"] for run in json.loads(cli("runs", "--json").stdout)] == ["r1", "r2"]

    def test_books_elsewhere_are_found_by_option_and_variable(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "socialsim-data" / "runs").rename(tmp_path / "books")
        without = cli("verify")
        assert without.returncode == 1
        assert "the run's directory is not there" in without.stdout
        assert cli("verify", "--runs-dir", "books").returncode == 0
        assert cli("verify", SOCIALSIM_RUNS="books").returncode == 0
        assert re.search(r"^r1 +unknown ", cli("runs").stdout, re.MULTILINE)


def test_nothing_at_all_is_listed_and_cannot_be_verified(cli: Cli) -> None:
    assert cli("runs").stdout.startswith("no runs: ")
    assert json.loads(cli("runs", "--json").stdout) == []
    done = cli("verify")
    assert done.returncode == 2
    assert "no such file; run: socialsim consume" in done.stderr


def test_a_run_is_running_while_it_lives_and_unfinished_when_it_was_killed(
    cli: Cli, start: Start, tmp_path: Path
) -> None:
    process = start("run", *OPTIONS, "--run-id", "r1", "--speed", "3600")
    wait_for(lambda: has_written(tmp_path))
    assert re.search(r"^r1 +running ", cli("runs").stdout, re.MULTILINE)
    process.kill()
    process.wait()
    assert re.search(r"^r1 +unfinished ", cli("runs").stdout, re.MULTILINE)
    assert cli("consume", "--drain").returncode == 0
    done = cli("verify")
    assert done.returncode == 1
    assert re.search(r"shard \d: there is no manifest|the manifest is not sealed", done.stdout)
