"""The ground truth of a run: the same for any number of processes, if killed or stopped too."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from socialsim.oracle import Truth, make_truth
from socialsim.runs.directory import RunDirectory
from socialsim.scenario.model import Scenario
from socialsim.simulation.iterate import simulate
from tests.cli.conftest import DEADLINE_S, cli, has_written, start, wait_for
from tests.oracle.test_truth import watched
from tests.support.patience import pace

__all__ = ["cli", "start"]

SCENARIO = Scenario(users=120, days=9, seed=3, start="2026-02-26T18:00:00Z")
OPTIONS = ("--users", "120", "--days", "9", "--seed", "3", "--start", SCENARIO.start, "--run-id", "r")


@pytest.fixture(scope="module")
def expected() -> Truth:
    return make_truth(SCENARIO, "r", watched([list(simulate(SCENARIO))], 1024), sealed=True)


def truth_in(root: Path) -> Truth:
    directory = RunDirectory(root / "socialsim-data" / "runs", "r")
    truth = directory.read_truth()
    assert truth is not None
    assert not directory.columns_path.exists()
    return truth


@pytest.mark.parametrize("processes", ["1", "3"])
def test_a_run_writes_its_ground_truth(cli: Any, tmp_path: Path, expected: Truth, processes: str) -> None:
    done = cli("run", *OPTIONS, "--processes", processes)
    assert done.returncode == 0, done.stderr
    assert truth_in(tmp_path) == expected
    assert "nothing to do" in cli("run", "--resume", "r").stdout
    assert truth_in(tmp_path) == expected


@pytest.mark.parametrize("processes", [("1", "1"), ("3", "2")], ids=str)
def test_a_killed_and_resumed_run_writes_the_complete_truth(
    start: Any, cli: Any, tmp_path: Path, expected: Truth, processes: tuple[str, str]
) -> None:
    process = start("run", *OPTIONS, "--processes", processes[0], "--speed", pace(20_000))
    wait_for(lambda: has_written(tmp_path))
    process.kill()
    process.communicate(timeout=DEADLINE_S)
    resumed = cli("run", "--resume", "r", "--processes", processes[1])
    assert resumed.returncode == 0, resumed.stderr
    assert truth_in(tmp_path) == expected


def test_a_stopped_run_writes_an_unsealed_truth_up_to_the_stop(
    start: Any, cli: Any, tmp_path: Path, expected: Truth
) -> None:
    process = start("run", *OPTIONS, "--speed", pace(40_000))
    wait_for(lambda: has_written(tmp_path))
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 143
    truth = truth_in(tmp_path)
    assert not truth.sealed
    assert truth.closed_until < expected.closed_until
    closed = [row for row in truth.kpi_daily if row.day < truth.closed_until]
    assert closed == [row for row in expected.kpi_daily if row.day < truth.closed_until]
    assert cli("run", "--resume", "r").returncode == 0
    assert truth_in(tmp_path) == expected


def test_a_run_that_lost_its_columns_does_not_seal_a_wrong_truth(cli: Any, start: Any, tmp_path: Path) -> None:
    process = start("run", *OPTIONS, "--speed", pace(40_000))
    columns = tmp_path / "socialsim-data" / "runs" / "r" / "oracle"
    wait_for(lambda: has_written(tmp_path) and any(columns.glob("*.columns")))
    for path in columns.iterdir():
        path.unlink()
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert "run --resume r simulates it again" in stderr
    assert cli("run", "--resume", "r").returncode == 0
    assert truth_in(tmp_path).sealed


def test_the_truth_file_is_plain_json(cli: Any, tmp_path: Path) -> None:
    assert cli("run", *OPTIONS).returncode == 0
    content = json.loads((tmp_path / "socialsim-data" / "runs" / "r" / "kpis.json").read_bytes())
    assert content["sealed"] is True
    row = next(row for row in content["kpi_daily"] if row["metric"] == "stickiness")
    assert row["value"] == row["numerator"] / row["denominator"]
    assert set(row) == {"day", "metric", "dimension", "dimension_value", "numerator", "denominator", "value"}
    assert set(content["cohort_weekly"][0]) == {"cohort_week", "week_number", "users", "active"}
