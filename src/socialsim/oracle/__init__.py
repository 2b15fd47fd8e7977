"""The known right answer: what a run's KPIs are, added up by the simulation itself, from neither log nor rows.

In every process an ``KpiCollector`` is shown the events as they are emitted and keeps the few columns that KPIs are made of.
When the run has ended, ``make_truth`` joins the columns of all processes, day by day. The definitions are those of
docs/kpis.md, written a second time on purpose: SQL over the rows must come to the same figures by another way.
"""

from socialsim.oracle.columns import ColumnChunk, KpiCollector
from socialsim.oracle.truth import CohortRow, TrueKpiRow, Truth, make_truth

__all__ = ["CohortRow", "ColumnChunk", "KpiCollector", "TrueKpiRow", "Truth", "make_truth"]
