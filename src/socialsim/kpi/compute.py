"""Computes days and stores their figures: each day's in one transaction, as often as one likes.

A stretch of days is made in three steps. Facts and figures that are read off a day's own events are gathered for several
days side by side, where the engine can; then each day is tied to those before it; then its figures are stored, day
after day, for some build on those of the day before.

Nothing that comes in meanwhile is overlooked. Before a day is computed for the first time it is announced in
``kpi_days``, under a lock on the run's row that waits for the writers who have not looked there yet. Whoever stores
events later looks there before he commits, and counts up ``dirty`` of the days that he touched and of all after them
(``mark_days`` in ``warehouse.mysql_statements``). What ``dirty`` was before a day's events were read must still be there
when its figures are stored, or they are not. On MySQL committed rows are read without locking them: no writer waits.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update

from socialsim.kpi.aggregates import BUILD_AGGREGATES, LINK_TO_PREVIOUS_DAYS
from socialsim.kpi.days import DayRange, StoredExtent, days_to_compute
from socialsim.kpi.metrics import (
    DayQueries,
    MetricValue,
    Volumes,
    cohort_weeks,
    event_figures,
    fact_figures,
    has_row,
    read_so_far,
    read_volumes,
)
from socialsim.kpi.parameters import DAY, values_of
from socialsim.warehouse.schema.tables import EVENT_TABLES, cohort_weekly, kpi_daily, kpi_days, runs

_SUNDAY: Final = 6
_NOTHING: Final = {"events": 0, "users_so_far": 0, "friendships_so_far": 0}
CONNECTIONS: Final = 4  #: that are used at once, where the engine can
_STRETCH_DAYS: Final = 3 * CONNECTIONS  #: how long a request to stop may have to wait


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What was read of a day's events, and what ``dirty`` was before."""

    day: date
    dirty: int
    volumes: Volumes
    figures: list[MetricValue]


def compute(
    engine: Engine,
    run_key: int,
    stream: StoredExtent,
    wish: DayRange,
    *,
    on_day: Callable[[date], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[date]:
    """Compute what is to be computed and return those days; ``stopped`` is asked before each stretch and each day.

    If a day changes in the meantime they end before it: it stays marked, and so do those after it. ``engine`` may write.
    Raises InputError if a day is wished for that is not closed, and SQLAlchemy's errors.
    """
    with _transaction(engine) as connection:
        days = days_to_compute(stream, read_clean(connection, run_key), wish)
    done: list[date] = []
    if days:
        _announce(engine, run_key, days)
    with _side_by_side(engine) as for_each:
        for first in range(0, len(days), _STRETCH_DAYS):
            stretch = days[first : first + _STRETCH_DAYS]
            if stopped():
                break
            gathered = list(for_each(partial(_gather, engine, run_key), stretch))
            list(for_each(partial(_link, engine, run_key), stretch))
            for each in gathered:
                if stopped() or not _store(engine, run_key, each):
                    return done
                done.append(each.day)
                on_day(each.day)
    return done


def read_stream(connection: Connection, run_key: int, *, complete: bool) -> StoredExtent | None:
    """How far the run is stored; None if nothing is. Two look-ups in each table's primary key."""
    firsts, lasts = [], []
    for table in EVENT_TABLES.values():
        of_run = table.c.run_key == run_key
        firsts.append(connection.scalar(select(func.min(table.c.event_time)).where(of_run)))
        lasts.append(connection.scalar(select(func.max(table.c.event_time)).where(of_run)))
    known = [at for at in firsts if at is not None]
    return StoredExtent(min(known), max(at for at in lasts if at is not None), complete) if known else None


def read_clean(connection: Connection, run_key: int) -> dict[date, bool]:
    """Of every day that was ever computed, whether its figures still hold."""
    rows = connection.execute(select(kpi_days.c.day, kpi_days.c.dirty).where(kpi_days.c.run_key == run_key))
    return {day: not dirty for day, dirty in rows}


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """On MySQL one that sees what is committed, so that an INSERT ... SELECT locks none of the rows that it reads."""
    if engine.dialect.name == "mysql":
        engine = engine.execution_options(isolation_level="READ COMMITTED")
    with engine.begin() as connection:
        yield connection


def _announce(engine: Engine, run_key: int, days: Sequence[date]) -> None:
    """From now on whoever stores an event of these days marks them; see the module's text."""
    with _transaction(engine) as connection:
        # A write that changes nothing locks the row on every engine, and needs no right that the writer has not.
        connection.execute(update(runs).where(runs.c.run_key == run_key).values(run_key=runs.c.run_key))
        known = read_clean(connection, run_key)
        fresh = [{"run_key": run_key, "day": day, "dirty": 1, **_NOTHING} for day in days if day not in known]
        if fresh:
            connection.execute(insert(kpi_days), fresh)


@contextmanager
def _side_by_side(engine: Engine) -> Iterator[Callable[..., Iterator[Any]]]:
    """``map`` over several connections; SQLite has one writer at a time."""
    if engine.dialect.name != "mysql":
        yield map
        return
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="socialsim-kpi") as pool:
        yield pool.map


def _dirty(connection: Connection, run_key: int, day: date) -> int:
    """What it is, and no other: until the transaction ends it stays so, and another process that computes waits."""
    of_the_day = (kpi_days.c.run_key == run_key, kpi_days.c.day == day)
    return int(connection.execute(select(kpi_days.c.dirty).where(*of_the_day).with_for_update()).scalar_one())


def _gather(engine: Engine, run_key: int, day: date) -> _Gathered:
    values = values_of(run_key, day)
    with _transaction(engine) as connection:
        dirty = _dirty(connection, run_key, day)
        for statement in BUILD_AGGREGATES:
            connection.execute(statement, values)
        asker = DayQueries(connection, values)
        volumes = read_volumes(asker)
        return _Gathered(day, dirty, volumes, event_figures(asker, volumes))


def _link(engine: Engine, run_key: int, day: date) -> None:
    values = values_of(run_key, day)
    with _transaction(engine) as connection:
        _dirty(connection, run_key, day)
        for statement in LINK_TO_PREVIOUS_DAYS:
            connection.execute(statement, values)


def _store(engine: Engine, run_key: int, gathered: _Gathered) -> bool:
    """False, with nothing stored, if events of the day came in since they were gathered, or of a day before."""
    day = gathered.day
    with _transaction(engine) as connection:
        if _dirty(connection, run_key, day) != gathered.dirty or _has_dirty_predecessor(connection, run_key, day):
            return False
        asker = DayQueries(connection, values_of(run_key, day))
        so_far = read_so_far(asker, gathered.volumes)
        figures = filter(has_row, [*gathered.figures, *fact_figures(asker, gathered.volumes, so_far)])
        now = datetime.now(UTC).replace(tzinfo=None)
        connection.execute(delete(kpi_daily).where(kpi_daily.c.run_key == run_key, kpi_daily.c.day == day))
        connection.execute(
            insert(kpi_daily),
            [
                {"run_key": run_key, "day": day, **figure._asdict(), "value": figure.value, "computed_at": now}
                for figure in figures
            ],
        )
        if day.weekday() == _SUNDAY:
            _store_cohorts(connection, asker, run_key, day)
        connection.execute(
            update(kpi_days)
            .where(kpi_days.c.run_key == run_key, kpi_days.c.day == day)
            .values(
                dirty=0,
                events=gathered.volumes.by_type.total(),
                users_so_far=so_far.users,
                friendships_so_far=so_far.friendships,
                computed_at=now,
            )
        )
    return True


def _has_dirty_predecessor(connection: Connection, run_key: int, day: date) -> bool:
    """Whether a day before it has no figures that hold. Asked when the day is locked: who marks one marks it too."""
    earlier = select(kpi_days.c.day).where(kpi_days.c.run_key == run_key, kpi_days.c.day < day, kpi_days.c.dirty != 0)
    return connection.execute(earlier.limit(1)).first() is not None


def _store_cohorts(connection: Connection, asker: DayQueries, run_key: int, sunday: date) -> None:
    """Replace the week's row of each cohort. A week has at most one of each number."""
    weeks = cohort_weeks(asker, sunday)
    monday = sunday - 6 * DAY
    known = connection.execute(
        select(cohort_weekly.c.cohort_week, cohort_weekly.c.week_number).where(cohort_weekly.c.run_key == run_key)
    )
    old = [{"cohort": cohort, "number": number} for cohort, number in known if cohort + 7 * number * DAY == monday]
    if old:
        of_cohort = (
            cohort_weekly.c.run_key == run_key,
            cohort_weekly.c.cohort_week == bindparam("cohort"),
            cohort_weekly.c.week_number == bindparam("number"),
        )
        connection.execute(delete(cohort_weekly).where(*of_cohort), old)
    if weeks:
        connection.execute(insert(cohort_weekly), [{"run_key": run_key, **week._asdict()} for week in weeks])
