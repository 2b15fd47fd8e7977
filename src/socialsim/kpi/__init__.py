"""Key figures by day: computed from the events by SQL, stored beside them, read by whoever shows them.

To read (a ``Connection`` that cannot write will do; ``run_key`` comes from ``analytics.verify.stored_runs``)::

    read_daily(connection, run_key, since=None, until=None, metric=None) -> [KpiRow]   every figure of every day
    read_scalars(connection, run_key, since=None, until=None) -> {day: {metric: value}}
    read_cohorts(connection, run_key) -> [CohortWeek]                                  retention by weekly cohorts
    read_days(connection, run_key, since=None, until=None) -> [KpiDay]                 which days are computed, and hold
    read_stream(connection, run_key, complete=...) -> StoredExtent | None                    how far the run is stored

To compute: ``compute(engine, run_key, stream, wish)``. The definitions are in docs/kpis.md, the tables in
``warehouse.tables``. ``bounds``, ``facts``, ``queries`` are the SQL; ``days`` and ``figures`` decide; ``compute``
writes.
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
