"""Ctrl-C and SIGTERM, once and twice, on real processes."""

import signal
import time
from pathlib import Path

import pytest

from tests.cli.conftest import DEADLINE_S, Cli, Start, has_written, wait_for
from tests.support.patience import pace


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_run_leaves_in_order_and_the_next_run_completes_it(
    start: Start, cli: Cli, tmp_path: Path, number: int, code: int
) -> None:
    options = ("run", "--users", "300", "--days", "6", "--run-id", "r", "--processes", "1")
    process = start(*options, "--speed", pace(20_000))
    wait_for(lambda: has_written(tmp_path))
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == code, err
    assert "stopped before its end" in out
    assert cli(*options).returncode == 0
    whole = cli("run", *options[1:-4], "--run-id", "r", "--to", "file:other/events")
    assert whole.returncode == 0, whole.stderr
    assert cli("digest").stdout == cli("digest", "--from", "file:other/events").stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_consume_follows_until_told_and_leaves_in_order(
    start: Start, cli: Cli, tmp_path: Path, number: int, code: int
) -> None:
    assert cli("run", "--users", "50", "--days", "1").returncode == 0
    process = start("consume")
    assert process.stderr is not None
    assert "assigned" in process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == code, err
    assert "rows/s" in out
    assert cli("consume", "--drain").returncode == 0


def test_a_second_signal_ends_at_once(start: Start, tmp_path: Path) -> None:
    process = start("run", "--users", "300", "--speed", "1", "--processes", "1")
    wait_for(lambda: list(tmp_path.glob("socialsim-data/runs/*/run.json")))
    process.send_signal(signal.SIGINT)
    deadline_s = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline_s:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    assert process.returncode in {130, 143}


def test_a_run_at_wall_speed_leaves_without_waiting_for_its_window(start: Start, tmp_path: Path) -> None:
    # At one simulated second per second this window takes an hour.
    (tmp_path / "slow.toml").write_text("users = 300\nwindow_s = 3600\n")
    process = start("run", "--scenario", "slow.toml", "--speed", "1", "--processes", "2")
    wait_for(lambda: list(tmp_path.glob("socialsim-data/runs/*/run.json")))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130, err
    assert "stopped before its end" in out
