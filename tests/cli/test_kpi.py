"""``socialsim kpi`` as people use it: days, ranges, again, late rows; the verdict on what was
tampered with.
"""

import json
import subprocess
from pathlib import Path

import pytest

from compose.native import Database
from tests.cli.conftest import Cli
from tests.warehouse.warehouse_fixtures import WarehouseFixture

RUN = ("--users", "60", "--days", "9", "--run-id", "r", "--processes", "1", "--scenario", "busy.toml")
#: People who join early and come every day, so that each day has enough to tamper with.
BUSY = "active_day_alpha = 3.0\nsessions_per_active_day = 6.0\nadoption_midpoint = 0.1\n"
KPI_TABLES = ("kpi_daily", "cohort_weekly", "user_day", "active_users", "creator_day")


def done(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def computed(output: str) -> list[str]:
    found: list[str] = json.loads(output)["computed"]
    return found


def days(first: int, last: int) -> list[str]:
    return [f"2026-01-{day:02}" for day in range(first, last + 1)]


def place_of(folder: Path) -> WarehouseFixture:
    return WarehouseFixture(f"sqlite:///{folder}/socialsim-data/socialsim.sqlite", None)


def everything(db: WarehouseFixture) -> list[list[dict[str, object]]]:
    rows = [db.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5") for table in KPI_TABLES]
    return [[{name: row[name] for name in row if name != "computed_at"} for row in table] for table in rows]


@pytest.fixture(autouse=True)
def busy(tmp_path: Path) -> None:
    (tmp_path / "busy.toml").write_text(BUSY, encoding="utf-8")


@pytest.fixture
def stored(cli: Cli, tmp_path: Path) -> WarehouseFixture:
    done(cli("run", *RUN))
    done(cli("consume", "--drain"))
    return place_of(tmp_path)


def test_a_day_a_range_what_is_missing_and_all_again(cli: Cli, stored: WarehouseFixture) -> None:
    assert computed(done(cli("kpi", "--date", "2026-01-03", "--json"))) == days(1, 3)
    assert computed(done(cli("kpi", "--since", "2026-01-05", "--until", "2026-01-06", "--json"))) == days(4, 6)
    assert computed(done(cli("kpi", "--json"))) == days(7, 9)
    once = everything(stored)
    assert all(once)
    text = done(cli("kpi"))
    assert "computed   none: every closed day has its KPIs" in text
    assert "stream     2026-01-01 to 2026-01-09" in text
    assert computed(done(cli("kpi", "--date", "2026-01-04", "--json"))) == days(4, 4)
    assert computed(done(cli("kpi", "--until", "2026-01-02", "--json"))) == days(1, 2)
    assert computed(done(cli("kpi", "--since", "2026-01-01", "--json"))) == days(1, 9)
    assert everything(stored) == once
    assert done(cli("kpi", "--check")).endswith("all KPIs are true\n")
    shown = json.loads(done(cli("kpi", "--date", "2026-01-04", "--json")))["kpi_daily"]
    assert {row["day"] for row in shown} == {"2026-01-04"}
    assert {"dau", "mau", "events", "device_hour"} <= {row["metric"] for row in shown}


def test_late_rows_mark_their_day_and_the_next_call_heals_it(cli: Cli, stored: WarehouseFixture) -> None:
    """Rows that are gone come back when their partition is read again."""
    (busiest,) = stored.rows(
        "SELECT DATE(event_time) AS day, COUNT(*) AS n FROM comments WHERE event_time < '2026-01-08' "
        "GROUP BY day ORDER BY n DESC LIMIT 1"
    )
    assert busiest["n"] > 10
    day = str(busiest["day"])
    late = f"DATE(event_time) = '{day}'"
    stored.change(f"DELETE FROM comments WHERE {late}")
    done(cli("kpi", "--complete"))
    red = cli("kpi", "--check")
    assert red.returncode == 1
    assert "NOT true" in red.stdout
    assert f"the first is {day} " in red.stdout
    stored.change("UPDATE consumer_offsets SET next_offset = 0 WHERE topic LIKE '%comments'")
    done(cli("consume", "--drain"))
    # From the first row of the batch on in which something was new.
    marked = [str(row["day"]) for row in stored.rows("SELECT day FROM kpi_days WHERE dirty <> 0 ORDER BY day")]
    assert {each for each in days(1, 9) if each >= day} <= set(marked)
    assert computed(done(cli("kpi", "--json"))) == marked
    assert done(cli("kpi", "--check")).endswith("all KPIs are true\n")


def test_the_last_day_is_closed_when_all_is_stored(cli: Cli, stored: WarehouseFixture) -> None:
    done(cli("kpi", "--runs-dir", "elsewhere"))
    refused = cli("kpi", "--date", "2026-01-09", "--runs-dir", "elsewhere")
    assert refused.returncode != 0
    assert "2026-01-09 is not closed" in refused.stderr
    assert len(stored.rows("SELECT day FROM kpi_days")) == 8
    assert computed(
        done(cli("kpi", "--date", "2026-01-09", "--complete", "--runs-dir", "elsewhere", "--json"))
    ) == days(9, 9)


REFUSED = {
    ("--date", "yesterday"): "--date is 'yesterday', allowed is a day as YYYY-MM-DD",
    ("--date", "2026-02-30"): "--date is '2026-02-30'",
    ("--since", "2026-01-05", "--until", "2026-01-02"): "--since is 2026-01-05, which is after --until 2026-01-02",
    ("--date", "2026-01-05", "--since", "2026-01-02"): "--date cannot be given with --since and --until",
    ("--follow", "--date", "2026-01-05"): "--follow computes every day",
    ("--check", "--follow"): "--check compares every day",
    ("--date", "2025-12-31"): "2025-12-31 is before the run's first day, 2026-01-01",
    ("--run-id", "nobody"): "--run-id is 'nobody': ",
}


def test_what_cannot_be_is_refused(cli: Cli) -> None:
    done(cli("run", "--users", "9", "--days", "1", "--run-id", "r", "--processes", "1"))
    done(cli("consume", "--drain"))
    for arguments, said in REFUSED.items():
        process = cli("kpi", *arguments)
        assert process.returncode == 2, (arguments, process.stderr)
        assert said in process.stderr


def test_on_a_server_the_verdict_is_green_and_then_red_for_whatever_was_done(
    cli: Cli, fresh_database: Database
) -> None:
    """A changed row, a batch that is gone, rows that came by a session of another time zone."""
    db = WarehouseFixture(fresh_database.url, fresh_database.password)
    secret = {"SOCIALSIM_MYSQL_PASSWORD": fresh_database.password}
    into = ("--into", fresh_database.url)

    def kpi(*arguments: str) -> subprocess.CompletedProcess[str]:
        return cli("kpi", *arguments, *into, **secret)

    def first_of(table: str, least: int) -> str:
        """The day of the first of its rows, of which there are enough."""
        (row,) = db.rows(f"SELECT COUNT(*) AS n, MIN(event_time) AS first FROM {table}")
        assert row["n"] >= least
        return str(row["first"])[:10]

    def verdict_after(sabotage: str, undo: str) -> str:
        db.change(sabotage)
        done(kpi("--since", "2026-01-01"))
        red = kpi("--check")
        assert red.returncode == 1, red.stdout + red.stderr
        db.change(undo)
        # the manifests still show that rows are missing
        done(kpi("--since", "2026-01-01", "--complete"))
        assert done(kpi("--check")).endswith("all KPIs are true\n")
        return str(red.stdout.splitlines()[-1])

    done(cli("run", *RUN))
    done(cli("migrate", *into, **secret))
    done(cli("consume", "--drain", *into, **secret))
    done(kpi())
    assert done(kpi("--check")).endswith("all KPIs are true\n")

    (row,) = db.rows("SELECT shard, seq, country, event_time FROM users ORDER BY event_time LIMIT 1")
    where = f"WHERE shard = {row['shard']} AND seq = {row['seq']}"
    verdict = verdict_after(
        f"UPDATE users SET country = 'ZZ' {where}", f"UPDATE users SET country = '{row['country']}' {where}"
    )
    assert f"the first is {str(row['event_time'])[:10]} dau country" in verdict

    db.change("CREATE TABLE kept AS SELECT * FROM picture_likes WHERE event_time >= '2026-01-06' LIMIT 40")
    verdict = verdict_after(
        "DELETE p FROM picture_likes p JOIN kept k ON k.shard = p.shard AND k.seq = p.seq",
        "INSERT INTO picture_likes SELECT * FROM kept",
    )
    assert "NOT true" in verdict
    assert f"the first is {first_of('kept', 40)} " in verdict

    # Those of three days, so that no day comes into being, and none is gone.
    db.change("CREATE TABLE abroad AS SELECT * FROM comments WHERE event_time BETWEEN '2026-01-04' AND '2026-01-07'")
    verdict = verdict_after(
        "UPDATE comments c JOIN abroad a ON a.shard = c.shard AND a.seq = c.seq "
        "SET c.event_time = CONVERT_TZ(a.event_time, '+00:00', '+05:30')",
        "UPDATE comments c JOIN abroad a ON a.shard = c.shard AND a.seq = c.seq SET c.event_time = a.event_time",
    )
    first = first_of("abroad", 40)  # nothing comes into its hour, for all go forward
    assert f"the first is {first} dau" in verdict or f"the first is {first} device_hour" in verdict
