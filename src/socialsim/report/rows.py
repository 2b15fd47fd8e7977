"""The rows that a page is built from: a run's KPIs, read from the warehouse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from socialsim.kpi.metrics import CohortWeek
from socialsim.kpi.reading import KpiRow, read_cohorts, read_daily, read_days
from socialsim.runs.catalog import stored_runs
from socialsim.runs.choice import choose_run
from socialsim.warehouse.schema.tables import users

#: A page shows at most this many days: with more, bars are narrower than a pixel.
DAYS_MAX: Final = 400


class Run(NamedTuple):
    """A run in the warehouse."""

    run_id: str
    key: int


class Person(NamedTuple):
    """The user behind a user id."""

    name: str
    country: str


@dataclass(frozen=True, slots=True)
class KpiRows:
    """All rows of one run.

    ``people`` has at least the users of ``top_creator_likes``, by id as text.
    """

    run_id: str
    rows: Sequence[KpiRow] = ()
    cohorts: Sequence[CohortWeek] = ()
    people: Mapping[str, Person] = field(default_factory=dict)
    computed_at: datetime | None = None  #: UTC, of the newest KPI
    waiting: int = 0  #: days whose KPIs must be computed again


def find_run(connection: Connection, run_id: str | None) -> Run | None:
    """The run ``run_id``, or the only one; None if there is none at all.

    Raises InputError, naming the runs that there are, if ``run_id`` is not one of them or one must
    be chosen.
    """
    stored = stored_runs(connection)
    if not stored and run_id is None:
        return None
    chosen = choose_run(run_id, list(stored), "the warehouse")
    return Run(chosen, stored[chosen])


def read_version(connection: Connection, run: Run) -> str:
    """A text that changes whenever KPIs are computed."""
    days = read_days(connection, run.key)
    newest = max((day.computed_at for day in days if day.computed_at is not None), default=None)
    return f"{run.run_id}:{len(days)}:{sum(day.dirty for day in days)}:{'' if newest is None else newest.isoformat()}"


def read_rows(connection: Connection, run: Run) -> KpiRows:
    """All rows for a page, of the last DAYS_MAX days."""
    days = [day for day in read_days(connection, run.key) if day.computed_at is not None]
    if not days:
        return KpiRows(run.run_id)
    since = days[-1].day - timedelta(days=DAYS_MAX - 1)
    rows = read_daily(connection, run.key, since=since)
    return KpiRows(
        run_id=run.run_id,
        rows=rows,
        cohorts=[each for each in read_cohorts(connection, run.key) if each.cohort_week >= since],
        people=_people(connection, run, rows),
        computed_at=max(day.computed_at for day in days if day.computed_at is not None),
        waiting=sum(day.dirty for day in days),
    )


def _people(connection: Connection, run: Run, rows: Sequence[KpiRow]) -> dict[str, Person]:
    """The top creators of the last day.

    A sign-up may not be stored yet: topics are consumed separately.
    """
    last = rows[-1].day if rows else None
    ids = [int(row.dimension_value) for row in rows if row.metric == "top_creator_likes" and row.day == last]
    columns = users.c
    query = select(columns.user_id, columns.first_name, columns.last_name, columns.country).where(
        columns.run_key == run.key, columns.user_id.in_(ids)
    )
    return {
        str(user_id): Person(f"{first} {family}".strip(), country)
        for user_id, first, family, country in connection.execute(query)
    }
