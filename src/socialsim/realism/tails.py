"""Heavy tails of counts: discrete power law and log-normal by maximum likelihood, and their
comparison.

The method is that of Clauset, Shalizi and Newman (2009): the tail starts where the
Kolmogorov-Smirnov distance of the fitted power law is smallest, and the two are compared there by
Vuong's likelihood ratio.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import erfc, log_ndtr, ndtr, zeta

from socialsim.realism.events import Ints

Floats = NDArray[np.float64]

_CANDIDATES_MAX: Final = 120
TAIL_MIN: Final = 50  #: values that a tail needs to be fitted


class Histogram(NamedTuple):
    """Distinct values, ascending, and their counts."""

    values: Ints
    counts: Ints

    @property
    def size(self) -> int:
        """The number of values."""
        return int(self.counts.sum())

    def since(self, least: int) -> "Histogram":
        """The values from ``least`` on."""
        kept = self.values >= least
        return Histogram(self.values[kept], self.counts[kept])


class PowerLaw(NamedTuple):
    """``p(x) ~ x^-alpha`` for x >= ``xmin``; ``ks`` is its distance to the ``tail`` values it was
    fitted to.
    """

    alpha: float
    xmin: int
    ks: float
    tail: int


class LogNormal(NamedTuple):
    """A normal logarithm with ``mu`` and ``sigma``, rounded to whole numbers from ``xmin`` on."""

    mu: float
    sigma: float
    xmin: int
    ks: float


class Ratio(NamedTuple):
    """Positive ``r`` favours the power law, negative the log-normal; ``p`` is the p-value."""

    r: float
    p: float

    @property
    def verdict(self) -> str:
        """The result in words."""
        if self.p >= 0.1:
            return "power law and log-normal are not distinguishable"
        return "power law is more likely than log-normal" if self.r > 0 else "log-normal is more likely than power law"


def histogram(values: Ints) -> Histogram:
    """The histogram of ``values``, without those below 1."""
    distinct, counts = np.unique(values[values >= 1], return_counts=True)
    return Histogram(distinct.astype(np.int64), counts.astype(np.int64))


def power_law_at(data: Histogram, xmin: int) -> PowerLaw:
    """The power law of the tail from ``xmin`` on."""
    tail = data.since(xmin)
    size = tail.size
    mean_log = float(np.dot(tail.counts, np.log(tail.values)) / size)
    found = minimize_scalar(
        lambda alpha: float(np.log(zeta(alpha, xmin)) + alpha * mean_log),
        bounds=(1.0 + 1e-6, 20.0), method="bounded", options={"xatol": 1e-7},
    )  # fmt: skip
    alpha = float(found.x)
    # Between two values the law continues while the data stay constant, so both ends of each step
    # count.
    empirical = np.cumsum(tail.counts) / size
    above = 1 - zeta(alpha, tail.values + 1) / zeta(alpha, xmin)
    below = 1 - zeta(alpha, tail.values) / zeta(alpha, xmin)
    ks = max(np.abs(empirical - above).max(), np.abs(np.append(0.0, empirical[:-1]) - below).max())
    return PowerLaw(alpha, xmin, float(ks), size)


def fit_power_law(data: Histogram) -> PowerLaw | None:
    """The best-fitting power law; None if no tail has TAIL_MIN values."""
    # the number of values from each candidate on
    left = data.size - np.cumsum(data.counts) + data.counts
    candidates = data.values[(left >= TAIL_MIN) & (data.values < data.values[-1])] if len(data.values) else data.values
    if len(candidates) > _CANDIDATES_MAX:
        indices = np.unique(np.geomspace(1, len(candidates), _CANDIDATES_MAX).astype(np.int64)) - 1
        candidates = candidates[indices]
    fits = [power_law_at(data, int(xmin)) for xmin in candidates]
    return min(fits, key=lambda fit: fit.ks) if fits else None


def fit_log_normal(data: Histogram, xmin: int = 1) -> LogNormal:
    """The log-normal of the values from ``xmin`` on, truncated below it.

    There must be some values.
    """
    tail = data.since(xmin)
    logs = np.log(tail.values)
    size = tail.size
    mean = float(np.dot(tail.counts, logs) / size)
    spread = max(float(np.sqrt(np.dot(tail.counts, (logs - mean) ** 2) / size)), 0.05)

    def mean_negative_log_likelihood(parameters: Floats) -> float:
        mu, sigma = float(parameters[0]), float(np.exp(parameters[1]))
        return -float(np.dot(tail.counts, _log_normal_log_p(tail.values, mu, sigma, xmin))) / size

    found = minimize(
        mean_negative_log_likelihood, np.array([mean, np.log(spread)]), method="Nelder-Mead",
        bounds=((-20.0, 50.0), (np.log(0.02), np.log(20.0))), options={"xatol": 1e-6, "fatol": 1e-10, "maxiter": 4_000},
    )  # fmt: skip
    mu, sigma = float(found.x[0]), float(np.exp(found.x[1]))
    empirical = np.cumsum(tail.counts) / size
    fitted = log_normal_cdf(tail.values, mu, sigma, xmin)
    before = log_normal_cdf(tail.values - 1, mu, sigma, xmin)
    ks = max(np.abs(empirical - fitted).max(), np.abs(np.append(0.0, empirical[:-1]) - before).max())
    return LogNormal(mu, sigma, xmin, float(ks))


def log_normal_cdf(values: Ints, mu: float, sigma: float, xmin: int) -> Floats:
    """The share of values up to ``values`` in the rounded log-normal from ``xmin`` on."""
    start = ndtr(_standardised(xmin - 0.5, mu, sigma))
    reached = ndtr(_standardised(values + 0.5, mu, sigma))
    return np.asarray(np.clip((reached - start) / max(1.0 - float(start), 1e-300), 0.0, 1.0), np.float64)


def _standardised(value: "NDArray[np.floating[Any]] | float", mu: float, sigma: float) -> Floats:
    return np.asarray((np.log(value) - mu) / sigma, np.float64)


def _log_normal_log_p(values: Ints, mu: float, sigma: float, xmin: int) -> Floats:
    # In the upper half both ends are near 1 and their difference would lose precision: use the
    # mirror image there.
    low, high = _standardised(values - 0.5, mu, sigma), _standardised(values + 0.5, mu, sigma)
    flip = low > 0
    small, large = log_ndtr(np.where(flip, -high, low)), log_ndtr(np.where(flip, -low, high))
    between = large + np.log1p(-np.minimum(np.exp(small - large), 1.0 - 1e-16))
    return np.asarray(between - log_ndtr(-_standardised(xmin - 0.5, mu, sigma)), np.float64)


def compare(data: Histogram, law: PowerLaw) -> Ratio:
    """Vuong's likelihood ratio of ``law`` and the log-normal fitted to the same tail."""
    tail = data.since(law.xmin)
    other = fit_log_normal(data, law.xmin)
    of_law = -law.alpha * np.log(tail.values) - np.log(zeta(law.alpha, law.xmin))
    difference = of_law - _log_normal_log_p(tail.values, other.mu, other.sigma, law.xmin)
    size = tail.size
    r = float(np.dot(tail.counts, difference))
    variance = float(np.dot(tail.counts, (difference - r / size) ** 2)) / size
    if variance == 0:
        return Ratio(r, 1.0)
    return Ratio(r, float(erfc(abs(r) / np.sqrt(2 * size * variance))))


def survival(data: Histogram) -> tuple[Ints, Floats]:
    """Each value and the share of values at least as large."""
    return data.values, 1 - (np.cumsum(data.counts) - data.counts) / data.size


def power_law_survival(values: Ints, law: PowerLaw, data: Histogram) -> Floats:
    """The share of ``data`` that would be at least ``values`` if the law held in its tail."""
    share = law.tail / data.size
    return np.asarray(share * zeta(law.alpha, values) / zeta(law.alpha, law.xmin), np.float64)
