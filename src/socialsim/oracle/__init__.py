"""The ground truth: a run's KPIs computed by the simulation itself, without log, rows or SQL.

In each process a ``KpiCollector`` observes the events as they are emitted and keeps the few columns
that the KPIs need. When the run has ended, ``make_truth`` merges the columns of all processes day
by day. It implements docs/kpis.md a second time on purpose: SQL over the rows must produce the same
values in another way.
"""

from socialsim.oracle.columns import ColumnChunk, KpiCollector
from socialsim.oracle.truth import CohortRow, TrueKpiRow, Truth, make_truth

__all__ = ["CohortRow", "ColumnChunk", "KpiCollector", "TrueKpiRow", "Truth", "make_truth"]
