"""The check as the command line makes it: from the run to the verdict, and what it says when something is missing."""

from pathlib import Path
from typing import Any

import pytest

from socialsim.cli.kpi_check import check
from socialsim.cli.session import Session
from socialsim.errors import InputError
from socialsim.settings import load_settings
from tests.cli.conftest import cli
from tests.oracle.test_check import compute_all
from tests.warehouse.places import Place

__all__ = ["cli"]


def checked(root: Path, **options: Any) -> int:
    session = Session(load_settings({}, root / "no.env"))
    check(
        session,
        into=f"sqlite:///{root}/socialsim-data/socialsim.sqlite",
        run_id=options.get("run_id"),
        runs_dir=options.get("runs_dir", root / "socialsim-data" / "runs"),
    )
    return session.exit_code


def test_from_the_run_to_the_verdict(cli: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("run", "--users", "80", "--days", "4", "--processes", "2", "--run-id", "r").returncode == 0
    assert cli("consume", "--drain").returncode == 0
    with pytest.raises(InputError, match="no KPIs are stored of run r"):
        checked(tmp_path)
    place = Place(f"sqlite:///{tmp_path}/socialsim-data/socialsim.sqlite", None)
    compute_all(place)
    assert checked(tmp_path) == 0
    assert capsys.readouterr().out.endswith("all KPIs are true\n")

    (before,) = place.rows("SELECT numerator FROM kpi_daily WHERE day = '2026-01-02' AND metric = 'mau'")
    place.change("UPDATE kpi_daily SET numerator = numerator + 1 WHERE day = '2026-01-02' AND metric = 'mau'")
    assert checked(tmp_path, run_id="r") == 1
    count = before["numerator"]
    assert capsys.readouterr().out.endswith(
        f"NOT true: 1 figures differ, the first is 2026-01-02 mau: stored {count + 1}, truth {count}\n"
    )
    with pytest.raises(InputError, match="only the directory of the run itself knows"):
        checked(tmp_path, runs_dir=tmp_path / "elsewhere")
    with pytest.raises(InputError, match="--run-id is 'nobody'"):
        checked(tmp_path, run_id="nobody")
