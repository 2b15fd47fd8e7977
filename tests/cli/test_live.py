"""The options that show a working command to the outside, and the watchdog's."""

import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from compose.native.ports import free_port
from tests.cli.conftest import COMMAND, DEADLINE_S, Cli, clean_environment


def answer_of(process: subprocess.Popen[bytes], port: int, path: str) -> str:
    """Ask until the command has opened its port and answers with 200."""
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE_S) as answer:
                body: bytes = answer.read()
                return body.decode()
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, "it ended too early"
            assert time.monotonic() < deadline_s, f"{path} was not well in time"
            time.sleep(0.05)


def started(tmp_path: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_run_and_a_consumer_tell_how_they_are(cli: Cli, tmp_path: Path) -> None:
    port, other = free_port(), free_port()
    run = started(tmp_path, "run", "--users", "50", "--days", "30", "--speed", "3600", "--metrics-port", str(port))
    try:
        answer_of(run, port, "/readyz")
        consume = started(tmp_path, "consume", "--metrics-port", str(other))
        try:
            answer_of(consume, other, "/readyz")
            assert answer_of(consume, other, "/healthz") == "alive\n"
            assert "socialsim_offset{" in answer_of(consume, other, "/metrics")
        finally:
            consume.kill()
            consume.wait()
        assert 'socialsim_events_total{type="user"}' in answer_of(run, port, "/metrics")
        taken = cli("consume", "--drain", "--metrics-port", str(port))
    finally:
        run.kill()
        run.wait()
    assert taken.returncode == 2
    assert f"--metrics-port: cannot listen on 127.0.0.1:{port}" in taken.stderr


def test_the_watchdogs_patience_is_an_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from socialsim.cli.commands import consume as command
    from socialsim.cli.main import main
    from socialsim.consumer import ConsumerSettings, StuckError

    seen = []

    async def stuck(
        reader: object,
        warehouse: object,
        settings: ConsumerSettings,
        stop: object,
        progress: object,
        *,
        decoder: object,
    ) -> None:
        seen.append(settings.stuck_after_s)
        raise StuckError("7 records wait in the log and nothing has moved for 5 s")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "events").mkdir()
    (tmp_path / "w.sqlite").touch()  # else the log would be asked first whether it is there
    monkeypatch.setattr(command, "_consume", stuck)
    arguments = ["consume", "--from", f"file:{tmp_path}/events", "--into", f"sqlite:///{tmp_path}/w.sqlite"]
    assert main([*arguments, "--stall-timeout-s", "5"]) == 1
    monkeypatch.setenv("SOCIALSIM_STALL_TIMEOUT_S", "7")
    assert main(arguments) == 1
    assert seen == [5.0, 7.0]
    assert main([*arguments, "--stall-timeout-s", "0"]) == 2
