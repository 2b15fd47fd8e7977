"""Users are pure functions of seed and id, unique, and never sampled before their sign-up."""

import re
from collections import Counter
from itertools import islice

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialsim import simulate
from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.name_pools import build_pools
from socialsim.domain.population.population import Population
from socialsim.domain.population.texts import PHRASES, captions, remarks
from socialsim.events import FriendRequested, UserSignedUp, decode, encode
from socialsim.kernel.randoms import mix
from socialsim.scenario.model import Scenario
from tests.support.streams import pools_of

SCENARIOS = st.builds(
    Scenario,
    users=st.integers(1, 50) | st.just(100_000),
    days=st.integers(1, 400),
    seed=st.integers(0, 2**63 - 1),
    shards=st.integers(1, 70),
)
PHONES = {  # ranges reserved for fiction; elsewhere an unassigned country code
    "US": re.compile(r"\+1[2-8]\d\d55501\d\d"),
    "GB": re.compile(r"\+447700900\d{3}"),
    "FR": re.compile(r"\+3363998\d{4}"),
}
FICTION = re.compile(r"\+999\d{9}")


@given(SCENARIOS, st.data())
def test_traits_are_pure_functions(scenario: Scenario, data: st.DataObject) -> None:
    """They depend neither on earlier calls nor on knobs that do not concern them."""
    user_ids = st.integers(0, scenario.users - 1)
    user_id = data.draw(user_ids)
    used, fresh = Population(scenario, pools_of(1)), Population(scenario, pools_of(1))
    for other_id in data.draw(st.lists(user_ids, max_size=5)):
        used.profile(other_id)
        used.sign_up_us(other_id)
    other = Population(msgspec.structs.replace(scenario, post_share=1.0, popular_share=0.0), pools_of(1))
    for population in (used, other):
        assert population.profile(user_id) == fresh.profile(user_id)
        assert population.sign_up_us(user_id) == fresh.sign_up_us(user_id)
        assert population.devices(user_id) == fresh.devices(user_id)
        assert population.behaviour_seed(user_id) == fresh.behaviour_seed(user_id)
        assert population.visibility(user_id) == fresh.visibility(user_id)
        home = population.geography.home(user_id)
        assert home == fresh.geography.home(user_id)
        traits = fresh.traits(user_id, home)
        assert (traits.friends_wanted, traits.active_day) == fresh.visibility(user_id)
        assert traits._replace(post=0) == population.traits(user_id, home)._replace(post=0)


@given(SCENARIOS)
def test_sign_ups_are_in_the_order_of_ids_and_within_the_run(scenario: Scenario) -> None:
    population = Population(scenario, pools_of(1))
    for shard in {0, scenario.shards // 2, scenario.shards - 1}:
        users = scenario.user_range(shard)[:500]
        times_us = [population.sign_up_us(user_id) for user_id in users]
        assert times_us == sorted(times_us)
        assert all(scenario.start_us <= time_us < scenario.end_us for time_us in times_us)
    assert scenario.start_us <= population.sign_up_us(scenario.users - 1) < scenario.end_us


@given(
    scenario=SCENARIOS,
    user=st.floats(0, 1, exclude_max=True),
    draws=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1, exclude_max=True),
    at=st.none() | st.integers(-1, 1),
)
def test_pools_sample_only_users_who_have_signed_up(
    scenario: Scenario, user: float, draws: int, share: float, at: int | None
) -> None:
    scenario = msgspec.structs.replace(scenario, users=min(scenario.users, 300))
    population = Population(scenario, pools_of(1))
    now_us = scenario.start_us + int(share * (scenario.end_us - scenario.start_us))
    user_id = int(user * scenario.users)
    if at is not None:  # at a sign-up, and one microsecond before and after it
        now_us = max(scenario.start_us, population.sign_up_us(user_id) + at)
    geography = population.geography
    home = geography.home(user_id)
    number = draws % 12
    members = geography.members(geography.circle(home, number))
    country_pool = geography.country_pool(home.country)
    all_users = range(scenario.users)
    for pool, user_ids in (
        (population.circle(home, number), members),
        (population.country_pool(home.country), country_pool),
        (population.global_pool, all_users),
    ):
        sampled = pool.sample(now_us, draws)
        joined = [other for other in user_ids if population.sign_up_us(other) < now_us]
        assert sampled in joined if joined else sampled is None


def test_all_members_of_a_circle_share_one_pool() -> None:
    population = Population(Scenario(users=500, seed=4), pools_of(1))
    geography = population.geography
    for user_id in range(0, 500, 7):
        home = geography.home(user_id)
        for number in range(12):
            pool = population.circle(home, number)
            for member in geography.members(geography.circle(home, number)):
                assert population.circle(geography.home(member), number) is pool


def test_pool_is_empty_at_the_start_and_complete_at_the_end() -> None:
    scenario = Scenario(users=300, shards=7, active_day_alpha=100.0, active_day_beta=0.05)
    population = Population(scenario, pools_of(1))
    draws = [mix(number) >> 32 for number in range(200_000)]
    assert {population.global_pool.sample(scenario.start_us, draw) for draw in draws[:100]} == {None}
    assert {population.global_pool.sample(scenario.end_us, draw) for draw in draws} == set(range(300))


def test_sociable_and_active_users_are_sampled_more_often() -> None:
    """In proportion to active days, and to friends wanted / (friends wanted + 2 * their mean)."""
    scenario = Scenario(users=300, seed=2)
    population = Population(scenario, pools_of(1))
    sampled = Counter(population.global_pool.sample(scenario.end_us, mix(number) >> 32) for number in range(100_000))
    weights = []
    for user_id in range(300):
        wanted, active = population.visibility(user_id)
        weights.append(wanted * active / (wanted + 2 * population.friends_mean))
    for user_id, weight in enumerate(weights):
        expected = 100_000 * weight / sum(weights)
        assert abs(sampled[user_id] - expected) < 5 * expected**0.5 + 5


def test_profiles_are_unique_valid_and_reach_nobody() -> None:
    scenario = Scenario(users=5_000)
    population = Population(scenario, pools_of(1))
    usernames: list[str] = []
    countries: list[str] = []
    for user_id in range(scenario.users):
        profile = population.profile(user_id)
        main, _ = population.devices(user_id)
        event = UserSignedUp("r1", 0, user_id, scenario.start_us, user_id, main, *profile)
        assert decode(encode(event), "user") == event
        usernames.append(profile.username)
        countries.append(profile.country)
        name, _, domain = profile.email.partition("@")
        assert name == profile.username
        assert domain in {"example.com", "example.net", "example.org"}
        assert PHONES.get(profile.country, FICTION).fullmatch(profile.phone), profile
        country = next(country for country in COUNTRIES if country.code == profile.country)
        assert profile.city in {city.name for city in country.cities}
        assert COUNTRIES[population.geography.country(user_id)] is country
    assert len(set(usernames)) == scenario.users
    assert all(username.isascii() and username == username.lower() for username in usernames)
    assert set(countries) == {country.code for country in COUNTRIES}
    total = sum(country.weight for country in COUNTRIES)
    for country in COUNTRIES:
        assert countries.count(country.code) / scenario.users == pytest.approx(
            country.weight / total, abs=1 / scenario.users
        )


@settings(max_examples=30)
@given(st.integers(0, 49_999_999))
@pytest.mark.slow
def test_profiles_of_the_longest_ids_are_valid(user_id: int) -> None:
    scenario = Scenario(users=50_000_000)
    population = Population(scenario, pools_of(1))
    profile = population.profile(user_id)
    event = UserSignedUp("r1", 0, 0, population.sign_up_us(user_id), user_id, "web", *profile)
    assert decode(encode(event), "user") == event


def test_friends_wanted_and_their_mean_are_at_least_one() -> None:
    population = Population(Scenario(users=50, friends_mean=0.01), pools_of(1))
    assert population.friends_mean == 1
    assert {population.visibility(user_id)[0] for user_id in range(50)} == {1}


def test_name_pools_depend_only_on_the_seed() -> None:
    first = build_pools(1)
    other = build_pools(2)
    assert first == build_pools(1) == pools_of(1)
    assert first.first_names != other.first_names
    for names in (*first.first_names, *first.last_names):
        assert all(0 < len(name) <= 64 for name in names)
    for texts, combine in ((first.captions, captions), (first.remarks, remarks)):
        assert texts == tuple(combine(PHRASES[country.language]) for country in COUNTRIES)


def test_run_with_millions_of_users_starts_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first events need the users of a few circles, not all three million."""
    computed: list[int] = []
    visibility = Population.visibility

    def counted(self: Population, user_id: int) -> tuple[int, int]:
        computed.append(user_id)
        return visibility(self, user_id)

    monkeypatch.setattr(Population, "visibility", counted)
    events = list(islice(simulate(Scenario(users=3_000_000)), 300))
    assert {type(event) for event in events} > {UserSignedUp, FriendRequested}
    assert 300 < len(set(computed)) < 100_000
