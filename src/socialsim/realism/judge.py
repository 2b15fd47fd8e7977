"""Judges measured values by their bands, and combines several seeds to an interval."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec
import numpy as np
from scipy import stats

from socialsim.realism.bands import STATISTICS, Band, Evidence, Statistic, Use
from socialsim.realism.outcome import Measurement

Verdict = Literal["pass", "warn", "fail", "n/a"]

_ORDER: Final[tuple[Verdict, ...]] = ("pass", "warn", "fail", "n/a")
_CONFIDENCE: Final = 0.95


class StatisticValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value beside its band. ``verdict`` is None if it is only shown."""

    id: str
    title: str
    unit: str
    value: float | None
    way: str  #: the way this value belongs to, if the statistic passes by any of several
    low: float | None  #: of the band
    high: float | None
    verdict: Verdict | None
    baseline: float | None = None
    interval: tuple[float, float] | None = None  #: of the mean over seeds, 95 %
    seeds: tuple[float, ...] = ()  #: the values of the other seeds


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One statistic with its verdict and those of the baseline and of the other seeds."""

    id: str
    title: str
    use: Use
    published: str
    source: str
    evidence: Evidence
    verdict: Verdict
    baseline: Verdict | None
    seeds: tuple[Verdict, ...]
    figures: tuple[StatisticValue, ...]
    note: str
    reason: str  #: why there is no verdict


def verdict_of(value: float, band: Band) -> Verdict:
    """Pass inside the band, warn up to half its width outside, otherwise fail."""
    low = -np.inf if band.low is None else band.low
    high = np.inf if band.high is None else band.high
    if low <= value <= high:
        return "pass"
    width = high - low
    return "warn" if max(low - value, value - high) <= width / 2 else "fail"


def is_judged(band: Band) -> bool:
    """Whether the band has a bound."""
    return band.low is not None or band.high is not None


def judge_outcome(statistic: Statistic, outcome: Measurement) -> Verdict:
    """The worst verdict of the judged bands of a way; of several ways the best."""
    ways: dict[str, list[Verdict]] = {}
    for band in statistic.bands:
        if is_judged(band) and band.id in outcome.figures:
            ways.setdefault(band.way, []).append(verdict_of(outcome.figures[band.id], band))
    if not ways:
        return "n/a"
    return min((max(verdicts, key=_ORDER.index) for verdicts in ways.values()), key=_ORDER.index)


def judge(
    outcomes: Mapping[str, Measurement],
    baseline: Mapping[str, Measurement] | None,
    seeds: Sequence[Mapping[str, Measurement]],
    preset: str | None,
) -> list[Judged]:
    """Judge every measured statistic, in the order of the table."""
    return [
        _judge_one(
            statistic,
            outcomes[statistic.id],
            None if baseline is None else baseline[statistic.id],
            [each[statistic.id] for each in seeds],
            preset,
        )
        for statistic in STATISTICS
        if statistic.id in outcomes
    ]


def _judge_one(
    statistic: Statistic,
    outcome: Measurement,
    baseline: Measurement | None,
    seeds: Sequence[Measurement],
    preset: str | None,
) -> Judged:
    applies = not statistic.presets or preset in statistic.presets
    reason = outcome.reason
    if not reason and not applies:
        reason = f"published for another population: judged in runs of preset {' or '.join(statistic.presets)}"

    def verdict(each: Measurement) -> Verdict:
        return judge_outcome(statistic, each) if applies else "n/a"

    return Judged(
        id=statistic.id,
        title=statistic.title,
        use=statistic.use,
        published=statistic.published,
        source=statistic.source,
        evidence=statistic.evidence,
        verdict=verdict(outcome),
        baseline=None if baseline is None else verdict(baseline),
        seeds=tuple(map(verdict, seeds)),
        figures=tuple(_figure(band, outcome, baseline, seeds, applies=applies) for band in statistic.bands),
        note=outcome.note,
        reason=reason,
    )


def _figure(
    band: Band, outcome: Measurement, baseline: Measurement | None, seeds: Sequence[Measurement], *, applies: bool
) -> StatisticValue:
    value = outcome.figures.get(band.id)
    others = tuple(each.figures[band.id] for each in seeds if band.id in each.figures)
    return StatisticValue(
        id=band.id,
        title=band.title,
        unit=band.unit,
        way=band.way,
        value=value,
        low=band.low,
        high=band.high,
        verdict=verdict_of(value, band) if value is not None and applies and is_judged(band) else None,
        baseline=None if baseline is None else baseline.figures.get(band.id),
        interval=interval_of(([] if value is None else [value]) + list(others)) if others else None,
        seeds=others,
    )


def interval_of(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % confidence interval of the mean over all seeds, by Student's t.

    None for fewer than two values.
    """
    if len(values) < 2:
        return None
    spread = float(stats.sem(values) * stats.t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1))
    centre = float(np.mean(values))
    return centre - spread, centre + spread
