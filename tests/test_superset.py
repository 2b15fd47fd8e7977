"""What `make superset` says when it cannot work, and what it keeps where.

Superset itself: tests/bi/test_superset.py.
"""

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from compose.endpoints import Endpoints, write_env
from compose.native import MySQLServer
from compose.native.mysql import Users
from compose.native.ports import free_port
from compose.native.server import StackError
from compose.native.settings import COMPOSE_DIR
from compose.superset import manage
from socialsim.warehouse.schema.views import WIDE_METRICS
from socialsim.warehouse.urls import MysqlTarget

ASSETS = COMPOSE_DIR / "superset" / "assets"


@pytest.fixture
def users(mysql: MySQLServer, unique_name: str) -> Iterator[Users]:
    made = mysql.create_users(unique_name)
    yield made
    mysql.drop_users(made)


def target_of(users: Users, *, port: int | None = None) -> MysqlTarget:
    return MysqlTarget("127.0.0.1", port or users.writer.port, users.writer.user, users.writer.name)


def test_the_reader_without_tables_a_password_or_a_server_is_told_what_to_do(users: Users) -> None:
    target = target_of(users)
    with pytest.raises(StackError, match="socialsim migrate"):
        manage.check_reader(target, users.reader, users.reader_password)
    with pytest.raises(StackError, match="refuses the reader's password") as refused:
        manage.check_reader(target, users.reader, "wrong-password")
    assert "wrong-password" not in str(refused.value)
    with pytest.raises(StackError, match=r"does not answer; make up"):
        manage.check_reader(target_of(users, port=free_port()), users.reader, users.reader_password)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({}, "make up starts one"),
        ({"SOCIALSIM_INTO": "sqlite:///x.sqlite"}, "make up starts one"),
        ({"SOCIALSIM_INTO": "mysql://u@127.0.0.1/d"}, "SOCIALSIM_MYSQL_READER"),
    ],
)
def test_without_a_warehouse_it_names_the_setting(
    lines: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage, "installed", lambda: True)  # this is about what comes after
    for name in ("SOCIALSIM_INTO", "SOCIALSIM_MYSQL_READER", "SOCIALSIM_MYSQL_READER_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    write_env(tmp_path / ".env", lines, keys=())
    with pytest.raises(StackError, match=message):
        manage.up(tmp_path / "stack", tmp_path / ".env")
    assert not (tmp_path / "stack").exists()


def test_its_password_outlives_the_stacks_lines_and_goes_with_the_data(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    write_env(path, Endpoints("kafka://k:1", "mysql://u@m:2/d", {}).as_environment())
    write_env(path, {manage.PASSWORD: "pw"}, keys=(manage.PASSWORD,))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    write_env(path, {})
    manage.down(tmp_path / "stack", path)
    assert path.read_text() == f"{manage.PASSWORD}=pw\n"
    manage.down(tmp_path / "stack", path, wipe=True)
    assert not path.exists()


def test_the_dashboard_as_code_holds_together_and_no_secret() -> None:
    texts = {path.relative_to(ASSETS): path.read_text() for path in ASSETS.rglob("*.yaml")}
    own = [uuid for text in texts.values() for uuid in re.findall(r"^uuid: (\S+)$", text, re.MULTILINE)]
    assert len(own) == len(set(own)) == len(texts) - 1  # all but metadata.yaml
    named = {uuid for text in texts.values() for uuid in re.findall(r"[Uu]uid: (\S+)$", text, re.MULTILINE)}
    assert named == set(own)
    (uri,) = re.findall(r"sqlalchemy_uri: (\S+)", texts[Path("databases/socialsim.yaml")])
    assert urlsplit(uri).password is None
    assert "password" not in "".join(texts.values()).lower()
    (dashboard,) = [text for path, text in texts.items() if path.parts[0] == "dashboards"]
    charts = {
        uuid
        for path, text in texts.items()
        if path.parts[0] == "charts"
        for uuid in re.findall(r"^uuid: (\S+)", text, re.M)
    }
    assert charts == set(re.findall(r"^ +uuid: (\S+)$", dashboard, re.MULTILINE))


def test_the_dashboard_knows_every_figure_of_the_wide_view() -> None:
    text = (ASSETS / "datasets" / "socialsim" / "kpi_daily_wide.yaml").read_text()
    columns = set(re.findall(r"^- column_name: (\S+)$", text, re.MULTILINE))
    assert columns == {"run_id", "day", *WIDE_METRICS, "computed_at"}
