"""The stored figures, for whoever shows or checks them."""

from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select

from socialsim.kpi.metrics import CohortWeek
from socialsim.warehouse.schema.tables import cohort_weekly, kpi_daily, kpi_days


class KpiRow(NamedTuple):
    """One figure of one day, see docs/kpis.md."""

    day: date
    metric: str
    dimension: str
    dimension_value: str
    numerator: int
    denominator: int
    value: float


class KpiDay(NamedTuple):
    """A day that was announced. ``dirty``: not computed yet, or rows came in since. ``computed_at`` is UTC."""

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
    """The figures from ``since`` to ``until``, both among them, in the order of day, metric and dimension."""
    columns = [kpi_daily.c[name] for name in KpiRow._fields]
    query = select(*columns).where(kpi_daily.c.run_key == run_key, *_from_to(kpi_daily, since, until))
    if metric is not None:
        query = query.where(kpi_daily.c.metric == metric)
    query = query.order_by(*columns[:4])
    return [KpiRow(*row) for row in connection.execute(query)]


def read_scalars(
    connection: Connection, run_key: int, *, since: date | None = None, until: date | None = None
) -> dict[date, dict[str, float]]:
    """By day, the figures that are one number for the day, by metric. A ratio without a denominator is not there."""
    columns = (kpi_daily.c.day, kpi_daily.c.metric, kpi_daily.c.value)
    of_all = (kpi_daily.c.run_key == run_key, kpi_daily.c.dimension == "all")
    query = select(*columns).where(*of_all, *_from_to(kpi_daily, since, until)).order_by(*columns[:2])
    scalars: dict[date, dict[str, float]] = {}
    for day, metric, value in connection.execute(query):
        scalars.setdefault(day, {})[metric] = value
    return scalars


def read_cohorts(connection: Connection, run_key: int) -> list[CohortWeek]:
    """Every closed week of every weekly cohort, in their order."""
    columns = [cohort_weekly.c[name] for name in CohortWeek._fields]
    query = select(*columns).where(cohort_weekly.c.run_key == run_key).order_by(*columns[:2])
    return [CohortWeek(*row) for row in connection.execute(query)]


def read_days(
    connection: Connection, run_key: int, *, since: date | None = None, until: date | None = None
) -> list[KpiDay]:
    """The days that were announced, in their order."""
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
