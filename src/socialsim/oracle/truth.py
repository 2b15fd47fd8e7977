"""The ground truth of a run: its KPIs as rows like those that SQL computes and stores."""

import itertools
from collections.abc import Iterable
from datetime import date, timedelta
from operator import attrgetter
from typing import Final, Literal

import msgspec

from socialsim.oracle.columns import ColumnChunk
from socialsim.oracle.daily import daily_values
from socialsim.oracle.history import History
from socialsim.scenario.model import DAY_US, Scenario

_EPOCH: Final = date(1970, 1, 1)
_MONDAY: Final = 3  # 1970-01-01 was a Thursday: three days into its week


class TrueKpiRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One KPI value of one day; see docs/kpis.md."""

    day: date
    metric: str
    dimension: str
    dimension_value: str
    numerator: int
    denominator: int
    value: float


class CohortRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of the users who signed up in ``cohort_week`` were active ``week_number`` weeks
    later.
    """

    cohort_week: date
    week_number: int
    users: int
    active: int


class Truth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of ``kpis.json``.

    ``sealed`` says that the run reached its end; the truth of a stopped run covers what it had
    simulated. ``closed_until`` is the watermark's day: that day, later ones and weeks that contain
    such days are not closed, and no KPIs need be stored for them.
    """

    format: Literal[1] = 1
    run_id: str
    sealed: bool
    closed_until: date
    events: int
    kpi_daily: tuple[TrueKpiRow, ...]
    cohort_weekly: tuple[CohortRow, ...]

    def week_is_closed(self, row: CohortRow) -> bool:
        """Whether the watermark has passed the end of the row's week."""
        return row.cohort_week + timedelta(weeks=row.week_number + 1) <= self.closed_until


def make_truth(scenario: Scenario, run_id: str, chunks: Iterable[ColumnChunk], *, sealed: bool) -> Truth:
    """The ground truth of a run, from the chunks of all its processes, sorted by day.

    It does not depend on the number of processes: within a day, the order of chunks is irrelevant.
    """
    history = History(scenario)
    rows: list[TrueKpiRow] = []
    weeks: dict[int, tuple[int, int]] = {}
    events = 0
    last_us = scenario.start_us
    for day, day_chunks in _without_gaps(chunks):
        events += sum(sum(chunk.counts.values()) for chunk in day_chunks)
        last_us = max([last_us, *(chunk.last_us for chunk in day_chunks)])
        history.add_day(day, day_chunks)
        rows += [
            TrueKpiRow(
                day=_date(day),
                metric=kpi.metric,
                dimension=kpi.dimension,
                dimension_value=kpi.dimension_value,
                numerator=kpi.numerator,
                denominator=kpi.denominator,
                value=kpi.numerator / kpi.denominator,
            )
            for kpi in daily_values(history)
        ]
        week = (day + _MONDAY) // 7
        joined, active = weeks.get(week, (0, 0))
        weeks[week] = (joined | history.of(day).joined, active | history.of(day).active)
    rows.sort(key=attrgetter("day", "metric", "dimension", "dimension_value"))
    return Truth(
        run_id=run_id,
        sealed=sealed,
        # No row says that the days after the last event are over; only the sealed manifests do.
        closed_until=_date(min(scenario.end_us // DAY_US, last_us // DAY_US + 1) if sealed else last_us // DAY_US),
        events=events,
        kpi_daily=tuple(rows),
        cohort_weekly=tuple(_cohorts(weeks)),
    )


def _without_gaps(chunks: Iterable[ColumnChunk]) -> Iterable[tuple[int, list[ColumnChunk]]]:
    """All days from the first to the last with their chunks; days without events have none."""
    next_day: int | None = None
    for day, day_chunks in itertools.groupby(chunks, attrgetter("day")):
        if next_day is not None:
            yield from ((empty_day, []) for empty_day in range(next_day, day))
        yield day, list(day_chunks)
        next_day = day + 1


def _cohorts(weeks: dict[int, tuple[int, int]]) -> Iterable[CohortRow]:
    for cohort, (joined, _) in weeks.items():
        if joined:
            for week, (_, active) in weeks.items():
                if week >= cohort:
                    yield CohortRow(
                        cohort_week=_date(cohort * 7 - _MONDAY),
                        week_number=week - cohort,
                        users=joined.bit_count(),
                        active=(joined & active).bit_count(),
                    )


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)
