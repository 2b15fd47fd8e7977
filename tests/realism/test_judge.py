"""The declared table and the verdicts derived from it."""

import numpy as np
import pytest

from socialsim.realism import bands
from socialsim.realism.bands import BY_ID, STATISTICS, Band, Statistic
from socialsim.realism.judge import interval_of, judge, judge_outcome, verdict_of
from socialsim.realism.measure import _FUNCTIONS
from socialsim.realism.outcome import Measurement


def test_the_table_has_25_statistics_and_each_is_measured() -> None:
    assert len(STATISTICS) == len(BY_ID) == 25
    assert set(_FUNCTIONS) == set(BY_ID)
    assert {each.use for each in STATISTICS} == {"calibrated", "held out"}
    for statistic in STATISTICS:
        assert statistic.published
        assert statistic.source
        judged = [band for band in statistic.bands if band.low is not None]
        assert judged, statistic.id
        assert all(band.low is not None and band.high is not None and band.low < band.high for band in judged)
        assert len({band.id for band in statistic.bands}) == len(statistic.bands)


def test_the_degree_table_has_the_published_points() -> None:
    shares, values = np.array(bands.DEGREE_QUANTILES).T
    published = dict(zip(shares.tolist(), values.tolist(), strict=True))
    assert (published[0.1], published[0.2], published[0.5]) == (10, 25, 99)
    middles = (np.arange(200_000) + 0.5) / 200_000
    mean = np.exp(np.interp(middles, shares, np.log(values))).mean()
    assert mean == pytest.approx(bands.DEGREE_MEAN, abs=0.5)


@pytest.mark.parametrize(("users", "friends"), [(10_000, 40), (100_000, 72), (1_000_000, 116)])
def test_the_expected_mean_degree_is_the_published_one(users: int, friends: int) -> None:
    assert bands.expected_mean_degree(users) == pytest.approx(friends, rel=0.05)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.4, "pass"),
        (0.6, "pass"),
        (0.5, "pass"),
        (0.39, "warn"),
        (0.3001, "warn"),
        (0.7, "warn"),
        (0.71, "fail"),
        (0.29, "fail"),
    ],
)
def test_a_value_near_the_band_warns_and_a_distant_one_fails(value: float, verdict: str) -> None:
    assert verdict_of(value, Band("x", "x", 0.4, 0.6)) == verdict


def outcome_of(statistic: Statistic, *, inside: bool) -> Measurement:
    figures = {}
    for band in statistic.bands:
        if band.low is not None and band.high is not None:
            figures[band.id] = (band.low + band.high) / 2 if inside else band.high + 10 * (band.high - band.low)
    return Measurement(figures)


def test_all_bands_or_all_bands_of_one_way_must_hold() -> None:
    devices, likes = BY_ID["devices"], BY_ID["likes_per_post"]
    good = outcome_of(devices, inside=True)
    assert judge_outcome(devices, good) == "pass"
    assert judge_outcome(devices, Measurement({**good.figures, "web_only": 0.3})) == "fail"
    assert judge_outcome(devices, Measurement({**good.figures, "web_only": 0.05})) == "warn"
    assert judge_outcome(likes, Measurement({"alpha": 2.5, "lognormal_ks": 0.4, "sigma": 9})) == "pass"
    assert judge_outcome(likes, Measurement({"alpha": 9, "lognormal_ks": 0.01, "sigma": 1})) == "pass"
    assert judge_outcome(likes, Measurement({"alpha": 9, "lognormal_ks": 0.01, "sigma": 0.05})) == "fail"
    assert judge_outcome(likes, Measurement({"alpha": 3.2, "lognormal_ks": 0.01, "sigma": 0.05})) == "warn"


def test_statistics_that_are_not_computable_or_do_not_apply_never_pass() -> None:
    outcomes = {each.id: outcome_of(each, inside=True) for each in STATISTICS}
    verdicts = {each.id: each.verdict for each in judge(outcomes, None, [], None)}
    assert {name for name, verdict in verdicts.items() if verdict != "pass"} == {"dau_mau", "retention"}
    assert {verdicts["dau_mau"], verdicts["retention"]} == {"n/a"}
    (mature,) = [each for each in judge(outcomes, None, [], "mature") if each.id == "dau_mau"]
    assert mature.verdict == "pass"
    outcomes["degree_gini"] = Measurement({}, reason="too small")
    (gini,) = [each for each in judge(outcomes, None, [], None) if each.id == "degree_gini"]
    assert (gini.verdict, gini.reason) == ("n/a", "too small")
    assert [figure.verdict for figure in gini.figures] == [None]


def test_seeds_and_baseline_are_judged_too() -> None:
    outcomes = {"transitivity": Measurement({"transitivity": 0.15})}
    seeds = [{"transitivity": Measurement({"transitivity": value})} for value in (0.16, 0.17)]
    (found,) = judge(outcomes, {"transitivity": Measurement({"transitivity": 0.9})}, seeds, None)
    assert (found.verdict, found.baseline, found.seeds) == ("pass", "fail", ("pass", "pass"))
    (figure,) = found.figures
    assert figure.baseline == 0.9
    assert figure.seeds == (0.16, 0.17)
    # t(0.975, 2) is 4.303
    assert figure.interval == pytest.approx((0.16 - 0.02484, 0.16 + 0.02484), abs=1e-4)


def test_a_single_value_has_no_interval() -> None:
    assert interval_of([0.3]) is None
