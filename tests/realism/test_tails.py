"""Fits of heavy tails, compared with the package powerlaw and with samples of known laws."""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

from socialsim.realism import tails
from socialsim.realism.events import Ints

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports
    import powerlaw

ZIPF = np.random.default_rng(1).zipf(2.5, 4_000)
WIDE = np.maximum(np.round(np.random.default_rng(2).lognormal(1.5, 1.0, 4_000)), 0).astype(np.int64)
NARROW = np.random.default_rng(3).poisson(3.0, 4_000)


def theirs(values: Ints, **options: Any) -> tuple[float, float, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own numerics
        fit = powerlaw.Fit(values[values >= 1], discrete=True, estimate_discrete=False, verbose=False, **options)
        return fit.power_law.alpha, fit.power_law.xmin, fit


@pytest.mark.parametrize("xmin", [1, 2, 5])
@pytest.mark.parametrize("values", [ZIPF, WIDE], ids=["zipf", "log-normal"])
def test_the_exponent_equals_that_of_powerlaw(values: Ints, xmin: int) -> None:
    alpha, _, _ = theirs(values, xmin=xmin)
    ours = tails.power_law_at(tails.histogram(values), xmin)
    assert ours.alpha == pytest.approx(alpha, abs=1e-3)
    assert ours.tail == np.count_nonzero(values >= xmin)


def test_a_sampled_power_law_is_recovered() -> None:
    law = tails.fit_power_law(tails.histogram(ZIPF))
    assert law is not None
    assert law.alpha == pytest.approx(2.5, abs=0.1)
    assert law.xmin <= 5
    assert law.ks < 0.02


def test_the_ks_distance_covers_both_ends_of_each_step() -> None:
    data = tails.histogram(np.array([1, 1, 2, 5]))
    law = tails.power_law_at(data, 1)
    cdf = stats.zipf(law.alpha).cdf
    steps = [abs(np.mean(np.array([1, 1, 2, 5]) <= x) - cdf(x)) for x in range(1, 6)]
    assert law.ks == pytest.approx(max(steps), abs=1e-9)


def test_a_sampled_log_normal_is_recovered() -> None:
    fit = tails.fit_log_normal(tails.histogram(WIDE))
    assert fit.mu == pytest.approx(1.5, abs=0.05)
    assert fit.sigma == pytest.approx(1.0, abs=0.05)
    assert fit.ks < 0.02


def test_the_fitted_log_normal_has_the_highest_likelihood() -> None:
    data = tails.histogram(WIDE)
    fit = tails.fit_log_normal(data)

    def likelihood(mu: float, sigma: float) -> float:
        law = stats.lognorm(sigma, scale=np.exp(mu))
        p = (law.cdf(data.values + 0.5) - law.cdf(data.values - 0.5)) / law.sf(0.5)
        return float(np.dot(data.counts, np.log(p)))

    best = likelihood(fit.mu, fit.sigma)
    for mu, sigma in ((0.02, 0), (-0.02, 0), (0, 0.02), (0, -0.02)):
        assert likelihood(fit.mu + mu, fit.sigma + sigma) < best
    expected = stats.lognorm(fit.sigma, scale=np.exp(fit.mu))
    cdf = (expected.cdf(data.values + 0.5) - expected.cdf(0.5)) / expected.sf(0.5)
    assert tails.log_normal_cdf(data.values, fit.mu, fit.sigma, 1) == pytest.approx(cdf)


@pytest.mark.parametrize(
    ("values", "sign"), [(WIDE, -1), (np.random.default_rng(5).zipf(2.2, 30_000), 1)], ids=["log-normal", "zipf"]
)
def test_the_likelihood_ratio_favours_the_true_law(values: Ints, sign: int) -> None:
    data = tails.histogram(values)
    ratio = tails.compare(data, tails.power_law_at(data, 1))
    assert np.sign(ratio.r) == sign
    _, _, fit = theirs(values, xmin=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r, p = fit.distribution_compare("power_law", "lognormal")
    assert np.sign(r) == sign
    assert (ratio.p < 0.1) == (p < 0.1)


def test_indistinguishable_laws_are_reported_as_such() -> None:
    data = tails.histogram(np.random.default_rng(6).zipf(2.5, 300))
    assert (
        tails.compare(data, tails.power_law_at(data, 1)).verdict == "power law and log-normal are not distinguishable"
    )
    assert "log-normal is more" in tails.Ratio(-5, 0.01).verdict
    assert "power law is more" in tails.Ratio(5, 0.01).verdict


def test_a_poisson_sample_has_no_power_law_tail() -> None:
    law = tails.fit_power_law(tails.histogram(NARROW))
    assert law is not None
    assert law.alpha > 4
    assert tails.fit_log_normal(tails.histogram(NARROW)).sigma < 0.6


def test_too_few_values_give_no_fit() -> None:
    assert tails.fit_power_law(tails.histogram(np.arange(1, 20))) is None
    assert tails.fit_power_law(tails.histogram(np.zeros(100, np.int64))) is None
    assert tails.fit_power_law(tails.histogram(np.full(100, 7))) is None


def test_survival_starts_at_one() -> None:
    values, shares = tails.survival(tails.histogram(np.array([0, 1, 1, 3, 9])))
    assert values.tolist() == [1, 3, 9]
    assert shares.tolist() == [1, 0.5, 0.25]
