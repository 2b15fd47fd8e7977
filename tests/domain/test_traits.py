"""Traits have the scenario's means and correlations, with fixed seeds."""

from collections.abc import Sequence
from statistics import mean, quantiles
from typing import Any

import numpy as np
import pytest

from socialsim.domain.population.geography import Geography
from socialsim.domain.population.traits import DeviceModel, TraitModel, Traits, friends_mean_at
from socialsim.kernel.randoms import UNIT
from socialsim.scenario.model import Scenario

USERS = 6_000


def traits_of_all(scenario: Scenario) -> tuple[list[Traits], Geography]:
    geography, temper = Geography(scenario), TraitModel(scenario)
    traits = [temper.traits(user_id, geography.home(user_id)) for user_id in range(scenario.users)]
    assert [(each.friends_wanted, each.active_day) for each in traits[:50]] == [
        temper.visibility(user_id, geography.home(user_id)) for user_id in range(50)
    ]
    return traits, geography


def rank_correlation(left: Sequence[int], right: Sequence[int]) -> float:
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (left, right)]
    return float(np.corrcoef(np.asarray(ranks, dtype=float))[0, 1])


@pytest.mark.parametrize(("wanted", "spread"), [(40.0, 1.0), (200.0, 0.5), (15.0, 0.0)])
def test_mean_friends_wanted_equals_the_scenario(wanted: float, spread: float) -> None:
    scenario = Scenario(users=USERS, friends_mean=wanted, friends_spread=spread, community_influence=0)
    friends = [each.friends_wanted for each in traits_of_all(scenario)[0]]
    assert mean(friends) == pytest.approx(TraitModel(scenario).friends_mean, rel=0.05)
    assert TraitModel(scenario).friends_mean == pytest.approx(
        wanted, rel=0.5
    )  # users find fewer friends than they want
    assert min(friends) >= 1
    assert (len(set(friends)) == 1) is (spread == 0)


def test_friends_wanted_have_the_published_quantiles() -> None:
    """Facebook in 2011, mean 190: 10 % have fewer than 10, 20 % fewer than 25, half fewer than 99."""
    scenario = Scenario(users=USERS, friends_mean=1_900, friends_spread=1.0, community_influence=0)
    scale = TraitModel(scenario).friends_mean / 190
    deciles = quantiles([each.friends_wanted for each in traits_of_all(scenario)[0]], n=10)
    assert deciles[0] == pytest.approx(10 * scale, rel=0.2)
    assert deciles[1] == pytest.approx(25 * scale, rel=0.2)
    assert deciles[4] == pytest.approx(99 * scale, rel=0.1)


@pytest.mark.parametrize(("users", "friends"), [(1, 1), (10_000, 40), (100_000, 72), (1_000_000, 116)])
def test_larger_networks_have_more_friends(users: int, friends: int) -> None:
    assert friends_mean_at(users) == pytest.approx(friends, rel=0.03)
    assert (
        TraitModel(Scenario(users=users)).friends_mean
        == TraitModel(Scenario(friends_mean=friends_mean_at(users))).friends_mean
    )


@pytest.mark.parametrize(("influence", "correlation"), [(0.0, 0.0), (0.5, 0.48), (1.0, 1.0)])
def test_community_members_correlate_by_the_influence(influence: float, correlation: float) -> None:
    """In communities of two. Ranks of normal variates with correlation 0.5 correlate by 0.48."""
    scenario = Scenario(users=USERS, friends_mean=2_000, community_people=2, community_influence=influence)
    traits, geography = traits_of_all(scenario)
    couples: dict[int, list[int]] = {}
    for user_id, each in enumerate(traits):
        couples.setdefault(geography.home(user_id).community.start, []).append(each.friends_wanted)
    left, right = zip(*(couple for couple in couples.values() if len(couple) == 2), strict=True)
    if influence == 1:
        assert left == right
    else:
        assert rank_correlation(left, right) == pytest.approx(correlation, abs=0.05)


def test_sociable_users_are_active_more_often() -> None:
    traits, _ = traits_of_all(Scenario(users=USERS, friends_mean=2_000, community_influence=0))
    friends, days = zip(*((each.friends_wanted, each.active_day) for each in traits), strict=True)
    assert rank_correlation(friends, days) == pytest.approx(0.48, abs=0.05)
    posting = [each.post for each in traits]
    assert rank_correlation(friends, posting) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("alpha", "beta", "share"), [(1.0, 1.0, 0.5), (1.0, 3.0, 0.25), (3.0, 1.0, 0.75)])
def test_active_day_share_follows_the_distribution(alpha: float, beta: float, share: float) -> None:
    scenario = Scenario(users=USERS, active_day_alpha=alpha, active_day_beta=beta, community_influence=0)
    thresholds = [each.active_day for each in traits_of_all(scenario)[0]]
    assert mean(thresholds) / UNIT == pytest.approx(share, abs=0.02)
    assert min(thresholds) >= 0
    assert max(thresholds) <= UNIT


@pytest.mark.parametrize(("share", "sigma"), [(0.0, 4.0), (1.0, 4.0), (0.06, 0.0)])
def test_trait_thresholds_are_within_the_unit(share: float, sigma: float) -> None:
    scenario = Scenario(users=300, post_share=share, post_sigma=sigma, drift_share=share)
    traits, _ = traits_of_all(scenario)
    for each in traits:
        assert 0 <= each.post <= UNIT
        assert 0 <= each.drift <= UNIT
        assert each.sessions_extra >= 0
    if sigma == 0:
        (post,) = {each.post for each in traits}
        assert post == pytest.approx(share * UNIT, rel=1e-5)


def test_device_shares_equal_the_scenario() -> None:
    scenario = Scenario(mobile_only_share=0.5, web_only_share=0.2, tablet_share=0.1)
    habits = DeviceModel(scenario)
    devices = [habits.devices(user_id) for user_id in range(20_000)]
    shares = {("mobile", "mobile"): 0.5, ("web", "web"): 0.2, ("tablet", "mobile"): 0.1, ("mobile", "web"): 0.2}
    assert set(devices) == set(shares)
    for pair, share in shares.items():
        assert devices.count(pair) / len(devices) == pytest.approx(share, abs=0.012)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("knobs", "pair"),
    [
        ({"mobile_only_share": 1, "web_only_share": 0, "tablet_share": 0}, ("mobile", "mobile")),
        ({"mobile_only_share": 0, "web_only_share": 1, "tablet_share": 0}, ("web", "web")),
        ({"mobile_only_share": 0, "web_only_share": 0, "tablet_share": 1}, ("tablet", "mobile")),
        ({"mobile_only_share": 0, "web_only_share": 0, "tablet_share": 0}, ("mobile", "web")),
    ],
)
def test_device_share_of_one_applies_to_all_users(knobs: dict[str, Any], pair: tuple[str, str]) -> None:
    habits = DeviceModel(Scenario(**knobs))
    assert {habits.devices(user_id) for user_id in range(500)} == {pair}
