"""The embedded road from the outside: run, consume, digest, topics."""

import json
import sqlite3
from collections import Counter
from pathlib import Path

from socialsim import Scenario, simulate
from socialsim.events import WIRE_NAMES, encode
from socialsim.runs.digest import RunDigest
from tests.cli.conftest import Cli

SCENARIO = Scenario(users=80, days=2, seed=3)
OPTIONS = ("--users", "80", "--days", "2", "--seed", "3")


def cells(output: str) -> dict[str, list[int]]:
    """The number columns of a printed table by the first column."""
    rows = [line.replace(",", "").split() for line in output.splitlines()]
    return {row[0]: [*map(int, row[1:])] for row in rows if row[1:] and all(cell.isdigit() for cell in row[1:])}


def test_what_is_simulated_is_what_is_stored_and_a_second_time_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    expected = list(simulate(SCENARIO))
    counts = Counter(WIRE_NAMES[type(event)] for event in expected)

    ran = cli("run", *OPTIONS)
    assert ran.returncode == 0, ran.stderr
    assert cells(ran.stdout)["picture"] == [counts["picture"]]
    assert cells(ran.stdout)["total"] == [len(expected)]
    assert SCENARIO.run_id in ran.stdout

    consumed = cli("consume", "--drain")
    assert consumed.returncode == 0, consumed.stderr
    assert cells(consumed.stdout)["total"] == [len(expected), 0]
    with sqlite3.connect(tmp_path / "socialsim-data" / "socialsim.sqlite") as database:
        assert database.execute("SELECT COUNT(*) FROM picture_likes").fetchone() == (counts["picture_like"],)
    database.close()

    again = cli("run", *OPTIONS)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert cells(cli("consume", "--drain").stdout)["total"] == [0, 0]
    # Another group reads everything again, and finds it stored.
    assert cells(cli("consume", "--drain", "--group", "other").stdout)["total"] == [0, len(expected)]

    digest = RunDigest(SCENARIO.run_id)
    for event in expected:
        digest.add(event.shard, event.seq, encode(event))
    assert cli("digest").stdout == f"{digest.hexdigest()}  {SCENARIO.run_id}\n"

    described = cli("topics", "describe").stdout
    assert f"{SCENARIO.run_id}/comments" in described


def test_of_several_runs_the_digest_wants_one_named(cli: Cli) -> None:
    for name in ("a", "b"):
        assert cli("run", "--users", "5", "--days", "1", "--run-id", name).returncode == 0
    refused = cli("digest")
    assert refused.returncode == 2
    assert "the log holds the runs a, b; choose one with --run-id" in refused.stderr
    assert cli("digest", "--run-id", "a").stdout.endswith("  a\n")


def test_an_id_that_is_taken_by_another_scenario_is_refused(cli: Cli) -> None:
    assert cli("run", "--users", "5", "--days", "1", "--run-id", "mine").returncode == 0
    refused = cli("run", "--users", "6", "--days", "1", "--run-id", "mine")
    assert refused.returncode == 2
    assert "another scenario" in refused.stderr


def test_dry_run_prints_events_and_leaves_nothing_behind(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", *OPTIONS, "--dry-run")
    assert done.returncode == 0
    assert done.stdout.encode().splitlines() == [
        encode(event) for event, _ in zip(simulate(SCENARIO), range(20), strict=False)
    ]
    assert list(tmp_path.iterdir()) == []


def test_options_come_from_flags_then_environment_then_dotenv(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SOCIALSIM_USERS=7\nSOCIALSIM_DAYS=1\nSOCIALSIM_SEED=5\nOTHER=1\n")
    expected = [encode(event) for event, _ in zip(simulate(Scenario(users=9, days=1, seed=8)), range(20), strict=False)]
    done = cli("run", "--dry-run", "--users", "9", SOCIALSIM_SEED="8", SOCIALSIM_USERS="8")
    assert done.stdout.encode().splitlines() == expected


def test_a_scenario_file_is_read_and_options_win(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "town.toml").write_text("users = 30\ndays = 1\n")
    done = cli("run", "--dry-run", "--scenario", "town.toml", "--users", "9", "--seed", "8")
    assert json.loads(done.stdout.splitlines()[0])["run_id"] == Scenario(users=9, days=1, seed=8).run_id


def test_schema_lists_and_prints(cli: Cli) -> None:
    assert "picture_like" in cli("schema").stdout
    assert json.loads(cli("schema", "comment").stdout)["title"] == "CommentPosted"


def test_json_logs_are_objects_wherever_the_flag_stands(cli: Cli) -> None:
    assert cli("run", *OPTIONS).returncode == 0
    for arguments in (("--json-logs", "consume", "--drain"), ("consume", "--drain", "--json-logs")):
        lines = cli(*arguments).stderr.splitlines()
        assert lines
        assert all({"time", "level", "message"} <= json.loads(line).keys() for line in lines)
    assert cli("consume", "--drain", "--quiet").stderr == ""
