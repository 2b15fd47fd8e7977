"""The service that computes KPIs as days are closed, without a process, a signal or a real clock."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from socialsim.errors import InputError, TransientError
from socialsim.kpi.days import DayRange
from socialsim.kpi.follow import POLL_S, KpiService
from socialsim.runs.directory import RunDirectory
from tests.verification.stored import SCENARIO, events_of, keep_books, store
from tests.warehouse.warehouse_fixtures import WarehouseFixture


class Watching:
    """Counts what a listener is told, and ends the service after ``polls``."""

    def __init__(self, polls: int) -> None:
        self.polls = polls
        self.days = self.looks = self.failures = self.beats = 0
        self.waited_s: list[float] = []

    def stopped(self) -> bool:
        return self.looks + self.failures >= self.polls

    def beat(self) -> None:
        self.beats += 1

    def computed(self) -> None:
        self.days += 1

    def looked(self) -> None:
        self.looks += 1

    def failed(self) -> None:
        self.failures += 1


@pytest.fixture
async def engine(sqlite_db: WarehouseFixture) -> AsyncIterator[Engine]:
    await store(sqlite_db, events_of("r1"))
    made = create_engine(sqlite_db.url)
    yield made
    made.dispose()


def service(
    engine: Engine, runs_dir: Path, watching: Watching, fail: Callable[[], bool] = lambda: False, **options: bool
) -> KpiService:
    @contextmanager
    def translated() -> Iterator[None]:
        if fail():
            raise TransientError("the warehouse is away")
        yield

    return KpiService(
        engine,
        "the warehouse",
        lambda run_id: RunDirectory(runs_dir, run_id),
        complete=options.get("complete", False),
        translated=translated,
        stopped=watching.stopped,
        wait=watching.waited_s.append,
        clock=lambda: 0.0,
    )


def test_it_computes_each_closed_day_once_and_waits_between_polls(engine: Engine, runs_dir: Path) -> None:
    watching = Watching(polls=3)
    told: list[tuple[str, date]] = []
    service(engine, runs_dir, watching, complete=True).follow(
        None, watching, lambda run_id, _, day: told.append((run_id, day))
    )
    first = date(1970, 1, 1) + timedelta(microseconds=SCENARIO.start_us)
    assert told == [("r1", first + timedelta(days=number)) for number in range(len(told))]
    assert (watching.days, watching.looks, watching.waited_s) == (len(told), 3, [POLL_S, POLL_S])
    assert told


def test_a_warehouse_that_goes_away_is_waited_for_and_one_that_never_came_is_not(
    engine: Engine, runs_dir: Path
) -> None:
    answers = iter([False, True, True, False])
    watching = Watching(polls=4)
    service(engine, runs_dir, watching, lambda: next(answers)).follow(None, watching, lambda *_: None)
    assert (watching.looks, watching.failures) == (2, 2)
    with pytest.raises(TransientError):
        service(engine, runs_dir, Watching(1), lambda: True).follow(None, Watching(1), lambda *_: None)


def test_the_last_day_is_closed_when_the_manifests_say_that_all_is_stored(engine: Engine, runs_dir: Path) -> None:
    open_days = service(engine, runs_dir, Watching(9)).once(None, DayRange()).days
    keep_books(runs_dir, "r1", events_of("r1"))
    closed = service(engine, runs_dir, Watching(9)).once("r1", DayRange())
    assert closed.extent.complete
    assert set(closed.days).isdisjoint(open_days)
    assert closed.days
    with pytest.raises(InputError, match="--run-id is 'r2': the warehouse holds the run r1"):
        service(engine, runs_dir, Watching(9)).once("r2", DayRange())
