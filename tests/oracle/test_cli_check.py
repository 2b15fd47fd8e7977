"""``socialsim kpi --check``: from the run to the result, and errors when something is missing."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import cli
from tests.warehouse.warehouse_fixtures import WarehouseFixture

__all__ = ["cli"]


def test_kpi_check_from_the_run_to_the_result(cli: Any, tmp_path: Path) -> None:
    assert cli("run", "--users", "80", "--days", "4", "--processes", "2", "--run-id", "r").returncode == 0
    assert cli("consume", "--drain").returncode == 0
    early = cli("kpi", "--check")
    assert early.returncode == 2
    assert "no KPIs of run r are stored in sqlite:" in early.stderr
    assert cli("kpi").returncode == 0
    checked = cli("kpi", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.endswith("all KPIs are true\n")

    db = WarehouseFixture(f"sqlite:///{tmp_path}/socialsim-data/socialsim.sqlite", None)
    wanted = "WHERE day = '2026-01-02' AND metric = 'mau'"
    (before,) = db.rows(f"SELECT numerator FROM kpi_daily {wanted}")
    db.change(f"UPDATE kpi_daily SET numerator = numerator + 1 {wanted}")
    count = before["numerator"]
    checked = cli("kpi", "--check", "--run-id", "r")
    assert checked.returncode == 1
    assert checked.stdout.endswith(
        f"NOT true: 1 KPI values differ, the first is 2026-01-02 mau: stored {count + 1}, truth {count}\n"
    )
    found = json.loads(cli("kpi", "--check", "--json").stdout)
    assert (found["ok"], found["differing"], found["first"][0]["metric"]) == (False, 1, "mau")
    assert found["first"][0]["stored"] == [count + 1, 1]
    for arguments, said in (
        (("--runs-dir", "elsewhere"), "in elsewhere: --runs-dir names the directory"),
        (("--run-id", "nobody"), "--run-id is 'nobody'"),
        (("--date", "2026-01-02"), "--check compares every day"),
    ):
        refused = cli("kpi", "--check", *arguments)
        assert refused.returncode == 2
        assert said in refused.stderr
