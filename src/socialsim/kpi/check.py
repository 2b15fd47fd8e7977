"""Reconciles the KPIs that SQL computed from the rows with the ground truth, value by value."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple, TypeAlias

from socialsim.errors import InputError
from socialsim.oracle import Truth
from socialsim.runs.directory import RunDirectory

DIFFERENCES_SHOWN_MAX: Final = 20

Key: TypeAlias = tuple[date, str, str, str]  #: day, metric, dimension, dimension_value
Ratio: TypeAlias = tuple[int, int]  #: numerator, denominator
CohortKey: TypeAlias = tuple[date, int]  #: cohort_week, week_number


class Difference(NamedTuple):
    """A KPI value that differs; None where a side has no row."""

    day: date
    metric: str
    dimension: str
    dimension_value: str
    stored: Ratio | None
    truth: Ratio | None

    def __str__(self) -> str:
        of = f" {self.dimension} {self.dimension_value}" if self.dimension_value else ""
        return f"{self.day} {self.metric}{of}: stored {_text(self.stored)}, truth {_text(self.truth)}"


class KpiComparison(NamedTuple):
    """The result of a comparison. ``compared`` counts the values that either side has."""

    run_id: str
    sealed: bool  #: whether the truth covers the whole run
    closed_until: date
    compared: int
    differing: int
    first: tuple[Difference, ...]  #: the first differences in order of days

    @property
    def ok(self) -> bool:
        """Whether all values are equal and there was at least one."""
        return self.compared > 0 and not self.differing


def check_kpis(truth: Truth, daily: Mapping[Key, Ratio], cohorts: Mapping[CohortKey, Ratio]) -> KpiComparison:
    """Compare the rows of ``kpi_daily`` and ``cohort_weekly`` (users, active) with the ground
    truth.

    For closed days and weeks both sides must have the same rows. Days and weeks that the run's end
    left unfinished need not be stored; what is stored of them is compared like the rest.
    """
    true_daily = {
        (row.day, row.metric, row.dimension, row.dimension_value): (row.numerator, row.denominator)
        for row in truth.kpi_daily
    }
    true_cohorts = {(row.cohort_week, row.week_number): (row.users, row.active) for row in truth.cohort_weekly}
    days = {key[0] for key in daily}
    weeks = {_week(key) for key in cohorts}
    keys = {key for key in true_daily if key[0] < truth.closed_until or key[0] in days} | set(daily)
    cohort_keys = {
        (row.cohort_week, row.week_number)
        for row in truth.cohort_weekly
        if truth.week_is_closed(row) or _week((row.cohort_week, row.week_number)) in weeks
    } | set(cohorts)
    differences = [
        *(Difference(*key, daily.get(key), true_daily.get(key)) for key in sorted(keys)),
        *(
            Difference(week, "cohort_weekly", "week_number", str(number), stored, true)
            for week, number in sorted(cohort_keys)
            for stored, true in [(cohorts.get((week, number)), true_cohorts.get((week, number)))]
        ),
    ]
    found = [each for each in differences if each.stored != each.truth]
    return KpiComparison(
        run_id=truth.run_id,
        sealed=truth.sealed,
        closed_until=truth.closed_until,
        compared=len(differences),
        differing=len(found),
        first=tuple(found[:DIFFERENCES_SHOWN_MAX]),
    )


def require_truth(directory: RunDirectory) -> Truth:
    """The ground truth of a run that has ended.

    Raises InputError with the reason if there is none.
    """
    truth = directory.read_truth()
    if truth is not None:
        return truth
    record = directory.read_record()
    if record is None:
        raise InputError(f"{directory.path} is not there: only the run's own directory holds its true KPIs")
    if directory.is_led():
        raise InputError(f"run {directory.run_id} is being simulated: its true KPIs are known when it has ended")
    if record.state == "complete":
        raise InputError(f"{directory.path} holds no kpis.json: the run is older than the recording of true KPIs")
    raise InputError(
        f"run {directory.run_id} did not reach its end: socialsim run --resume {directory.run_id} resumes it"
    )


def as_text(comparison: KpiComparison) -> str:
    """The result for people: the conclusion is the last line."""
    lines = [
        f"run       {comparison.run_id}",
        f"compared  {comparison.compared:,} KPI values with the ground truth",
    ]
    if not comparison.sealed:
        lines.append(f"note      the run was stopped before its end; its truth ends at {comparison.closed_until}")
    lines += [f"  {each}" for each in comparison.first]
    if comparison.differing > len(comparison.first):
        lines.append(f"  ... and {comparison.differing - len(comparison.first):,} more")
    if comparison.ok:
        verdict = "all KPIs are true"
    elif not comparison.compared:
        verdict = "NOT true: there is nothing to compare"
    else:
        verdict = f"NOT true: {comparison.differing:,} KPI values differ, the first is {comparison.first[0]}"
    return "\n".join([*lines, verdict])


def _week(key: CohortKey) -> date:
    cohort_week, week_number = key
    return cohort_week + timedelta(weeks=week_number)


def _text(ratio: Ratio | None) -> str:
    if ratio is None:
        return "no row"
    numerator, denominator = ratio
    return f"{numerator:,}" if denominator == 1 else f"{numerator:,} / {denominator:,}"
