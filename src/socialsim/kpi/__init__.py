"""KPIs by day: computed from the events by SQL, stored beside them, read by reports and checks.

Reading (a read-only ``Connection`` suffices; ``run_key`` comes from the table ``runs``):

* ``read_daily(connection, run_key, since=None, until=None, metric=None) -> [KpiRow]``: every KPI of
  every day
* ``read_scalars(connection, run_key, since=None, until=None) -> {day: {metric: value}}``
* ``read_cohorts(connection, run_key) -> [CohortWeek]``: retention by weekly cohort
* ``read_days(connection, run_key, since=None, until=None) -> [KpiDay]``: which days are computed
  and clean
* ``read_stream(connection, run_key, complete=...) -> StoredExtent | None``: how much of the run is
  stored

Computing: ``compute(engine, run_key, extent, day_range)``. The definitions are in docs/kpis.md, the
tables in ``warehouse.schema.tables``. ``parameters``, ``aggregates`` and ``queries`` hold the SQL;
``days`` and ``metrics`` decide; ``compute`` writes.
"""

from socialsim.kpi.completeness import count_stored, is_whole
from socialsim.kpi.compute import CONNECTIONS, compute, read_stream
from socialsim.kpi.days import DayRange, StoredExtent
from socialsim.kpi.metrics import CohortWeek
from socialsim.kpi.reading import KpiDay, KpiRow, read_cohorts, read_daily, read_days, read_scalars

__all__ = [
    "CONNECTIONS",
    "CohortWeek",
    "DayRange",
    "KpiDay",
    "KpiRow",
    "StoredExtent",
    "compute",
    "count_stored",
    "is_whole",
    "read_cohorts",
    "read_daily",
    "read_days",
    "read_scalars",
    "read_stream",
]
