"""``socialsim validate`` on the command line."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from compose.native import KafkaCluster
from socialsim.cli.commands import validate as command
from socialsim.cli.main import main
from socialsim.installation import how_to_add
from socialsim.realism.bands import STATISTICS
from tests.cli.conftest import COMMAND, Cli, clean_environment
from tests.cli.test_report import plotly
from tests.support.patience import HANG_S

__all__ = ["plotly"]

RUN = ("run", "--preset", "uniform", "--scenario", "posts.toml", "--processes", "1", "--run-id", "r1")
#: Few people, who post so much that their videos can be counted.
POSTS = "users = 150\ndays = 8\nshards = 2\naction_gap_median_s = 1_200\npost_share = 0.2\nvideo_share = 0.25\n"
ONLY = "same_country,photo_to_video,transitivity,degree_gini"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one run that no test changes."""
    directory = tmp_path_factory.mktemp("validated")
    (directory / "posts.toml").write_text(POSTS)
    for arguments in (RUN, ("consume", "--drain")):
        subprocess.run([*COMMAND, *arguments], cwd=directory, env=clean_environment(), check=True, capture_output=True)
    return directory


@pytest.fixture
def simulated(place: Path) -> Cli:
    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=place,
            env=clean_environment(**variables),
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )

    return call


def test_log_and_warehouse_give_the_same_validation(simulated: Cli, plotly: str, tmp_path: Path) -> None:
    read = simulated("validate", "--json")
    # 150 people who behave alike are no social network
    assert (read.returncode, read.stderr) == (1, "")
    found = json.loads(read.stdout)
    assert not found["ok"]
    assert [each["id"] for each in found["statistics"]] == [each.id for each in STATISTICS]
    assert found["run"]["users"] == 150
    assert found["run"]["days"] == 8
    warehouse = "sqlite:///socialsim-data/socialsim.sqlite"
    stored = simulated("validate", "--json", "--into", warehouse, "--baseline", "file:socialsim-data/events")
    again = json.loads(stored.stdout)
    assert again["baseline"]["run_id"] == "r1"
    for one, other in zip(found["statistics"], again["statistics"], strict=True):
        assert one["verdict"] == other["verdict"] == other["baseline"]
        assert [each["value"] for each in one["figures"]] == [each["value"] for each in other["figures"]]
    paged = simulated("validate", "--page", str(tmp_path / "a.html"), "--only", ONLY, PYTHONPATH=plotly)
    assert paged.returncode == 1
    assert paged.stdout.splitlines()[-1].split() == ["page", str(tmp_path / "a.html")]
    assert "failing: " in paged.stdout
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    passing = simulated("validate", "--only", "photo_to_video")
    assert passing.returncode == 0, passing.stdout


def test_runs_with_other_seeds_are_simulated_and_measured(simulated: Cli, place: Path) -> None:
    before = sorted(place.rglob("*"))
    done = simulated("validate", "--json", "--seeds", "2", "--only", ONLY, "--processes", "1")
    found = json.loads(done.stdout)
    assert [each["seed"] for each in found["seeds"]] == [2, 3]
    assert len({each["run_id"] for each in found["seeds"]}) == 2
    for statistic in found["statistics"]:
        assert len(statistic["seeds"]) == 2
        for figure in statistic["figures"]:
            low, high = figure["interval"]
            assert low < sum([figure["value"], *figure["seeds"]]) / 3 < high
            assert len(set(figure["seeds"])) == 2
    assert sorted(place.rglob("*")) == before
    shown = simulated("validate", "--seeds", "1", "--only", "photo_to_video", "--processes", "1")
    assert "over seeds, 95 %" in shown.stdout
    assert "seed 2: 1 pass" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "beauty"], "--only is 'beauty': there is no beauty; there are degree_distribution, "),
        (["--only", ","], "--only is ','"),
        (["--from", "file:a", "--into", "sqlite:///b"], "--from and --into cannot be given together"),
        (["--from", "ftp://x"], "allowed are"),
        (["--into", "sqlite:///nowhere"], "no such file"),
        (["--run-id", "r7"], "r7"),
        (["--seeds", "-1"], "--seeds"),
        (["--baseline", "file:nowhere"], "nowhere"),
    ],
)
def test_invalid_input_is_reported(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(place)
    for name in [name for name in os.environ if name.startswith("SOCIALSIM_")]:
        monkeypatch.delenv(name)
    assert main(["validate", *arguments]) == 2
    told = capsys.readouterr().err
    assert re.search(complaint, told), told
    assert told.count("\n") == 1


def test_seeds_need_a_scenario(simulated: Cli, tmp_path: Path) -> None:
    unknown = ("validate", "--seeds", "1", "--only", "countries", "--runs-dir", "elsewhere", "--json")
    refused = simulated(*unknown)
    assert refused.returncode == 2
    assert "--seeds needs the run's scenario, which is not in elsewhere: give it with --scenario FILE" in refused.stderr
    (tmp_path / "s.toml").write_text("users = 20\ndays = 1\nshards = 1\n")
    done = simulated(*unknown, "--scenario", str(tmp_path / "s.toml"))
    assert json.loads(done.stdout)["seeds"][0]["users"] == 20


def test_a_missing_extra_is_reported_with_the_install_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "scipy" else object())
    assert main(["validate"]) == 2
    assert capsys.readouterr().err == f"socialsim: validate needs scipy; run: {how_to_add('validate')}\n"


def test_a_kafka_log_is_read_like_a_file_log(
    simulated: Cli, kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    log = f"{kafka.url}/{topic_prefix.rstrip('.')}"
    books = {"SOCIALSIM_RUNS": str(tmp_path / "runs")}
    for arguments in (("topics", "create", "--to", log, "--partitions", "2"), (*RUN, "--to", log)):
        done = simulated(*arguments, **books)
        assert done.returncode == 0, done.stderr
    there, here = (json.loads(simulated("validate", "--json", *which).stdout) for which in (("--from", log), ()))
    assert there["run"]["source"] == log
    assert there["run"]["events"] == here["run"]["events"]
    assert there["statistics"] == here["statistics"]
