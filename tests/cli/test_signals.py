"""Ctrl-C and SIGTERM, once and twice, on real processes."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, clean_environment

DEADLINE_S = 60


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(*arguments):
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition):
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(0.02)


def has_written(directory: Path) -> bool:
    return any(path.stat().st_size for path in directory.glob("socialsim-data/events/*/*/*.ndjson"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_run_leaves_in_order_and_the_next_run_completes_it(start, cli, tmp_path, number, code):
    options = ("run", "--users", "300", "--days", "6", "--run-id", "r", "--processes", "1")
    process = start(*options, "--speed", "20000")
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
def test_consume_follows_until_told_and_leaves_in_order(start, cli, tmp_path, number, code):
    assert cli("run", "--users", "50", "--days", "1").returncode == 0
    process = start("consume")
    assert process.stderr is not None
    assert "assigned" in process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == code, err
    assert "rows/s" in out
    assert cli("consume", "--drain").returncode == 0


def test_a_second_signal_ends_at_once(start, tmp_path):
    # At one simulated second per second the window takes a minute: the first request cannot have been honoured yet.
    process = start("run", "--users", "300", "--speed", "1", "--processes", "1")
    wait_for(lambda: list(tmp_path.glob("socialsim-data/runs/*/run.json")))
    process.send_signal(signal.SIGINT)
    deadline_s = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline_s:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    assert process.returncode in {130, 143}
