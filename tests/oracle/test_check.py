"""SQL results against the ground truth: equal if untouched, different after sabotage."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import delete, update

from socialsim.errors import InputError
from socialsim.events import WIRE_NAMES, Event, PictureLiked, PicturePosted
from socialsim.kpi import DayRange, StoredExtent, compute, read_cohorts, read_daily, read_stream
from socialsim.kpi.check import Difference, KpiComparison, as_text, check_kpis, require_truth
from socialsim.oracle import Truth, make_truth
from socialsim.runs.catalog import stored_runs
from socialsim.runs.directory import RunDirectory, RunRecord
from socialsim.scenario.model import Scenario
from socialsim.simulation.iterate import simulate
from socialsim.warehouse.engines import writing_engine
from socialsim.warehouse.schema.tables import EVENT_TABLES, kpi_daily
from tests.oracle.test_truth import SCENARIOS, rows_of, watched
from tests.verification.stored import store
from tests.warehouse.warehouse_fixtures import WarehouseFixture

SCENARIO = Scenario(
    users=40,
    days=9,
    seed=12,
    shards=4,
    start="2026-01-04T00:00:00Z",
    adoption_midpoint=0.1,
    adoption_steepness=3.0,
    active_day_alpha=9.0,
    sessions_per_active_day=12.0,
    session_duration_median_s=400,
    accept_delay_median_s=600,
    recency_s=40_000,
    popular_share=0.4,
)
EVENTS = list(simulate(SCENARIO, "r"))
TRUTH = make_truth(SCENARIO, "r", watched([EVENTS], 1024), sealed=True)
HOUR_US = 3_600_000_000
Sabotage = Callable[[Sequence[Event]], list[Event]]


async def stored_and_computed(db: WarehouseFixture, events: Sequence[Event]) -> None:
    await store(db, list(events))
    compute_all(db)


def compute_all(db: WarehouseFixture, wish: DayRange | None = None) -> None:
    engine = writing_engine(db.target, db.password)
    with engine.connect() as connection:
        run_key = stored_runs(connection)["r"]
        stream = read_stream(connection, run_key, complete=True)
    assert isinstance(stream, StoredExtent)
    compute(engine, run_key, stream, wish or DayRange())
    engine.dispose()


def checked(db: WarehouseFixture, truth: Truth = TRUTH) -> KpiComparison:
    engine = writing_engine(db.target, db.password)
    with engine.connect() as connection:
        run_key = stored_runs(connection)["r"]
        daily = {tuple(row[:4]): (row.numerator, row.denominator) for row in read_daily(connection, run_key)}
        cohorts = {(row[0], row[1]): (row[2], row[3]) for row in read_cohorts(connection, run_key)}
    engine.dispose()
    return check_kpis(truth, daily, cohorts)  # type: ignore[arg-type]


def execute(db: WarehouseFixture, statement: Any) -> None:
    engine = writing_engine(db.target, db.password)
    with engine.begin() as connection:
        assert connection.execute(statement).rowcount == 1
    engine.dispose()


def names_first(comparison: KpiComparison) -> Difference:
    """The first difference of a comparison that must fail."""
    assert not comparison.ok
    assert comparison.first[0].stored != comparison.first[0].truth
    assert as_text(comparison).splitlines()[-1].endswith(str(comparison.first[0]))
    return comparison.first[0]


# --- untouched ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENARIOS)
async def test_sql_and_the_simulation_agree(sqlite_db: WarehouseFixture, name: str) -> None:
    scenario = SCENARIOS[name]
    events = list(simulate(scenario, "r"))
    truth = make_truth(scenario, "r", watched([events], 1024), sealed=True)
    await stored_and_computed(sqlite_db, events)
    comparison = checked(sqlite_db, truth)
    assert comparison.ok, as_text(comparison)
    assert as_text(comparison).endswith("all KPIs are true")


@pytest.mark.mysql
async def test_sql_and_the_simulation_agree_on_mysql(mysql_db: WarehouseFixture) -> None:
    await stored_and_computed(mysql_db, EVENTS)
    comparison = checked(mysql_db)
    assert comparison.ok, as_text(comparison)


# --- sabotage -------------------------------------------------------------------------------------


def an_hour_later(events: Sequence[Event]) -> list[Event]:
    """The wrong time zone."""
    return [structs.replace(event, time_us=event.time_us + HOUR_US) for event in events]


def without_a_batch(events: Sequence[Event]) -> list[Event]:
    """A hundred records of one partition are lost."""
    likes = [event for event in events if type(event) is PictureLiked]
    ((busiest, _),) = Counter(like.shard for like in likes).most_common(1)
    lost = [like for like in likes if like.shard == busiest][50:150]
    assert len(lost) == 100
    gone = {(event.shard, event.seq) for event in lost}
    return [event for event in events if (event.shard, event.seq) not in gone]


def a_batch_twice(events: Sequence[Event]) -> list[Event]:
    """Fifty records are stored again under another identity."""
    return [*events, *(structs.replace(event, seq=event.seq + 10_000_000) for event in events[1000:1050])]


def devices_swapped(events: Sequence[Event]) -> list[Event]:
    """A wrong mapping, of the device web only."""
    return [structs.replace(event, device="tablet") if event.device == "web" else event for event in events]


@pytest.mark.parametrize("sabotage", [an_hour_later, without_a_batch, a_batch_twice, devices_swapped])
async def test_corrupted_input_is_detected(sqlite_db: WarehouseFixture, sabotage: Sabotage) -> None:
    await stored_and_computed(sqlite_db, sabotage(EVENTS))
    first = names_first(checked(sqlite_db))
    damaged = make_truth(SCENARIO, "r", watched([sorted(sabotage(EVENTS), key=_time_us)], 1024), sealed=True)
    assert first.stored == rows_of(damaged).get(first[:4])


def _time_us(event: Event) -> int:
    return event.time_us


@pytest.mark.mysql
async def test_the_wrong_time_zone_is_detected_on_mysql(mysql_db: WarehouseFixture) -> None:
    await stored_and_computed(mysql_db, an_hour_later(EVENTS))
    assert names_first(checked(mysql_db)).metric == "device_hour"


def one_of(name: str, *, of_another_shard: bool = False) -> Event:
    """An event from the middle of the run; optionally a like of another shard's picture."""
    found = [event for event in EVENTS if WIRE_NAMES[type(event)] == name]
    if of_another_shard:
        found = [event for event in found if event.picture_id % SCENARIO.shards != event.shard]  # type: ignore[union-attr]
    return found[len(found) // 2]


def a_like_of_a_top_creator() -> Event:
    """Of the last day. No KPI shows whose like is missing: ``verify`` detects that."""
    first = next(row for row in reversed(TRUTH.kpi_daily) if row.metric == "top_creator_likes")
    pictures = {
        event.picture_id
        for event in EVENTS
        if type(event) is PicturePosted and event.user_id == int(first.dimension_value)
    }
    return next(each for each in reversed(EVENTS) if type(each) is PictureLiked and each.picture_id in pictures)


def row_of(event: Event) -> Any:
    table = EVENT_TABLES[WIRE_NAMES[type(event)]]
    return (table.c.shard == event.shard) & (table.c.seq == event.seq)


async def test_a_deleted_like_from_another_shard_is_detected(sqlite_db: WarehouseFixture) -> None:
    like = one_of("picture_like", of_another_shard=True)
    await store(sqlite_db, EVENTS)
    execute(sqlite_db, delete(EVENT_TABLES["picture_like"]).where(row_of(like)))
    compute_all(sqlite_db)
    comparison = checked(sqlite_db)
    first = names_first(comparison)
    assert first.day == date.fromordinal(date(1970, 1, 1).toordinal() + like.time_us // (24 * HOUR_US))
    assert {"events", "engagement_per_post", "device_hour"} <= {each.metric for each in comparison.first}


@pytest.mark.parametrize(
    ("name", "column", "value", "metric"),
    [
        ("user", "country", "ZZ", "signups"),
        ("user", "user_id", 12_345, "retention_d1"),
        ("picture_like", "picture_id", 1_000_000, "top_creator_likes"),
        ("friend_acceptance", "request_id", 1_000_000, "acceptance_7d"),
        ("comment", "user_id", 12_345, "dau"),
        ("video", "device", "tv", "device_hour"),
    ],
)
async def test_a_changed_row_is_detected(
    sqlite_db: WarehouseFixture, name: str, column: str, value: Any, metric: str
) -> None:
    if name in {"user", "friend_acceptance"}:  # an early one, for the KPIs that look back
        event = next(each for each in EVENTS if WIRE_NAMES[type(each)] == name)
    elif name == "picture_like":
        event = a_like_of_a_top_creator()
    else:
        event = one_of(name)
    await store(sqlite_db, EVENTS)
    execute(sqlite_db, update(EVENT_TABLES[name]).where(row_of(event)).values({column: value}))
    compute_all(sqlite_db)
    comparison = checked(sqlite_db)
    names_first(comparison)
    assert metric in {each.metric for each in comparison.first}, as_text(comparison)


async def test_a_changed_kpi_is_detected_and_recomputation_repairs_it(sqlite_db: WarehouseFixture) -> None:
    await stored_and_computed(sqlite_db, EVENTS)
    day = date(2026, 1, 7)
    wanted = (kpi_daily.c.day == day) & (kpi_daily.c.metric == "wau")
    execute(sqlite_db, update(kpi_daily).where(wanted).values(numerator=kpi_daily.c.numerator + 1))
    true = rows_of(TRUTH)[day, "wau", "all", ""]
    comparison = checked(sqlite_db)
    assert comparison.first == (Difference(day, "wau", "all", "", (true[0] + 1, 1), true),)
    assert str(comparison.first[0]) == f"2026-01-07 wau: stored {true[0] + 1}, truth {true[0]}"
    compute_all(sqlite_db, DayRange(day, day))
    assert checked(sqlite_db).ok


# --- the comparison itself ------------------------------------------------------------------------

DAILY = {
    (row.day, row.metric, row.dimension, row.dimension_value): (row.numerator, row.denominator)
    for row in TRUTH.kpi_daily
}
COHORTS = {(row.cohort_week, row.week_number): (row.users, row.active) for row in TRUTH.cohort_weekly}


def test_missing_and_surplus_rows_are_differences() -> None:
    key = max(DAILY)
    missing = check_kpis(TRUTH, {other: DAILY[other] for other in DAILY if other != key}, COHORTS)
    assert missing.first == (Difference(*key, None, DAILY[key]),)
    assert str(missing.first[0]).endswith(f"stored no row, truth {DAILY[key][0]}")
    extra = check_kpis(TRUTH, DAILY | {(key[0], "dau", "country", "ZZ"): (1, 1)}, COHORTS)
    assert (extra.differing, extra.first[0].truth) == (1, None)
    week = min(COHORTS)
    fewer = check_kpis(TRUTH, DAILY, COHORTS | {week: (COHORTS[week][0], COHORTS[week][1] + 1)})
    assert fewer.first[0].metric == "cohort_weekly"


def test_an_empty_comparison_fails() -> None:
    empty = make_truth(SCENARIO, "r", [], sealed=True)
    comparison = check_kpis(empty, {}, {})
    assert not comparison.ok
    assert "nothing to compare" in as_text(comparison)
    assert not check_kpis(TRUTH, {}, {}).ok


def test_an_unclosed_day_may_be_missing_but_is_compared_if_stored() -> None:
    events = EVENTS[: len(EVENTS) // 2]
    stopped = make_truth(SCENARIO, "r", watched([events], 1024), sealed=False)
    rows = rows_of(stopped)
    cohorts = {(each.cohort_week, each.week_number): (each.users, each.active) for each in stopped.cohort_weekly}
    closed = {key: ratio for key, ratio in rows.items() if key[0] < stopped.closed_until}
    closed_weeks = {
        (each.cohort_week, each.week_number): (each.users, each.active)
        for each in stopped.cohort_weekly
        if stopped.week_is_closed(each)
    }
    assert closed_weeks.keys() < cohorts.keys()
    assert check_kpis(stopped, closed, closed_weeks).ok
    assert check_kpis(stopped, rows, cohorts).ok
    assert "was stopped" in as_text(check_kpis(stopped, rows, cohorts))
    last = max(rows)
    assert check_kpis(stopped, rows | {last: (0, 1)}, cohorts).first == (Difference(*last, (0, 1), rows[last]),)
    assert not check_kpis(stopped, {key: closed[key] for key in closed if key[0] != min(closed)[0]}, closed_weeks).ok


def test_only_the_first_differences_are_kept_in_order_of_days() -> None:
    comparison = check_kpis(TRUTH, {key: (top + 1, bottom) for key, (top, bottom) in DAILY.items()}, COHORTS)
    assert comparison.differing == len(DAILY)
    assert list(comparison.first) == sorted(comparison.first, key=lambda each: each[:4])
    assert len(comparison.first) == 20
    assert f"... and {len(DAILY) - 20:,} more" in as_text(comparison)


def test_the_reason_for_a_missing_truth_is_reported(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path, "r")
    with pytest.raises(InputError, match="is not there"):
        require_truth(directory)
    directory.lead()
    directory.write_record(RunRecord(run_id="r", log="file:events", scenario=SCENARIO))
    with pytest.raises(InputError, match="is being simulated"):
        require_truth(directory)
    directory.release()
    with pytest.raises(InputError, match="socialsim run --resume r"):
        require_truth(directory)
    directory.write_record(RunRecord(run_id="r", log="file:events", scenario=SCENARIO, state="complete"))
    with pytest.raises(InputError, match=r"no kpis\.json"):
        require_truth(directory)
    directory.write_truth(TRUTH)
    assert require_truth(directory) == TRUTH
