"""Computing again, late rows, rows that come meanwhile, several who compute: what is stored is the truth in the end."""

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
from tests.warehouse.places import Place

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


def add(place: Place, events: Sequence[Event]) -> None:
    batch = Batch()
    for each in events:
        batch.events.setdefault(WIRE_NAMES[type(each)], []).append(each)

    async def store() -> None:
        async with place.opened() as warehouse:
            await warehouse.store(0, batch)

    asyncio.run(store())


def everything(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored beside the events, but for when."""
    with engine_of(place) as engine, engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(select(*(c for c in table.c if c.name != "computed_at")))),
                key=repr,
            )
            for table in TABLES
        }


def marked(place: Place) -> list[date]:
    with engine_of(place) as engine, engine.connect() as connection:
        return [each.day for each in read_days(connection, key_of(connection, RUN_ID)) if each.dirty]


def computed_at(place: Place) -> dict[date, datetime | None]:
    with engine_of(place) as engine, engine.connect() as connection:
        return {each.day: each.computed_at for each in read_days(connection, key_of(connection, RUN_ID))}


def without_one_of(day: date) -> tuple[list[Event], Event]:
    """All events but one, and that one: a like, which counts for its day's figures and for the days after."""
    of_day = [each for each in EVENTS if day_of(each) == day and WIRE_NAMES[type(each)] == "picture_like"]
    late = of_day[len(of_day) // 2]
    return [each for each in EVENTS if each is not late], late


class ComputingAgain:
    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    def test_twice_is_once(self, place: Place) -> None:
        add(place, EVENTS)
        assert computed(place, RUN_ID) == DAYS
        once = everything(place)
        assert all(once.values())
        assert computed(place, RUN_ID) == []
        assert computed(place, RUN_ID, DayRange(DAYS[0], DAYS[-1])) == DAYS
        assert computed(place, RUN_ID, DayRange(DAYS[7], DAYS[7])) == [DAYS[7]]
        assert computed(place, RUN_ID, DayRange(since=DAYS[5], until=DAYS[9])) == DAYS[5:10]
        assert everything(place) == once

    def test_as_the_stream_goes_on_comes_to_the_same_as_all_at_once(self, place: Place) -> None:
        done = 0
        for day in [*DAYS[1::4], DAYS[-1]]:
            behind = next((index for index, each in enumerate(EVENTS) if day_of(each) > day), len(EVENTS))
            add(place, EVENTS[done:behind])
            done = behind
            computed(place, RUN_ID, complete=day == DAYS[-1])
            assert marked(place) == []
        assert_true(place, RUN_ID, EVENTS)
        little_by_little = everything(place)
        assert computed(place, RUN_ID, DayRange(DAYS[0], DAYS[-1])) == DAYS
        assert everything(place) == little_by_little

    def test_a_late_row_marks_its_day_and_all_that_builds_on_it_and_the_next_call_heals_them(
        self, place: Place
    ) -> None:
        rest, late = without_one_of(DAYS[6])
        add(place, rest)
        computed(place, RUN_ID)
        assert_true(place, RUN_ID, rest)
        before = computed_at(place)
        add(place, [late])
        assert marked(place) == DAYS[6:]
        assert computed(place, RUN_ID) == DAYS[6:]
        assert_true(place, RUN_ID, EVENTS)
        after = computed_at(place)
        assert [day for day in DAYS if after[day] != before[day]] == DAYS[6:]

    def test_a_row_that_comes_again_marks_nothing(self, place: Place) -> None:
        add(place, EVENTS)
        computed(place, RUN_ID)
        add(place, EVENTS[100:200])
        assert marked(place) == []

    def test_a_wished_for_day_brings_those_before_it_that_hold_no_more(self, place: Place) -> None:
        rest, late = without_one_of(DAYS[6])
        add(place, rest)
        computed(place, RUN_ID)
        add(place, [late])
        assert computed(place, RUN_ID, DayRange(DAYS[8], DAYS[8])) == DAYS[6:9]
        assert marked(place) == DAYS[9:]
        assert computed(place, RUN_ID) == DAYS[9:]
        assert_true(place, RUN_ID, EVENTS)

    @pytest.mark.parametrize("asked", [4, 8, 14])
    def test_a_row_that_comes_meanwhile_is_not_overlooked(self, place: Place, asked: int) -> None:
        """``asked``: before its day is stored, with days before it and after it that are; before the second stretch."""
        rest, late = without_one_of(DAYS[6])
        add(place, rest)
        calls = 0

        def stopped() -> bool:
            nonlocal calls
            calls += 1
            if calls == asked:
                add(place, [late])
            return False

        with engine_of(place) as engine:
            with engine.connect() as connection:
                run_key = key_of(connection, RUN_ID)
                stream = read_stream(connection, run_key, complete=True)
            assert stream is not None
            done = compute(engine, run_key, stream, DayRange(), stopped=stopped)
        assert done == DAYS[: len(done)]
        assert marked(place) == DAYS[6:]
        assert computed(place, RUN_ID) == DAYS[6:]
        assert_true(place, RUN_ID, EVENTS)

    def test_two_who_compute_at_once_come_to_the_truth(self, place: Place) -> None:
        add(place, EVENTS)
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(computed, place, RUN_ID) for _ in range(2)]:
                future.result()
        computed(place, RUN_ID)
        assert marked(place) == []
        assert_true(place, RUN_ID, EVENTS)

    def test_a_call_that_is_stopped_leaves_whole_days(self, place: Place) -> None:
        add(place, EVENTS)
        calls = iter(range(1_000))
        with engine_of(place) as engine:
            with engine.connect() as connection:
                run_key = key_of(connection, RUN_ID)
                stream = read_stream(connection, run_key, complete=True)
            assert stream is not None
            done = compute(engine, run_key, stream, DayRange(), stopped=lambda: next(calls) >= 5)
        assert done == DAYS[: len(done)]
        assert 0 < len(done) < len(DAYS)
        assert_true(place, RUN_ID, EVENTS, behind=DAYS[len(done)])
        assert computed(place, RUN_ID) == DAYS[len(done) :]
        assert_true(place, RUN_ID, EVENTS)

    def test_the_count_of_what_is_stored_is_right_whatever_is_computed(self, place: Place) -> None:
        def count() -> int:
            with engine_of(place) as engine, engine.connect() as connection:
                return count_stored(connection, key_of(connection, RUN_ID))

        rest, late = without_one_of(DAYS[6])
        add(place, rest)
        assert count() == len(rest)
        computed(place, RUN_ID, DayRange(until=DAYS[9]))
        assert count() == len(rest)
        add(place, [late])
        assert count() == len(EVENTS)
        computed(place, RUN_ID)
        assert count() == len(EVENTS)


class TestSqlite(ComputingAgain):
    @pytest.fixture
    def place(self, sqlite_place: Place) -> Place:
        return sqlite_place


class TestMysql(ComputingAgain):
    @pytest.fixture
    def place(self, mysql_place: Place) -> Place:
        return mysql_place

    def test_the_sessions_time_zone_changes_no_figure(self, place: Place) -> None:
        """Instants are stored without a zone: no session can shift them, neither by writing nor by reading."""
        add(place, EVENTS)
        with engine_of(place) as engine:

            def go_abroad(connection: Any) -> None:
                connection.exec_driver_sql(f"SET SESSION time_zone = '{ABROAD}'")

            event.listen(engine, "begin", go_abroad)
            with engine.connect() as connection:
                run_key = key_of(connection, RUN_ID)
                stream = read_stream(connection, run_key, complete=True)
                assert connection.exec_driver_sql("SELECT @@session.time_zone").scalar_one() == ABROAD
            assert stream is not None
            assert compute(engine, run_key, stream, DayRange()) == DAYS
        assert_true(place, RUN_ID, EVENTS)


def test_a_run_is_whole_when_all_that_it_emitted_is_stored(sqlite_place: Place, runs_dir: Any) -> None:
    events = events_of("r1")
    keep_books(runs_dir, "r1", events)

    def whole() -> bool:
        with engine_of(sqlite_place) as engine, engine.connect() as connection:
            return is_whole(connection, key_of(connection, "r1"), RunDirectory(runs_dir, "r1"))

    add(sqlite_place, events[:-1])
    assert not whole()
    add(sqlite_place, events[-1:])
    assert whole()
    assert KEPT.days == 3
    computed(sqlite_place, "r1")
    assert whole()
    keep_books(runs_dir, "r1", events, sealed=False)
    assert not whole()
