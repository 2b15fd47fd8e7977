"""Meeting pools sample only users who have signed up, in proportion to their weights."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.population.meeting_pool import Arrivals, MeetingPool

PEOPLE = st.lists(
    st.tuples(st.integers(0, 2**40), st.integers(0, 2**31), st.integers(1, 2**12)), unique_by=lambda person: person[1]
)


@given(PEOPLE, st.integers(0, 2**40 + 1), st.integers(0, 2**32 - 1))
def test_sample_equals_counting_weights(people: list[tuple[int, int, int]], now_us: int, draw: int) -> None:
    joined = sorted(person for person in people if person[0] < now_us)
    expected = None
    level = draw * sum(weight for _, _, weight in joined) >> 32
    for _, user_id, weight in joined:
        if level < weight:
            expected = user_id
            break
        level -= weight
    assert MeetingPool(people).sample(now_us, draw) == expected


def test_draws_are_distributed_by_weight() -> None:
    pool = MeetingPool([(30, 7, 5), (10, 8, 1), (20, 9, 2)])
    draws = range(0, 2**32, 2**32 // 8)
    assert {pool.sample(10, draw) for draw in draws} == {None}
    assert Counter(pool.sample(11, draw) for draw in draws) == {8: 8}
    assert Counter(pool.sample(31, draw) for draw in draws) == {8: 1, 9: 2, 7: 5}


@given(PEOPLE, st.lists(st.integers(0, 2**40 + 1), max_size=5), st.integers(0, 2**32 - 1))
def test_growing_pool_equals_a_full_pool_and_is_built_lazily(
    people: list[tuple[int, int, int]], times_us: list[int], draw: int
) -> None:
    weights = {user_id: weight for _, user_id, weight in people}
    described: list[int] = []

    def describe(user_id: int) -> tuple[int, int]:
        described.append(user_id)
        return user_id % 2, weights[user_id]

    arrivals = Arrivals(iter(sorted((at_us, user_id) for at_us, user_id, _ in people)), describe, 2)
    growing_pools = (arrivals.global_pool, *arrivals.country_pool)
    full_pools = (
        MeetingPool(people),
        *(MeetingPool(each for each in people if each[1] % 2 == parity) for parity in (0, 1)),
    )
    for now_us in times_us:  # in any order
        for growing, pool in zip(growing_pools, full_pools, strict=True):
            assert growing.sample(now_us, draw) == pool.sample(now_us, draw)
    assert sorted(described) == sorted(user_id for at_us, user_id, _ in people if at_us < max(times_us, default=0))
