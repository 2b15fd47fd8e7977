"""The daily DAG in a real Airflow, on what was really simulated and stored.

``AIRFLOW`` names the program; ``make test-airflow`` makes its environment and sets it. socialsim
itself runs from the environment of these tests, as it would from its own.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import pytest

from compose.native import Database, MySQLServer
from compose.native.ports import free_port
from compose.native.settings import COMPOSE_DIR
from tests.cli.conftest import COMMAND, clean_environment, has_written, wait_for

pytestmark = pytest.mark.bi

DAGS = COMPOSE_DIR / "airflow" / "dags"
PATIENCE_S = 300
RUN = ("run", "--users", "60", "--days", "9", "--run-id", "r1", "--processes", "1")
LAST_DAY, DAY_AFTER = "2026-01-09", "2026-01-10"


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """socialsim in a directory of its own, whose .env is all that it knows."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("airflow")
    airflow(home, "db", "migrate")
    return home


def airflow_program() -> Path:
    program = os.environ.get("AIRFLOW")
    assert program, "AIRFLOW does not say where Airflow is; see make test-airflow"
    return Path(program)


def airflow(home: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Airflow with a database of its own, nothing but our DAG, and nobody told of it."""
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
    }
    done = subprocess.run(
        [airflow_program(), *arguments],
        cwd=home,
        env=clean_environment(**settings, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stdout


@contextmanager
def working(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=directory,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class RunDag:
    """Runs the DAG of a day, with socialsim in ``directory``."""

    def __init__(self, home: Path, directory: Path) -> None:
        self.home = home
        self.directory = directory
        self.program = directory / "bin" / "socialsim"
        self.program.parent.mkdir()
        self.program.write_text(
            f"#!{sys.executable}\nimport sys\nfrom socialsim.cli.main import main\nsys.exit(main())\n"
        )
        self.program.chmod(0o755)

    def __call__(self, day: str) -> tuple[int, str, dict[str, tuple[str, int]]]:
        """The exit code, what was printed, and each task's state and number of tries."""
        code, text = airflow(
            self.home,
            *("dags", "test", "socialsim_daily", day),
            AIRFLOW_VAR_SOCIALSIM_PROGRAM=str(self.program),
            AIRFLOW_VAR_SOCIALSIM_DIRECTORY=str(self.directory),
        )
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            rows = database.execute(
                "SELECT task_id, task_instance.state, try_number FROM task_instance JOIN dag_run USING (dag_id, run_id)"
                " WHERE dag_id = 'socialsim_daily' AND logical_date LIKE ?",
                (f"{day}%",),
            ).fetchall()
        return code, text, {task: (state, tries) for task, state, tries in rows}


@pytest.fixture
def run_dag(airflow_home: Path, tmp_path: Path) -> Iterator[RunDag]:
    yield RunDag(airflow_home, tmp_path)
    with closing(sqlite3.connect(airflow_home / "airflow.db")) as database, database:
        database.execute("DELETE FROM dag_run")  # so that the next test may run the same days


def write_settings(directory: Path, **settings: str) -> None:
    path = directory / ".env"
    path.touch(mode=0o600)
    path.write_text("".join(f"SOCIALSIM_{name}={value}\n" for name, value in settings.items()))


@pytest.mark.slow
@pytest.mark.parametrize("mysql", ["mysql8"], indirect=True)
def test_kpis_of_the_day_are_stored_and_true_and_a_broken_row_turns_the_run_red(
    call: Callable[..., subprocess.CompletedProcess[str]],
    run_dag: RunDag,
    tmp_path: Path,
    mysql: MySQLServer,
    fresh_database: Database,
) -> None:
    write_settings(tmp_path, INTO=fresh_database.url, MYSQL_PASSWORD=fresh_database.password)
    for arguments in (("migrate",), RUN, ("consume", "--drain")):
        done = call(*arguments)
        assert done.returncode == 0, done.stderr
    verification = tmp_path / "socialsim-data" / "runs" / "r1" / "verification.json"
    assert not verification.exists()

    code, text, tasks = run_dag(LAST_DAY)
    assert (code, tasks) == (0, {"kpi": ("success", 1), "verify": ("success", 1)}), text
    with mysql.root_cursor(fresh_database.name) as cursor:
        cursor.execute("SELECT day, COUNT(*) FROM kpi_daily GROUP BY day ORDER BY day")
        days = dict(cursor.fetchall())
    # The days before it had no figures; so it computed them too.
    assert list(days) == [date(2026, 1, number) for number in range(1, 10)]
    assert min(days.values()) > 20
    checked = call("kpi", "--check")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "all KPIs are true")
    assert json.loads(verification.read_bytes())["ok"] is True

    code, text, tasks = run_dag(DAY_AFTER)
    assert (code, tasks) == (0, {"kpi": ("skipped", 1), "verify": ("skipped", 0)}), text
    assert f"not yet: socialsim: {DAY_AFTER} is not closed: the stream is at {LAST_DAY} " in text

    with mysql.root_cursor(fresh_database.name) as cursor:
        assert cursor.execute("UPDATE comments SET text = CONCAT(text, '!') ORDER BY comment_id LIMIT 1") == 1
    code, text, tasks = run_dag("2026-01-08")
    assert code != 0
    assert tasks == {"kpi": ("success", 1), "verify": ("failed", 1)}, text
    assert "NOT verified: accounts" in text
    assert "DagRun failed" in text
    assert json.loads(verification.read_bytes())["ok"] is False

    assert fresh_database.password not in text
    kept = [path for path in run_dag.home.rglob("*") if path.is_file()]
    assert len(kept) > 1
    assert not [path for path in kept if fresh_database.password.encode() in path.read_bytes()]


@pytest.mark.slow
def test_a_warehouse_that_cannot_be_reached_is_tried_again_and_bad_input_is_not(
    run_dag: RunDag, tmp_path: Path
) -> None:
    write_settings(tmp_path, INTO=f"mysql://socialsim@127.0.0.1:{free_port()}/socialsim")
    code, text, tasks = run_dag(LAST_DAY)
    assert code != 0
    assert tasks == {"kpi": ("failed", 4), "verify": ("upstream_failed", 0)}, text
    assert text.count("exit code 3: socialsim: cannot reach ") >= 4
    write_settings(tmp_path, INTO="mysql://nowhere")
    code, text, tasks = run_dag(DAY_AFTER)
    assert code != 0
    assert tasks == {"kpi": ("failed", 1), "verify": ("upstream_failed", 0)}, text


@pytest.mark.slow
def test_a_run_that_is_being_simulated_has_its_day_computed_and_is_verified_later(
    call: Callable[..., subprocess.CompletedProcess[str]], run_dag: RunDag, tmp_path: Path
) -> None:
    run = ("run", "--users", "2000", "--days", "200", *RUN[5:], "--speed", "40000")
    with working(tmp_path, *run) as simulating:
        wait_for(lambda: has_written(tmp_path))  # a consumer without a log leaves
        with working(tmp_path, "consume"):
            wait_for(lambda: call("kpi", "--date", "2026-01-01").returncode == 0)
            code, text, tasks = run_dag("2026-01-01")
            assert simulating.poll() is None, "the run came to its end too soon"
    assert (code, tasks) == (0, {"kpi": ("success", 1), "verify": ("skipped", 1)}), text
    assert re.search("not yet: .*run r1 is being simulated: it can be verified when it has ended", text)


def test_the_day_of_a_scheduled_run_is_over_and_closed_when_it_starts(airflow_home: Path) -> None:
    code, text = airflow(airflow_home, "dags", "list-import-errors")
    assert (code, "No data found" in text) == (0, True), text
    script = (
        "import importlib.util, sys, pendulum\n"
        "from airflow.serialization.encoders import coerce_to_core_timetable\n"
        "from airflow.timetables.base import TimeRestriction\n"
        "spec = importlib.util.spec_from_file_location('daily', sys.argv[1])\n"
        "daily = importlib.util.module_from_spec(spec); spec.loader.exec_module(daily)\n"
        "restriction = TimeRestriction(pendulum.datetime(2026, 1, 5), None, catchup=True)\n"
        "info = coerce_to_core_timetable(daily.dag.timetable).next_dagrun_info(\n"
        "    last_automated_data_interval=None, restriction=restriction)\n"
        "print(info.logical_date.date(), info.run_after, daily.dag.catchup, daily.dag.max_active_runs)\n"
    )
    done = subprocess.run(
        [airflow_program().with_name("python"), "-c", script, DAGS / "socialsim_daily.py"],
        env=clean_environment(AIRFLOW_HOME=str(airflow_home)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["2026-01-05 2026-01-06 01:30:00+00:00 False 1"], done.stderr
