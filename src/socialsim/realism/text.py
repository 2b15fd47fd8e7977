"""A validation as rows of text."""

from collections import Counter
from collections.abc import Iterator, Sequence

from socialsim.realism.judge import Judged, StatisticValue, Verdict
from socialsim.realism.validation import Subject, Validation


def number(value: float | None, unit: str = "") -> str:
    """As short as three significant places allow."""
    if value is None:
        return "-"
    if unit == "share":
        return f"{100 * value:.1f} %"
    text = f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} h" if unit == "hours" else text


def band(figure: StatisticValue) -> str:
    """``low .. high``."""
    if figure.low is None and figure.high is None:
        return "-"
    return f"{number(figure.low, figure.unit)} .. {number(figure.high, figure.unit)}"


def headers(validation: Validation) -> list[str]:
    """Of the columns of ``rows``."""
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
    """One for each figure; the statistic's name, verdict and source stand in its first."""
    for statistic in validation.statistics:
        for place, figure in enumerate(statistic.figures):
            first = place == 0
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
    """What there is to say beside the figures."""
    for statistic in validation.statistics:
        said = "; ".join(filter(None, (statistic.note, statistic.reason)))
        if said:
            yield f"  {statistic.id}: {said}"


def subject(name: str, run: Subject) -> str:
    """One line about a run."""
    unreadable = f", {run.unreadable:,} records were unreadable" if run.unreadable else ""
    seed = "" if run.seed is None else f"seed {run.seed}, "
    size = f"{run.users:,} users, {run.days:g} days, {run.events:,} events"
    return f"{name:<10} {run.run_id} ({seed}{size}{unreadable}; {run.source})"


def verdict_line(validation: Validation) -> str:
    """The counts, and what fails by name."""
    missed = named(validation.statistics, "fail")
    held_out = [each for each in validation.statistics if each.use == "held out"]
    of_held_out = Counter(each.verdict for each in held_out)
    return (
        f"{validation.passed} of {len(validation.statistics)} pass, {validation.warned} warn, {validation.failed} fail, "
        f"{validation.not_available} n/a; of the {len(held_out)} held out {of_held_out['pass']} pass"
        + (f"; failing: {', '.join(missed)}" if missed else "")
    )


def named(statistics: Sequence[Judged], verdict: Verdict) -> list[str]:
    """The ids of those with ``verdict``."""
    return [each.id for each in statistics if each.verdict == verdict]


def baseline_line(validation: Validation) -> str:
    """How the baseline fares, which has to fail."""
    counts = Counter(each.baseline for each in validation.statistics)
    return f"the baseline: {counts['pass']} pass, {counts['warn']} warn, {counts['fail']} fail, {counts['n/a']} n/a"


def seed_lines(validation: Validation) -> Iterator[str]:
    """How each of the other seeds fares."""
    for place, run in enumerate(validation.seeds):
        counts = Counter(each.seeds[place] for each in validation.statistics)
        failing = [each.id for each in validation.statistics if each.seeds[place] == "fail"]
        yield (
            f"seed {run.seed}: {counts['pass']} pass, {counts['warn']} warn, {counts['fail']} fail, {counts['n/a']} n/a"
            + (f"; failing: {', '.join(failing)}" if failing else "")
        )
