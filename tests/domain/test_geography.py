"""Homes follow the countries' weights, and all members of a circle compute the same circle."""

from collections import Counter, defaultdict
from itertools import chain
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.geography import Geography, Permutation
from socialsim.scenario.model import Scenario


def circle(geography: Geography, user_id: int, number: int) -> frozenset[int]:
    members = geography.members(geography.circle(geography.home(user_id), number))
    assert len(set(members)) == len(members)
    return frozenset(members)


@given(st.integers(1, 3_000), st.integers(0, 2**64 - 1))
def test_permutation_is_a_bijection_with_its_inverse(size: int, key: int) -> None:
    permutation = Permutation(size, key)
    images = [permutation.image(number) for number in range(size)]
    assert sorted(images) == list(range(size))
    assert [permutation.origin(image) for image in images] == list(range(size))


@settings(max_examples=25)
@given(st.integers(1, 3_000), st.integers(0, 2**63 - 1), st.floats(0, 4))
def test_country_shares_are_exact_to_one_user(users: int, seed: int, skew: float) -> None:
    geography = Geography(Scenario(users=users, seed=seed, country_skew=skew))
    lived_in = Counter(geography.country(user_id) for user_id in range(users))
    total = sum(country.weight**skew for country in COUNTRIES)
    for number, country in enumerate(COUNTRIES):
        assert abs(lived_in[number] - users * country.weight**skew / total) < 1.001
    assert sum(lived_in.values()) == users


def test_city_shares_follow_the_weights() -> None:
    users = 50_000
    geography = Geography(Scenario(users=users, country_skew=0))
    homes = [geography.home(user_id) for user_id in range(users)]
    lived_in = Counter((home.country, home.city) for home in homes)
    for number, country in enumerate(COUNTRIES):
        total = sum(city.weight for city in country.cities)
        for city, place in enumerate(country.cities):
            assert abs(lived_in[number, city] - users / len(COUNTRIES) * place.weight / total) < 2


@pytest.mark.parametrize("users", range(1, 31))
@pytest.mark.parametrize("circle_people", [2, 40])
def test_the_smallest_networks_have_homes_and_circles(users: int, circle_people: int) -> None:
    geography = Geography(Scenario(users=users, circle_people=circle_people, community_people=3))
    positions = set()
    for user_id in range(users):
        home = geography.home(user_id)
        positions.add(home.position)
        assert home.position in home.community
        assert set(home.community) <= set(home.city_positions) <= set(home.country_positions) <= set(range(users))
        assert home.country == geography.country(user_id)
        assert len(home.community) <= 3
        for number in range(12):
            assert user_id in circle(geography, user_id, number) <= set(range(users))
    assert len(positions) == users
    country_pool = [geography.country_pool(country) for country in range(len(COUNTRIES))]
    assert sorted(chain.from_iterable(country_pool)) == list(range(users))
    for country, user_ids in enumerate(country_pool):
        assert all(geography.country(user_id) == country for user_id in user_ids)


def test_communities_are_numbered_in_order_of_positions() -> None:
    geography = Geography(Scenario(users=2_000, community_people=50))
    homes = sorted((geography.home(user_id) for user_id in range(2_000)), key=attrgetter("position"))
    communities = list(dict.fromkeys(home.community for home in homes))
    assert [communities.index(home.community) for home in homes] == [home.community_number for home in homes]


@pytest.mark.parametrize("number", range(6))
def test_all_members_of_a_circle_compute_the_same_members(number: int) -> None:
    users = 1_000
    geography = Geography(Scenario(users=users, circle_people=16, community_people=50, seed=5))
    people = 4 + 6 * number  # the first circles are the smallest
    circles = {user_id: circle(geography, user_id, number) for user_id in range(users)}
    for user_id, members in circles.items():
        assert user_id in members
        assert len(members) <= people
        assert {circles[member] for member in members} == {members}
    # All circles of an area are full except the last.
    areas = defaultdict(set)
    for user_id, members in circles.items():
        home = geography.home(user_id)
        area = (home.community, home.community, home.city_positions, home.community, home.city_positions,
                home.country_positions)[number]  # fmt: skip
        areas[area].add(members)
    for area, parts in areas.items():
        full, rest = divmod(len(area), people)
        assert sorted(map(len, parts)) == sorted([people] * full + [rest] * (rest > 0))


def test_circles_of_one_user_differ() -> None:
    geography = Geography(Scenario(users=20_000, circle_people=20))
    first, second, third = (circle(geography, 4_321, number) for number in (0, 1, 2))
    assert len(first & second) < 8
    assert len(first & third) < 8


def test_homes_depend_on_the_seed() -> None:
    one, other = (Geography(Scenario(users=500, seed=seed)) for seed in (1, 2))
    assert sum(one.country(user_id) == other.country(user_id) for user_id in range(500)) < 250
