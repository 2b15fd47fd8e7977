"""Computing again, late rows, rows that come meanwhile, several who compute: what is stored is the
truth in the end.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from socialsim.events import WIRE_NAMES, Event
from socialsim.kpi import DayRange, compute, count_stored, is_whole, read_days, read_stream
from socialsim.runs.directory import RunDirectory
from socialsim.scenario.model import Scenario
from socialsim.warehouse.base import Batch
from socialsim.warehouse.schema.tables import active_users, cohort_weekly, creator_day, kpi_daily, kpi_days, user_day
from tests.kpi.brute_kpis import day_of
from tests.kpi.kpis import assert_true, computed, engine_of, key_of, simulated
from tests.verification.stored import SCENARIO as KEPT
from tests.verification.stored import events_of, keep_books
from tests.warehouse.warehouse_fixtures import WarehouseFixture

#: More days than are gathered side by side, with two Sundays among them.
SCENARIO = Scenario(
    users=30, days=14, shards=2, seed=8, adoption_midpoint=0.1, active_day_alpha=3, friends_mean=8, recency_s=40_000,
    start="2026-03-01T00:00:00Z",
)  # fmt: skip
RUN_ID = "days"
EVENTS = simulated(SCENARIO, RUN_ID)
DAYS = [day_of(EVENTS[0]) + timedelta(days=number) for number in range(SCENARIO.days)]
TABLES = (kpi_days, user_day, active_users, creator_day, kpi_daily, cohort_weekly)
#: The shift that a session in India would cause.
ABROAD = "+05:30"


def add(db: WarehouseFixture, events: Sequence[Event]) -> None:
    batch = Batch()
    for each in events:
        batch.events.setdefault(WIRE_NAMES[type(each)], []).append(each)

    async def store() -> None:
        async with db.opened() as warehouse:
            await warehouse.store(0, batch)

    asyncio.run(store())


def everything(db: WarehouseFixture) -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored beside the events, without times."""
    with engine_of(db) as engine, engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(select(*(c for c in table.c if c.name != "computed_at")))),
                key=repr,
            )
            for table in TABLES
        }


def marked(db: WarehouseFixture) -> list[date]:
    with engine_of(db) as engine, engine.connect() as connection:
        return [each.day for each in read_days(connection, key_of(connection, RUN_ID)) if each.dirty]


def computed_at(db: WarehouseFixture) -> dict[date, datetime | None]:
    with engine_of(db) as engine, engine.connect() as connection:
        return {each.day: each.computed_at for each in read_days(connection, key_of(connection, RUN_ID))}


def without_one_of(day: date) -> tuple[list[Event], Event]:
    """All events but one, and that one: a like, which counts for its day's figures and for the days
    after.
    """
    of_day = [each for each in EVENTS if day_of(each) == day and WIRE_NAMES[type(each)] == "picture_like"]
    late = of_day[len(of_day) // 2]
    return [each for each in EVENTS if each is not late], late


class ComputingAgain:
    @pytest.fixture
    def db(self) -> WarehouseFixture:
        raise NotImplementedError

    def test_twice_is_once(self, db: WarehouseFixture) -> None:
        add(db, EVENTS)
        assert computed(db, RUN_ID) == DAYS
        once = everything(db)
        assert all(once.values())
        assert computed(db, RUN_ID) == []
        assert computed(db, RUN_ID, DayRange(DAYS[0], DAYS[-1])) == DAYS
        assert computed(db, RUN_ID, DayRange(DAYS[7], DAYS[7])) == [DAYS[7]]
        assert computed(db, RUN_ID, DayRange(since=DAYS[5], until=DAYS[9])) == DAYS[5:10]
        assert everything(db) == once

    def test_as_the_stream_goes_on_comes_to_the_same_as_all_at_once(self, db: WarehouseFixture) -> None:
        done = 0
        for day in [*DAYS[1::4], DAYS[-1]]:
            behind = next((index for index, each in enumerate(EVENTS) if day_of(each) > day), len(EVENTS))
            add(db, EVENTS[done:behind])
            done = behind
            computed(db, RUN_ID, complete=day == DAYS[-1])
            assert marked(db) == []
        assert_true(db, RUN_ID, EVENTS)
        little_by_little = everything(db)
        assert computed(db, RUN_ID, DayRange(DAYS[0], DAYS[-1])) == DAYS
        assert everything(db) == little_by_little

    def test_a_late_row_marks_its_day_and_all_that_builds_on_it_and_the_next_call_heals_them(
        self, db: WarehouseFixture
    ) -> None:
        rest, late = without_one_of(DAYS[6])
        add(db, rest)
        computed(db, RUN_ID)
        assert_true(db, RUN_ID, rest)
        before = computed_at(db)
        add(db, [late])
        assert marked(db) == DAYS[6:]
        assert computed(db, RUN_ID) == DAYS[6:]
        assert_true(db, RUN_ID, EVENTS)
        after = computed_at(db)
        assert [day for day in DAYS if after[day] != before[day]] == DAYS[6:]

    def test_a_row_that_comes_again_marks_nothing(self, db: WarehouseFixture) -> None:
        add(db, EVENTS)
        computed(db, RUN_ID)
        add(db, EVENTS[100:200])
        assert marked(db) == []

    def test_a_wished_for_day_brings_those_before_it_that_hold_no_more(self, db: WarehouseFixture) -> None:
        rest, late = without_one_of(DAYS[6])
        add(db, rest)
        computed(db, RUN_ID)
        add(db, [late])
        assert computed(db, RUN_ID, DayRange(DAYS[8], DAYS[8])) == DAYS[6:9]
        assert marked(db) == DAYS[9:]
        assert computed(db, RUN_ID) == DAYS[9:]
        assert_true(db, RUN_ID, EVENTS)

    @pytest.mark.parametrize("asked", [4, 8, 14])
    def test_a_row_that_comes_meanwhile_is_not_overlooked(self, db: WarehouseFixture, asked: int) -> None:
        """``asked``: before its day is stored, with days before it and after it that are; before
        the second stretch.
        """
        rest, late = without_one_of(DAYS[6])
        add(db, rest)
        calls = 0

        def stopped() -> bool:
            nonlocal calls
            calls += 1
            if calls == asked:
                add(db, [late])
            return False

        with engine_of(db) as engine:
            with engine.connect() as connection:
                run_key = key_of(connection, RUN_ID)
                stream = read_stream(connection, run_key, complete=True)
            assert stream is not None
            done = compute(engine, run_key, stream, DayRange(), stopped=stopped)
        assert done == DAYS[: len(done)]
        assert marked(db) == DAYS[6:]
        assert computed(db, RUN_ID) == DAYS[6:]
        assert_true(db, RUN_ID, EVENTS)

    def test_two_who_compute_at_once_come_to_the_truth(self, db: WarehouseFixture) -> None:
        add(db, EVENTS)
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(computed, db, RUN_ID) for _ in range(2)]:
                future.result()
        computed(db, RUN_ID)
        assert marked(db) == []
        assert_true(db, RUN_ID, EVENTS)

    def test_a_call_that_is_stopped_leaves_whole_days(self, db: WarehouseFixture) -> None:
        add(db, EVENTS)
        calls = iter(range(1_000))
        with engine_of(db) as engine:
            with engine.connect() as connection:
                run_key = key_of(connection, RUN_ID)
                stream = read_stream(connection, run_key, complete=True)
            assert stream is not None
            done = compute(engine, run_key, stream, DayRange(), stopped=lambda: next(calls) >= 5)
        assert done == DAYS[: len(done)]
        assert 0 < len(done) < len(DAYS)
        assert_true(db, RUN_ID, EVENTS, behind=DAYS[len(done)])
        assert computed(db, RUN_ID) == DAYS[len(done) :]
        assert_true(db, RUN_ID, EVENTS)

    def test_the_count_of_what_is_stored_is_right_whatever_is_computed(self, db: WarehouseFixture) -> None:
        def count() -> int:
            with engine_of(db) as engine, engine.connect() as connection:
                return count_stored(connection, key_of(connection, RUN_ID))

        rest, late = without_one_of(DAYS[6])
        add(db, rest)
        assert count() == len(rest)
        computed(db, RUN_ID, DayRange(until=DAYS[9]))
        assert count() == len(rest)
        add(db, [late])
        assert count() == len(EVENTS)
        computed(db, RUN_ID)
        assert count() == len(EVENTS)


class TestSqlite(ComputingAgain):
    @pytest.fixture
    def db(self, sqlite_db: WarehouseFixture) -> WarehouseFixture:
        return sqlite_db


class TestMysql(ComputingAgain):
    @pytest.fixture
    def db(self, mysql_db: WarehouseFixture) -> WarehouseFixture:
        return mysql_db

    def test_the_sessions_time_zone_changes_no_figure(self, db: WarehouseFixture) -> None:
        """Instants are stored without a zone: no session can shift them, neither by writing nor by
        reading.
        """
        add(db, EVENTS)
        with engine_of(db) as engine:

            def go_abroad(connection: Any) -> None:
                connection.exec_driver_sql(f"SET SESSION time_zone = '{ABROAD}'")

            event.listen(engine, "begin", go_abroad)
            with engine.connect() as connection:
                run_key = key_of(connection, RUN_ID)
                stream = read_stream(connection, run_key, complete=True)
                assert connection.exec_driver_sql("SELECT @@session.time_zone").scalar_one() == ABROAD
            assert stream is not None
            assert compute(engine, run_key, stream, DayRange()) == DAYS
        assert_true(db, RUN_ID, EVENTS)


def test_a_run_is_whole_when_all_that_it_emitted_is_stored(sqlite_db: WarehouseFixture, runs_dir: Any) -> None:
    events = events_of("r1")
    keep_books(runs_dir, "r1", events)

    def whole() -> bool:
        with engine_of(sqlite_db) as engine, engine.connect() as connection:
            return is_whole(connection, key_of(connection, "r1"), RunDirectory(runs_dir, "r1"))

    add(sqlite_db, events[:-1])
    assert not whole()
    add(sqlite_db, events[-1:])
    assert whole()
    assert KEPT.days == 3
    computed(sqlite_db, "r1")
    assert whole()
    keep_books(runs_dir, "r1", events, sealed=False)
    assert not whole()
