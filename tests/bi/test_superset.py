"""The dashboard as code in a real Superset, on a real MySQL with a run's real figures, seen by a
real Chromium.
"""

import json
import os
import re
import shlex
import sqlite3
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from compose.endpoints import Endpoints, write_env
from compose.native import MySQLServer
from compose.native.mysql import Users, default_flavour
from compose.native.server import StackError
from compose.native.settings import COMPOSE_DIR
from compose.superset.manage import PASSWORD
from compose.superset.server import SupersetServer
from tests.cli.conftest import COMMAND, clean_environment
from tests.security.test_loopback import is_loopback, listening
from tests.support.services import private_servers

if TYPE_CHECKING:  # the browser's driver has an environment of its own: make test-bi
    from playwright.sync_api import Browser

    from tests.bi.superset_page import Dashboard

pytestmark = pytest.mark.bi

ROOT = COMPOSE_DIR.parent
ASSETS = COMPOSE_DIR / "superset" / "assets"
PATIENCE_S = 900
#: What the pictures show is simulated for them, see `make pictures`.
RUN = shlex.split(os.environ.get("SOCIALSIM_PICTURES_RUN") or "--users 300 --days 35")
TITLES = {re.findall(r"^slice_name: (.*)$", path.read_text(), re.MULTILINE)[0] for path in ASSETS.glob("charts/*.yaml")}
#: Of Superset's metadata, what must be the same after another import; who changed it last, and
#: when, may differ.
KEPT = ("dbs", "tables", "table_columns", "sql_metrics", "slices", "dashboards", "dashboard_slices", "ab_user")
FORGOTTEN = {"changed_on", "changed_by_fk", "last_saved_at", "last_saved_by_fk", "last_login", "login_count"}


@dataclass
class Bi:
    """The directory of a local stack, whose ``.env`` leads to a warehouse with figures; Superset
    runs beside it.
    """

    directory: Path
    users: Users
    server: SupersetServer

    @property
    def url(self) -> str:
        return f"http://{self.server.address}"

    @property
    def password(self) -> str:
        return self.settings()[PASSWORD]

    @property
    def metadata(self) -> Path:
        return self.server.directory / "superset.db"

    def settings(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.directory / ".env").read_text().splitlines())

    def rows(self) -> dict[str, list[dict[str, object]]]:
        found = {}
        with closing(sqlite3.connect(self.metadata)) as connection:
            connection.row_factory = sqlite3.Row
            for table in KEPT:
                forgotten = {"id"} if table == "dashboard_slices" else FORGOTTEN
                rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
                found[table] = sorted(({key: row[key] for key in row if key not in forgotten} for row in rows), key=str)
        return found


def superset(directory: Path, command: str) -> subprocess.CompletedProcess[str]:
    """``make superset`` and ``make superset-down``, once everything is installed."""
    return subprocess.run(
        [sys.executable, "-m", "compose.superset", "--directory", str(directory / "stack"), command],
        cwd=directory,
        env=clean_environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def simulate(directory: Path, name: str, *options: str) -> None:
    """A run, its rows and its figures in the warehouse that ``.env`` names."""
    events = f"file:./{name}"
    commands = (
        ("run", *options, "--run-id", name, "--to", events),
        ("consume", "--drain", "--from", events),
        ("kpi", "--run-id", name),
    )
    for command in commands:
        done = subprocess.run(
            [*COMMAND, *command],
            cwd=directory,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def bi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bi]:
    directory = tmp_path_factory.mktemp("bi")
    with private_servers(MySQLServer.create) as factory:
        mysql: MySQLServer = factory(flavour=default_flavour(), options={"innodb-buffer-pool-size": "256M"})
        users = mysql.create_users("socialsim")
        write_env(
            directory / ".env", Endpoints("kafka://unused:1", users.writer.url, users.as_environment()).as_environment()
        )
        subprocess.run([*COMMAND, "migrate"], cwd=directory, env=clean_environment(), capture_output=True, check=True)
        simulate(directory, "older", "--users", "40", "--days", "3")
        simulate(directory, "demo", *RUN)
        try:
            done = superset(directory, "up")
            assert done.returncode == 0, done.stderr
            home = directory / "stack" / "superset"
            state = json.loads((home / "state.json").read_text())
            settings = {"SUPERSET_SECRET_KEY": (home / "secret_key").read_text()}
            yield Bi(directory, users, SupersetServer.from_state(home, state, settings))
        finally:
            done = superset(directory, "down")
            assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from tests.bi.browser import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def stranger(browser: "Browser", bi: Bi) -> Iterator["Dashboard"]:
    """Somebody who has just come."""
    from tests.bi.superset_page import Dashboard

    someone = Dashboard.in_window(browser, bi.url)
    yield someone
    someone.close()


@pytest.fixture(scope="module")
def seen(browser: "Browser", bi: Bi) -> Iterator["Dashboard"]:
    """Somebody who has logged in and looks at the dashboard."""
    from tests.bi.superset_page import Dashboard

    dashboard = Dashboard.in_window(browser, bi.url)
    dashboard.log_in(bi.password)
    dashboard.open(len(TITLES))
    yield dashboard
    dashboard.close()


def test_every_chart_is_drawn_of_the_run_that_was_computed_last(seen: "Dashboard") -> None:
    assert seen.drawn() == dict.fromkeys(TITLES, True)
    assert seen.page.get_by_text(re.compile("No results|No data|Unexpected error")).count() == 0
    queries = seen.queries()
    assert len(queries) >= len(TITLES) - 1  # the map asks at another address
    for asked, answer in queries.values():
        assert answer["error"] is None
        assert answer["rowcount"] > 0, asked["form_data"]["viz_type"]
        filters = asked["queries"][0]["filters"]
        assert {"col": "run_id", "op": "IN", "val": ["demo"]} in filters, asked["form_data"]["viz_type"]
    if place := os.environ.get("SOCIALSIM_PICTURES"):
        (Path(place) / "superset.png").write_bytes(seen.still())


def test_nothing_leaves_the_machine(seen: "Dashboard") -> None:
    assert seen.went_out() == []
    complaints = [each for each in seen.complaints if not each.startswith("verbose: [DOM]")]
    # Superset's page tries to tell a company of each visit; the browser refuses, and says so.
    assert [each for each in complaints if not ("scarf.sh" in each and "Content Security Policy" in each)] == []
    seen.page.evaluate("fetch('http://127.0.0.1:9/x').catch(() => null)")
    assert seen.went_out() == []
    assert "Content Security Policy" in seen.complaints[-1]


def test_it_reads_as_the_user_who_may_only_read(seen: "Dashboard", bi: Bi) -> None:
    (database,) = seen.call("GET", "/api/v1/database/")[1]["result"]
    assert not database["allow_dml"]

    def ask(sql: str) -> tuple[int, Any]:
        return seen.call("POST", "/api/v1/sqllab/execute/", database_id=database["id"], sql=sql, runAsync=False)

    # Superset forbids CURRENT_USER(). This table shows users their own name.
    status, answer = ask("SELECT DISTINCT grantee AS me FROM information_schema.user_privileges")
    assert (status, answer.get("data")) == (200, [{"me": f"'{bi.users.reader}'@'127.0.0.1'"}]), answer
    assert ask("DELETE FROM kpi_daily")[0] >= 400
    writer = bi.users.writer
    connection = pymysql.connect(
        host=writer.host,
        port=writer.port,
        user=bi.users.reader,
        password=bi.users.reader_password,
        database=writer.name,
    )
    with connection, connection.cursor() as cursor:
        for statement in ("DELETE FROM kpi_daily", "INSERT INTO runs (run_id) VALUES ('x')", "CREATE TABLE t (i INT)"):
            with pytest.raises(pymysql.err.OperationalError, match="1142"):
                cursor.execute(statement)


def test_importing_it_again_changes_nothing(bi: Bi, tmp_path: Path) -> None:
    first = bi.rows()
    assert len(first["slices"]) == len(TITLES)
    bi.server.settings |= {key: bi.settings()[key] for key in (PASSWORD, "SOCIALSIM_MYSQL_READER_PASSWORD")}
    bi.server.settings |= {key: bi.settings()[key] for key in ("SOCIALSIM_INTO", "SOCIALSIM_MYSQL_READER")}
    bi.server.prepare(export=tmp_path / "export.zip")
    assert bi.rows() == first
    with zipfile.ZipFile(tmp_path / "export.zip") as archive:
        exported = [archive.read(name).decode() for name in archive.namelist() if name != "metadata.yaml"]
    ours = [path.read_text() for path in ASSETS.rglob("*.yaml") if path.name != "metadata.yaml"]

    def identities(contents: list[str]) -> list[str]:
        return sorted(uuid for content in contents for uuid in re.findall(r"^uuid: (\S+)$", content, re.MULTILINE))

    assert len(ours) == len(TITLES) + 6
    assert identities(exported) == identities(ours)


def test_passwords_are_nobodys_default_and_lie_only_in_env(bi: Bi) -> None:
    assert stat.S_IMODE((bi.directory / ".env").stat().st_mode) == 0o600
    assert len(bi.password) >= 20
    secrets = [bi.password, bi.users.reader_password, bi.users.writer.password]
    files = [path for path in bi.server.directory.rglob("*") if path.is_file()]
    assert bi.metadata in files
    assert not [path for path in files for secret in secrets if secret.encode() in path.read_bytes()]
    assert stat.S_IMODE(bi.server.directory.stat().st_mode) == 0o700


def test_it_listens_on_loopback_only(bi: Bi) -> None:
    assert bi.server.identity is not None
    found = listening({bi.server.identity.pid})
    assert [port for _, port in found] == [bi.server.port]
    assert all(is_loopback(address) for address, _ in found), found


@pytest.mark.parametrize("password", ["admin", "general", "socialsim"])
def test_nobody_comes_in_with_another_password(stranger: "Dashboard", bi: Bi, password: str) -> None:
    stranger.log_in(password)
    assert stranger.page.request.get(f"{bi.url}/api/v1/dashboard/socialsim").status in (401, 403, 404)
    stranger.page.goto(f"{bi.url}/superset/dashboard/socialsim/")
    stranger.page.wait_for_url("**/login/**")


@pytest.mark.parametrize("missing", [PASSWORD, "SUPERSET_SECRET_KEY", "SOCIALSIM_INTO"])
def test_it_is_not_prepared_without_a_secret(missing: str, tmp_path: Path) -> None:
    given = dict.fromkeys((PASSWORD, "SUPERSET_SECRET_KEY", "SOCIALSIM_INTO", "SOCIALSIM_MYSQL_READER"), "x")
    server = SupersetServer.create(tmp_path, {key: value for key, value in given.items() if key != missing})
    with pytest.raises(StackError, match=f"{missing} is not set"):
        server.prepare()
