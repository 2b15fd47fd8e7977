"""The data of the page's charts: curves of the run, of the baseline and of published values."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from socialsim.realism import rhythm, tails
from socialsim.realism.bands import DEGREE_MEAN, DEGREE_QUANTILES
from socialsim.realism.events import Ints, country_name
from socialsim.realism.measure import clustering_bins, retention_curve, settled_degrees
from socialsim.realism.outcome import NotComputableError
from socialsim.realism.view import AnalysisView

Floats = NDArray[np.float64]

_POINTS_MAX: Final = 240
_COUNTRIES: Final = 8
_RETENTION_DAYS_MAX: Final = 60
_GAP_BINS: Final = 60


class Curve(msgspec.Struct, frozen=True):
    """The points of one line.

    ``kind``: ``run``, ``baseline``, ``fit`` (to the run) or ``published``.
    """

    name: str
    kind: str
    x: list[float]
    y: list[float | None]


class Week(msgspec.Struct, frozen=True):
    """A country's share of events by hour of the week, UTC, from Monday; 168 values."""

    country: str
    shares: list[float]


class Charts(msgspec.Struct, frozen=True):
    """The data of all charts."""

    degree: list[Curve]  #: friends, share of users with at least this many
    likes: list[Curve]  #: likes, share of the liked posts with at least this many
    clustering: list[Curve]  #: friends, mean clustering
    week: list[Week]
    retention: list[Curve]  #: days after the day of sign-up, share of users active
    gaps: list[Curve]  #: seconds, gaps per octave as a share of all gaps


def make_charts(view: AnalysisView, baseline: AnalysisView | None) -> Charts:
    """The charts of ``view``, with the baseline's curves where they can be computed."""
    views = [("this run", "run", view)] + ([] if baseline is None else [("baseline", "baseline", baseline)])
    charts = Charts([], [], [], _weeks(view), [], [])
    for name, kind, each in views:
        for curves, make in (
            (charts.degree, _degree),
            (charts.clustering, _clustering),
            (charts.retention, _retention),
            (charts.gaps, _gaps),
            (charts.likes, _likes),
        ):
            try:
                curves.extend(make(each, name, kind))
            except NotComputableError:
                continue  # the statistic itself reports the reason
    charts.clustering.append(Curve("Facebook 2011", "published", [2.0, 100.0], [0.5, 0.14]))
    charts.retention.append(Curve("Adjust 2022, day 1", "published", [1.0], [0.23]))
    return charts


def _curve(name: str, kind: str, x: "Ints | Floats", y: Floats) -> Curve:
    """A curve thinned out to _POINTS_MAX points, evenly spaced on a logarithmic scale."""
    if len(x) > _POINTS_MAX:
        indices = np.unique(np.geomspace(1, len(x), _POINTS_MAX).astype(np.int64)) - 1
        x, y = x[indices], y[indices]
    rounded: list[float | None] = [float(f"{value:.5g}") if np.isfinite(value) else None for value in y.tolist()]
    return Curve(name, kind, [float(f"{value:.5g}") for value in x.tolist()], rounded)


def _degree(view: AnalysisView, name: str, kind: str) -> list[Curve]:
    degrees = settled_degrees(view)
    curves = [_curve(name, kind, *tails.survival(tails.histogram(degrees)))]
    if kind == "run":
        shares, values = np.array(DEGREE_QUANTILES).T
        grid = np.geomspace(values[0], values[-1], 80)
        survival = 1 - np.interp(np.log(grid), np.log(values), shares)
        curves.append(_curve("published shape", "published", (grid * degrees.mean() / DEGREE_MEAN)[:-1], survival[:-1]))
    return curves


def _likes(view: AnalysisView, name: str, kind: str) -> list[Curve]:
    data = tails.histogram(view.likes_of_posts)
    if not data.size:
        return []
    curves = [_curve(name, kind, *tails.survival(data))]
    if kind == "run" and len(data.values) > 2:
        grid = np.unique(np.geomspace(1, data.values[-1], 80).astype(np.int64))
        log_normal = tails.fit_log_normal(data)
        fitted = 1 - tails.log_normal_cdf(grid - 1, log_normal.mu, log_normal.sigma, 1)
        curves.append(_curve(f"log-normal, sigma {log_normal.sigma:.2f}", "fit", grid, fitted))
        law = tails.fit_power_law(data)
        if law is not None:
            tail = grid[grid >= law.xmin]
            curves.append(
                _curve(f"power law, exponent {law.alpha:.2f}", "fit", tail, tails.power_law_survival(tail, law, data))
            )
    return curves


def _clustering(view: AnalysisView, name: str, kind: str) -> list[Curve]:
    if not view.users or not view.graph.edges:
        return []
    return [_curve(name, kind, *clustering_bins(*view.clustering))]


def _retention(view: AnalysisView, name: str, kind: str) -> list[Curve]:
    curve = retention_curve(view, min(_RETENTION_DAYS_MAX, max(int(view.run.days) - 1, 1)))
    return [_curve(name, kind, np.arange(len(curve)), curve)] if np.isfinite(curve).any() else []


def _gaps(view: AnalysisView, name: str, kind: str) -> list[Curve]:
    seconds = rhythm.gaps_between(*view.actions).seconds
    seconds = seconds[seconds > 0]
    if not len(seconds):
        return []
    edges = np.geomspace(max(seconds.min(), 0.01), seconds.max() * 1.001, _GAP_BINS + 1)
    counts, _ = np.histogram(seconds, edges)
    shares = counts / len(seconds) / np.diff(np.log2(edges))
    occupied = counts > 0
    return [_curve(name, kind, np.sqrt(edges[1:] * edges[:-1])[occupied], shares[occupied])]


def _weeks(view: AnalysisView) -> list[Week]:
    """The weeks of the countries with the most users."""
    codes, counts = np.unique(view.countries, return_counts=True)
    largest = codes[np.argsort(-counts, kind="stable")][:_COUNTRIES]
    hours = rhythm.hour_of_week(view.actions.time_us)
    country = view.countries[view.actions.user] if view.users else view.countries
    weeks = []
    for code in largest.tolist():
        events = np.bincount(hours[country == code], minlength=168)
        if events.sum():
            weeks.append(
                Week(country_name(code), [float(f"{share:.4g}") for share in (events / events.sum()).tolist()])
            )
    return weeks
