"""The truth of a run: its KPIs as rows, like those that SQL computes and stores."""

import itertools
from collections.abc import Iterable
from datetime import date, timedelta
from operator import attrgetter
from typing import Final, Literal

import msgspec

from socialsim.oracle.columns import ColumnChunk
from socialsim.oracle.daily import daily_figures
from socialsim.oracle.history import History
from socialsim.scenario.model import DAY_US, Scenario

_EPOCH: Final = date(1970, 1, 1)
_MONDAY: Final = 3  # 1970-01-01 was a Thursday: three days into its week


class TrueKpiRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure of one day, see docs/kpis.md."""

    day: date
    metric: str
    dimension: str
    dimension_value: str
    numerator: int
    denominator: int
    value: float


class CohortRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of the users who signed up in the week that begins on ``cohort_week``: how many were active how much later."""

    cohort_week: date
    week_number: int
    users: int
    active: int


class Truth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of ``kpis.json``.

    ``sealed`` says that the run came to its end; a run that was stopped before has the truth of what it did until then.
    Days from ``closed_until`` on, and weeks that hold such days, are unfinished: no KPIs need be stored of them.
    """

    format: Literal[1] = 1
    run_id: str
    sealed: bool
    closed_until: date
    events: int
    kpi_daily: tuple[TrueKpiRow, ...]
    cohort_weekly: tuple[CohortRow, ...]

    def week_is_closed(self, row: CohortRow) -> bool:
        """Whether the week that ``row`` speaks of is closed."""
        return row.cohort_week + timedelta(weeks=row.week_number + 1) <= self.closed_until


def make_truth(scenario: Scenario, run_id: str, chunks: Iterable[ColumnChunk], *, sealed: bool) -> Truth:
    """The truth of a run out of the chunks of all its processes, in the order of their days.

    It does not depend on how many processes there were: within a day nothing depends on the order of chunks.
    """
    history = History(scenario)
    rows: list[TrueKpiRow] = []
    weeks: dict[int, tuple[int, int]] = {}
    events = 0
    last_us = scenario.start_us
    for day, of_day in _without_gaps(chunks):
        events += sum(sum(chunk.counts.values()) for chunk in of_day)
        last_us = max([last_us, *(chunk.last_us for chunk in of_day)])
        history.turn_to(day, of_day)
        rows += [
            TrueKpiRow(
                day=_date(day),
                metric=figure.metric,
                dimension=figure.dimension,
                dimension_value=figure.dimension_value,
                numerator=figure.numerator,
                denominator=figure.denominator,
                value=figure.numerator / figure.denominator,
            )
            for figure in daily_figures(history)
        ]
        week = (day + _MONDAY) // 7
        joined, active = weeks.get(week, (0, 0))
        weeks[week] = (joined | history.of(day).joined, active | history.of(day).active)
    rows.sort(key=attrgetter("day", "metric", "dimension", "dimension_value"))
    return Truth(
        run_id=run_id,
        sealed=sealed,
        # Of days after the last event there are no rows, so nobody can tell that they are over but by the run's books.
        closed_until=_date(min(scenario.end_us // DAY_US, last_us // DAY_US + 1) if sealed else last_us // DAY_US),
        events=events,
        kpi_daily=tuple(rows),
        cohort_weekly=tuple(_cohorts(weeks)),
    )


def _without_gaps(chunks: Iterable[ColumnChunk]) -> Iterable[tuple[int, list[ColumnChunk]]]:
    """The days from the first to the last with their chunks, in which nothing happened with none."""
    next_day: int | None = None
    for day, of_day in itertools.groupby(chunks, attrgetter("day")):
        if next_day is not None:
            yield from ((silent, []) for silent in range(next_day, day))
        yield day, list(of_day)
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
