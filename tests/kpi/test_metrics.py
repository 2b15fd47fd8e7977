"""Every figure is what plain loops over the events come to, on all three engines alike."""

from functools import cache

import pytest

from socialsim.kpi import CohortWeek, KpiRow, read_scalars
from socialsim.warehouse.schema.views import WIDE_METRICS
from tests.kpi.kpis import (
    LIVELY,
    SLEEPY,
    assert_true,
    computed,
    edges,
    engine_of,
    first_difference,
    key_of,
    simulated,
    stored_figures,
    true_figures,
)
from tests.verification.stored import store
from tests.warehouse.warehouse_fixtures import WarehouseFixture

#: Three runs side by side: ids of users, posts and requests are the same in all.
RUNS = {"sleepy": simulated(SLEEPY, "sleepy"), "lively": simulated(LIVELY, "lively"), "edges": edges("edges")}


@cache
def true_of(run_id: str) -> tuple[list[KpiRow], list[CohortWeek]]:
    return true_figures(RUNS[run_id])


async def every_figure_is_true(db: WarehouseFixture) -> None:
    for events in RUNS.values():
        await store(db, list(events))
    for run_id in RUNS:
        assert computed(db, run_id)
    for run_id, events in RUNS.items():
        assert_true(db, run_id, events)
    the_wide_view_has_every_scalar(db)


def the_wide_view_has_every_scalar(db: WarehouseFixture) -> None:
    for run_id in RUNS:
        with engine_of(db) as engine, engine.connect() as connection:
            scalars = read_scalars(connection, key_of(connection, run_id))
        rows = db.rows("SELECT * FROM kpi_daily_wide WHERE run_id = :run_id ORDER BY day", run_id=run_id)
        assert [str(row["day"]) for row in rows] == list(map(str, scalars))
        for row, scalar in zip(rows, scalars.values(), strict=True):
            assert {metric: row[metric] for metric in WIDE_METRICS if row[metric] is not None} == scalar


async def test_on_sqlite(sqlite_db: WarehouseFixture) -> None:
    await every_figure_is_true(sqlite_db)


async def test_on_mysql(mysql_db: WarehouseFixture) -> None:
    await every_figure_is_true(mysql_db)


def test_the_runs_hold_what_there_is_to_find() -> None:
    """Else the comparison would say little."""
    sleepy, cohorts = true_of("sleepy")
    lively, _ = true_of("lively")
    for metric in (
        "growth_retained", "growth_resurrected", "growth_churned", "quick_ratio", "retention_d30", "activation_7d",
        "acceptance_latency_p90_s",
    ):  # fmt: skip
        assert len({row.value for row in sleepy if row.metric == metric}) > 1, metric
    assert any(row.metric == "viral_posts" and row.value for row in lively)
    assert any(row.metric == "top_creators_share" and row.value < 1 for row in lively)
    assert any(0 < cohort.active < cohort.users for cohort in cohorts)
    days = {row.day for row in sleepy}
    # a ratio without denominator
    assert len({row.day for row in sleepy if row.metric == "retention_d1"}) < len(days)
    assert any(row.metric == "signups" and row.value == 0 for row in sleepy)


@pytest.mark.parametrize("metric", [*WIDE_METRICS, "funnel", "top_creator_likes", "events", "device_hour"])
def test_a_figure_that_differs_is_named(metric: str) -> None:
    true = true_of("sleepy")[0]
    db = next(index for index, row in enumerate(true) if row.metric == metric)
    changed = [*true[:db], true[db]._replace(numerator=true[db].numerator + 1), *true[db + 1 :]]
    assert f"metric='{metric}'" in str(first_difference(changed, true))
    assert f"metric='{metric}'" in str(first_difference([*true[:db], *true[db + 1 :]], true))


def test_bounds_decide_by_the_microsecond() -> None:
    """What ``edges`` is made for, said in numbers."""
    events = RUNS["edges"]
    figures = {
        (row.day.day, row.metric, row.dimension_value): row for row in true_figures(events)[0] if row.day.month == 1
    }
    assert figures[1, "device_hour", "mobile 23"].numerator == 1
    assert figures[2, "device_hour", "tablet 00"].numerator == 1
    assert figures[2, "viral_posts", ""].numerator == 1
    assert figures[3, "viral_posts", ""].numerator == 0
    assert figures[8, "acceptance_7d", ""][4:6] == (2, 3)
    assert figures[8, "acceptance_latency_median_s", ""].numerator == 1
    assert figures[8, "acceptance_latency_p90_s", ""].value == 7 * 86_400 - 1e-6
    assert figures[8, "funnel", "2_first_post"].numerator == 5
    assert figures[8, "funnel", "3_first_like"].numerator == 3
    # who only looks is active too
    assert figures[6, "time_per_active_user_s", ""][4:6] == (7_200, 1)
    assert figures[7, "time_per_active_user_s", ""][4:6] == (3, 1)
    assert figures[7, "sessions_per_active_user", ""][4:6] == (2, 1)
    assert figures[7, "engagement_per_active_user", ""][4:6] == (0, 1)
    assert figures[20, "dau", ""].numerator == 0
    assert (20, "stickiness", "") in figures
    assert (20, "engagement_per_post", "") not in figures


async def test_figures_are_the_same_to_the_last_bit_on_every_engine(
    sqlite_db: WarehouseFixture, mysql_db: WarehouseFixture
) -> None:
    for db in (sqlite_db, mysql_db):
        await store(db, list(RUNS["sleepy"]))
        computed(db, "sleepy")
    assert stored_figures(sqlite_db, "sleepy") == stored_figures(mysql_db, "sleepy")
