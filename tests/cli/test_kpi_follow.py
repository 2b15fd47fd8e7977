"""``socialsim kpi --follow`` as a service: it ends when told, outlives its warehouse, and says how
it is.
"""

import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from compose.native.ports import free_port
from tests.cli.conftest import COMMAND, DEADLINE_S, Cli, Start, clean_environment, has_written, wait_for
from tests.support.patience import HANG_S
from tests.support.services import MySQLFactory

RUN = ("run", "--users", "60", "--days", "3", "--processes", "1")
FIRST_DAY = date(2026, 1, 1)


class Follower:
    """A process that follows, what it has printed, and how it says it is."""

    def __init__(self, directory: Path, *arguments: str, **variables: str) -> None:
        self.port = free_port()
        self.output, self.errors = directory / "follow.out", directory / "follow.err"
        with self.output.open("w") as out, self.errors.open("w") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "kpi", "--follow", "--metrics-port", str(self.port), *arguments],
                cwd=directory,
                env=clean_environment(**variables),
                stdout=out,
                stderr=err,
            )

    def days(self, run_id: str) -> list[date]:
        """The days that it told of, in its order."""
        words = [line.split() for line in self.output.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [date.fromisoformat(each[1]) for each in words if each[0] == run_id]

    def asked(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=HANG_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            assert self.process.poll() is None, self.errors.read_text()
            return 0, ""  # not listening yet

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


@contextmanager
def following(directory: Path, *arguments: str, **variables: str) -> Iterator[Follower]:
    follower = Follower(directory, *arguments, **variables)
    try:
        yield follower
    finally:
        follower.process.kill()
        follower.process.wait()


def days_from_the_first(count: int) -> list[date]:
    return [FIRST_DAY + timedelta(days=number) for number in range(count)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_service_that_is_told_to_end_ends_well(cli: Cli, tmp_path: Path, number: int, code: int) -> None:
    assert cli(*RUN, "--run-id", "r1").returncode == 0
    assert cli("consume", "--drain").returncode == 0
    with following(tmp_path) as follower:
        wait_for(lambda: follower.days("r1") == days_from_the_first(3))
        wait_for(lambda: follower.asked("/readyz") == (200, "ready\n"))
        assert "socialsim_kpi_days_total 3.0" in follower.asked("/metrics")[1]
        assert follower.end(number) == code, follower.errors.read_text()
        assert follower.errors.read_text().count("\n") == 1  # where the metrics are
    checked = cli("kpi", "--check")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.slow
def test_days_are_computed_as_the_stream_closes_them(cli: Cli, start: Start, tmp_path: Path) -> None:
    simulating = start(
        "run", "--users", "10000", "--days", "200", "--run-id", "r1", "--processes", "1", "--speed", "40000"
    )
    wait_for(lambda: has_written(tmp_path))  # a consumer does not wait for a log that is not there
    start("consume")
    wait_for(lambda: cli("runs").returncode == 0 and (tmp_path / "socialsim-data" / "socialsim.sqlite").exists())
    with following(tmp_path) as follower:
        wait_for(lambda: len(follower.days("r1")) >= 3)
        assert simulating.poll() is None, "the run came to its end too soon"
        # Late rows may have marked a day, which then comes again.
        assert list(dict.fromkeys(follower.days("r1")))[:3] == days_from_the_first(3)
        early = cli("kpi", "--date", "2026-06-30")
        assert early.returncode == 75
        assert "2026-06-30 is not closed: the stream is at 2026-01-" in early.stderr
        assert cli("verify").returncode == 75
        assert follower.end(signal.SIGTERM) == 0


@pytest.mark.slow
def test_it_waits_for_a_warehouse_that_is_started_again(cli: Cli, mysql_factory: MySQLFactory, tmp_path: Path) -> None:
    server = mysql_factory(flavour="mariadb")
    database = server.create_database("social")
    settings = {"SOCIALSIM_INTO": database.url, "SOCIALSIM_MYSQL_PASSWORD": database.password}
    assert cli("migrate", **settings).returncode == 0
    with following(tmp_path, **settings) as follower:
        # nothing is stored yet, and that is well
        wait_for(lambda: follower.asked("/readyz") == (200, "ready\n"))
        assert cli(*RUN, "--run-id", "r1").returncode == 0
        assert cli("consume", "--drain", **settings).returncode == 0
        wait_for(lambda: follower.days("r1") == days_from_the_first(3))
        server.kill()
        wait_for(lambda: "trying again" in follower.errors.read_text())
        server.start()
        assert cli(*RUN, "--seed", "2", "--run-id", "r2").returncode == 0
        assert cli("consume", "--drain", **settings).returncode == 0
        wait_for(lambda: follower.days("r2") == days_from_the_first(3))
        assert follower.process.poll() is None
        assert follower.asked("/healthz") == (200, "alive\n")
        assert "Traceback" not in follower.errors.read_text()
        assert follower.end(signal.SIGTERM) == 0
    for run_id in ("r1", "r2"):
        checked = cli("kpi", "--check", "--run-id", run_id, **settings)
        assert checked.returncode == 0, checked.stdout


def test_a_warehouse_that_is_not_there_when_it_starts_ends_it_for_whoever_starts_it_again(cli: Cli) -> None:
    done = cli("kpi", "--follow", "--into", f"mysql://socialsim@127.0.0.1:{free_port()}/social")
    assert done.returncode == 3
    assert "cannot reach" in done.stderr
