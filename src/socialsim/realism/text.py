"""A validation as text."""

from collections import Counter
from collections.abc import Iterator, Sequence

from socialsim.realism.judge import Judged, StatisticValue, Verdict
from socialsim.realism.validation import Subject, Validation


def number(value: float | None, unit: str = "") -> str:
    """``value`` with three significant digits, as short as possible."""
    if value is None:
        return "-"
    if unit == "share":
        return f"{100 * value:.1f} %"
    text = f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} h" if unit == "hours" else text


def band(figure: StatisticValue) -> str:
    """The band as ``low .. high``."""
    if figure.low is None and figure.high is None:
        return "-"
    return f"{number(figure.low, figure.unit)} .. {number(figure.high, figure.unit)}"


def headers(validation: Validation) -> list[str]:
    """The headers of the columns in ``rows``."""
    others = ["over seeds, 95 %"] if validation.seeds else []
    baseline = ["baseline"] if validation.baseline is not None else []
    return [
        "statistic",
        "figure",
        "value",
        *others,
        *baseline,
        "band",
        "verdict",
        "use",
        "published (source, evidence)",
    ]


def rows(validation: Validation) -> Iterator[list[str]]:
    """One row per value; the first of a statistic also has its name, verdict and source."""
    for statistic in validation.statistics:
        for index, figure in enumerate(statistic.figures):
            first = index == 0
            interval = figure.interval
            between = "-" if interval is None else " .. ".join(number(each, figure.unit) for each in interval)
            yield [
                statistic.id if first else "",
                figure.title + (f" ({figure.way})" if figure.way else ""),
                number(figure.value, figure.unit),
                *([between] if validation.seeds else []),
                *([number(figure.baseline, figure.unit)] if validation.baseline is not None else []),
                band(figure),
                statistic.verdict.upper() if first else f"({figure.verdict})" if figure.verdict else "",
                statistic.use if first else "",
                f"{statistic.published} ({statistic.source}, {statistic.evidence})" if first else "",
            ]


def notes(validation: Validation) -> Iterator[str]:
    """The notes and reasons of the statistics."""
    for statistic in validation.statistics:
        text = "; ".join(filter(None, (statistic.note, statistic.reason)))
        if text:
            yield f"  {statistic.id}: {text}"


def subject(name: str, run: Subject) -> str:
    """One line about a run."""
    unreadable = f", {run.unreadable:,} records were unreadable" if run.unreadable else ""
    seed = "" if run.seed is None else f"seed {run.seed}, "
    size = f"{run.users:,} users, {run.days:g} days, {run.events:,} events"
    return f"{name:<10} {run.run_id} ({seed}{size}{unreadable}; {run.source})"


def verdict_line(validation: Validation) -> str:
    """The counts of verdicts, and the names of the failing statistics."""
    missed = named(validation.statistics, "fail")
    held_out = [each for each in validation.statistics if each.use == "held out"]
    of_held_out = Counter(each.verdict for each in held_out)
    return (
        f"{validation.passed} of {len(validation.statistics)} pass, {validation.warned} warn, {validation.failed} fail, "
        f"{validation.not_available} n/a; of the {len(held_out)} held out {of_held_out['pass']} pass"
        + (f"; failing: {', '.join(missed)}" if missed else "")
    )


def named(statistics: Sequence[Judged], verdict: Verdict) -> list[str]:
    """The ids of the statistics with ``verdict``."""
    return [each.id for each in statistics if each.verdict == verdict]


def baseline_line(validation: Validation) -> str:
    """The verdicts of the baseline, which should fail."""
    counts = Counter(each.baseline for each in validation.statistics)
    return f"the baseline: {counts['pass']} pass, {counts['warn']} warn, {counts['fail']} fail, {counts['n/a']} n/a"


def seed_lines(validation: Validation) -> Iterator[str]:
    """The verdicts of each of the other seeds."""
    for index, run in enumerate(validation.seeds):
        counts = Counter(each.seeds[index] for each in validation.statistics)
        failing = [each.id for each in validation.statistics if each.seeds[index] == "fail"]
        yield (
            f"seed {run.seed}: {counts['pass']} pass, {counts['warn']} warn, {counts['fail']} fail, {counts['n/a']} n/a"
            + (f"; failing: {', '.join(failing)}" if failing else "")
        )
