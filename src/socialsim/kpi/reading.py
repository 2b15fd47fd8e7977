"""Reads the stored KPIs."""

from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select

from socialsim.kpi.metrics import CohortWeek
from socialsim.warehouse.schema.tables import cohort_weekly, kpi_daily, kpi_days


class KpiRow(NamedTuple):
    """One KPI value of one day; see docs/kpis.md."""

    day: date
    metric: str
    dimension: str
    dimension_value: str
    numerator: int
    denominator: int
    value: float


class KpiDay(NamedTuple):
    """An announced day.

    ``dirty``: not computed yet, or rows arrived since. ``computed_at`` is in UTC.
    """

    day: date
    dirty: bool
    events: int
    computed_at: datetime | None


def read_daily(
    connection: Connection,
    run_key: int,
    *,
    since: date | None = None,
    until: date | None = None,
    metric: str | None = None,
) -> list[KpiRow]:
    """The KPIs from ``since`` to ``until``, both included, ordered by day, metric and dimension."""
    columns = [kpi_daily.c[name] for name in KpiRow._fields]
    query = select(*columns).where(kpi_daily.c.run_key == run_key, *_from_to(kpi_daily, since, until))
    if metric is not None:
        query = query.where(kpi_daily.c.metric == metric)
    query = query.order_by(*columns[:4])
    return [KpiRow(*row) for row in connection.execute(query)]


def read_scalars(
    connection: Connection, run_key: int, *, since: date | None = None, until: date | None = None
) -> dict[date, dict[str, float]]:
    """By day and metric, the KPIs that are one number per day.

    A ratio without a denominator is absent.
    """
    columns = (kpi_daily.c.day, kpi_daily.c.metric, kpi_daily.c.value)
    of_all = (kpi_daily.c.run_key == run_key, kpi_daily.c.dimension == "all")
    query = select(*columns).where(*of_all, *_from_to(kpi_daily, since, until)).order_by(*columns[:2])
    scalars: dict[date, dict[str, float]] = {}
    for day, metric, value in connection.execute(query):
        scalars.setdefault(day, {})[metric] = value
    return scalars


def read_cohorts(connection: Connection, run_key: int) -> list[CohortWeek]:
    """All closed weeks of all cohorts, in order."""
    columns = [cohort_weekly.c[name] for name in CohortWeek._fields]
    query = select(*columns).where(cohort_weekly.c.run_key == run_key).order_by(*columns[:2])
    return [CohortWeek(*row) for row in connection.execute(query)]


def read_days(
    connection: Connection, run_key: int, *, since: date | None = None, until: date | None = None
) -> list[KpiDay]:
    """The announced days, in order."""
    columns = [kpi_days.c[name] for name in KpiDay._fields]
    query = select(*columns).where(kpi_days.c.run_key == run_key, *_from_to(kpi_days, since, until))
    return [
        KpiDay(day, bool(dirty), events, computed_at)
        for day, dirty, events, computed_at in connection.execute(query.order_by(kpi_days.c.day))
    ]


def _from_to(table: Table, since: date | None, until: date | None) -> list[Any]:
    bounds = []
    if since is not None:
        bounds.append(table.c.day >= since)
    if until is not None:
        bounds.append(table.c.day <= until)
    return bounds
