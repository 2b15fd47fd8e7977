"""Computes days and stores their KPIs: each day in one idempotent transaction.

A batch of days takes three steps. First the aggregates, and the KPIs that need only a day's own
events, are computed for several days in parallel if the engine can. Then each day is linked to
earlier ones. Then the KPIs are stored day by day, because some build on those of the day before.

No row that arrives meanwhile is missed. Before a day is computed for the first time it is announced
in ``kpi_days``, under a lock on the run's row that waits for writers who have not read ``kpi_days``
yet. Every later writer reads ``kpi_days`` before its commit and increments ``dirty`` of the days
whose events it stored and of all later days (``mark_days`` in ``warehouse.mysql.statements``). The
KPIs of a day are stored only if ``dirty`` still has the value that it had before the day's events
were read. On MySQL committed rows are read without locks: no writer waits.
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
    aggregate_metrics,
    cohort_weeks,
    event_metrics,
    has_row,
    read_cumulative_counts,
    read_volumes,
)
from socialsim.kpi.parameters import DAY, values_of
from socialsim.warehouse.schema.tables import EVENT_TABLES, cohort_weekly, kpi_daily, kpi_days, runs

_SUNDAY: Final = 6
_NOTHING: Final = {"events": 0, "users_so_far": 0, "friendships_so_far": 0}
CONNECTIONS: Final = 4  #: used in parallel if the engine can
_BATCH_DAYS: Final = 3 * CONNECTIONS  #: bounds how long a stop request waits


@dataclass(frozen=True, slots=True)
class _DayResult:
    """What a day's own events gave, and the value of ``dirty`` before they were read."""

    day: date
    dirty: int
    volumes: Volumes
    metrics: list[MetricValue]


def compute(
    engine: Engine,
    run_key: int,
    extent: StoredExtent,
    day_range: DayRange,
    *,
    on_day: Callable[[date], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[date]:
    """Compute the days that need it and return them. ``stopped`` is asked before each batch and
    day.

    If a day changes meanwhile, the computation ends before it: it and all later days stay dirty.
    ``engine`` needs write access. Raises InputError if ``day_range`` holds a day that is not
    closed, and SQLAlchemy's errors.
    """
    with _transaction(engine) as connection:
        days = days_to_compute(extent, read_clean(connection, run_key), day_range)
    done: list[date] = []
    if days:
        _announce(engine, run_key, days)
    with _parallel_map(engine) as for_each:
        for first in range(0, len(days), _BATCH_DAYS):
            batch = days[first : first + _BATCH_DAYS]
            if stopped():
                break
            results = list(for_each(partial(_aggregate, engine, run_key), batch))
            list(for_each(partial(_link, engine, run_key), batch))
            for result in results:
                if stopped() or not _store(engine, run_key, result):
                    return done
                done.append(result.day)
                on_day(result.day)
    return done


def read_stream(connection: Connection, run_key: int, *, complete: bool) -> StoredExtent | None:
    """The stored extent of the run; None if nothing is stored.

    Two look-ups per table, by primary key.
    """
    firsts, lasts = [], []
    for table in EVENT_TABLES.values():
        of_run = table.c.run_key == run_key
        firsts.append(connection.scalar(select(func.min(table.c.event_time)).where(of_run)))
        lasts.append(connection.scalar(select(func.max(table.c.event_time)).where(of_run)))
    known = [time for time in firsts if time is not None]
    return StoredExtent(min(known), max(time for time in lasts if time is not None), complete) if known else None


def read_clean(connection: Connection, run_key: int) -> dict[date, bool]:
    """Whether each day that was ever announced is clean."""
    rows = connection.execute(select(kpi_days.c.day, kpi_days.c.dirty).where(kpi_days.c.run_key == run_key))
    return {day: not dirty for day, dirty in rows}


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """On MySQL, read only committed rows, so that an INSERT from a query locks no row it reads."""
    if engine.dialect.name == "mysql":
        engine = engine.execution_options(isolation_level="READ COMMITTED")
    with engine.begin() as connection:
        yield connection


def _announce(engine: Engine, run_key: int, days: Sequence[date]) -> None:
    """Announce ``days``: from now on, every writer of their events marks them.

    See the module docstring.
    """
    with _transaction(engine) as connection:
        # A write without a change locks the row on every engine and needs no additional privilege.
        connection.execute(update(runs).where(runs.c.run_key == run_key).values(run_key=runs.c.run_key))
        known = read_clean(connection, run_key)
        new = [{"run_key": run_key, "day": day, "dirty": 1, **_NOTHING} for day in days if day not in known]
        if new:
            connection.execute(insert(kpi_days), new)


@contextmanager
def _parallel_map(engine: Engine) -> Iterator[Callable[..., Iterator[Any]]]:
    """``map`` over several connections; SQLite allows one writer at a time."""
    if engine.dialect.name != "mysql":
        yield map
        return
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="socialsim-kpi") as pool:
        yield pool.map


def _lock_day(connection: Connection, run_key: int, day: date) -> int:
    """Read ``dirty`` with a row lock held to the end of the transaction.

    Concurrent computations of the same day wait.
    """
    of_the_day = (kpi_days.c.run_key == run_key, kpi_days.c.day == day)
    return int(connection.execute(select(kpi_days.c.dirty).where(*of_the_day).with_for_update()).scalar_one())


def _aggregate(engine: Engine, run_key: int, day: date) -> _DayResult:
    values = values_of(run_key, day)
    with _transaction(engine) as connection:
        dirty = _lock_day(connection, run_key, day)
        for statement in BUILD_AGGREGATES:
            connection.execute(statement, values)
        day_queries = DayQueries(connection, values)
        volumes = read_volumes(day_queries)
        return _DayResult(day, dirty, volumes, event_metrics(day_queries, volumes))


def _link(engine: Engine, run_key: int, day: date) -> None:
    values = values_of(run_key, day)
    with _transaction(engine) as connection:
        _lock_day(connection, run_key, day)
        for statement in LINK_TO_PREVIOUS_DAYS:
            connection.execute(statement, values)


def _store(engine: Engine, run_key: int, result: _DayResult) -> bool:
    """Store a day's KPIs. False, with nothing stored, if the day or an earlier one has changed."""
    day = result.day
    with _transaction(engine) as connection:
        if _lock_day(connection, run_key, day) != result.dirty or _has_dirty_predecessor(connection, run_key, day):
            return False
        day_queries = DayQueries(connection, values_of(run_key, day))
        cumulative = read_cumulative_counts(day_queries, result.volumes)
        metrics = filter(has_row, [*result.metrics, *aggregate_metrics(day_queries, result.volumes, cumulative)])
        now = datetime.now(UTC).replace(tzinfo=None)
        connection.execute(delete(kpi_daily).where(kpi_daily.c.run_key == run_key, kpi_daily.c.day == day))
        connection.execute(
            insert(kpi_daily),
            [
                {"run_key": run_key, "day": day, **metric._asdict(), "value": metric.value, "computed_at": now}
                for metric in metrics
            ],
        )
        if day.weekday() == _SUNDAY:
            _store_cohorts(connection, day_queries, run_key, day)
        connection.execute(
            update(kpi_days)
            .where(kpi_days.c.run_key == run_key, kpi_days.c.day == day)
            .values(
                dirty=0,
                events=result.volumes.by_type.total(),
                users_so_far=cumulative.users,
                friendships_so_far=cumulative.friendships,
                computed_at=now,
            )
        )
    return True


def _has_dirty_predecessor(connection: Connection, run_key: int, day: date) -> bool:
    """Whether an earlier day is dirty.

    Safe once this day is locked: marking a day marks all later ones.
    """
    earlier = select(kpi_days.c.day).where(kpi_days.c.run_key == run_key, kpi_days.c.day < day, kpi_days.c.dirty != 0)
    return connection.execute(earlier.limit(1)).first() is not None


def _store_cohorts(connection: Connection, day_queries: DayQueries, run_key: int, sunday: date) -> None:
    """Replace the week's row of each cohort. A week has at most one row per cohort."""
    weeks = cohort_weeks(day_queries, sunday)
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
