"""Who is met in company: only who has joined, each in proportion to his weight."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.company import Arrivals, Company

PEOPLE = st.lists(
    st.tuples(st.integers(0, 2**40), st.integers(0, 2**31), st.integers(1, 2**12)), unique_by=lambda person: person[1]
)


@given(PEOPLE, st.integers(0, 2**40 + 1), st.integers(0, 2**32 - 1))
def test_who_is_met_is_as_counting_weights_says(people: list[tuple[int, int, int]], now_us: int, draw: int) -> None:
    there = sorted(person for person in people if person[0] < now_us)
    expected = None
    place = draw * sum(weight for _, _, weight in there) >> 32
    for _, user_id, weight in there:
        if place < weight:
            expected = user_id
            break
        place -= weight
    assert Company(people).meet(now_us, draw) == expected


def test_all_draws_are_shared_out_by_weight() -> None:
    company = Company([(30, 7, 5), (10, 8, 1), (20, 9, 2)])
    draws = range(0, 2**32, 2**32 // 8)
    assert {company.meet(10, draw) for draw in draws} == {None}
    assert Counter(company.meet(11, draw) for draw in draws) == {8: 8}
    assert Counter(company.meet(31, draw) for draw in draws) == {8: 1, 9: 2, 7: 5}


@given(PEOPLE, st.lists(st.integers(0, 2**40 + 1), max_size=5), st.integers(0, 2**32 - 1))
def test_a_crowd_is_the_company_of_all_but_makes_only_those_who_have_joined(
    people: list[tuple[int, int, int]], times_us: list[int], draw: int
) -> None:
    weights = {user_id: weight for _, user_id, weight in people}
    described: list[int] = []

    def describe(user_id: int) -> tuple[int, int]:
        described.append(user_id)
        return user_id % 2, weights[user_id]

    arrivals = Arrivals(iter(sorted((at_us, user_id) for at_us, user_id, _ in people)), describe, 2)
    crowds = (arrivals.everybody, *arrivals.compatriots)
    companies = (Company(people), *(Company(each for each in people if each[1] % 2 == parity) for parity in (0, 1)))
    for now_us in times_us:  # in any order
        for crowd, company in zip(crowds, companies, strict=True):
            assert crowd.meet(now_us, draw) == company.meet(now_us, draw)
    assert sorted(described) == sorted(user_id for at_us, user_id, _ in people if at_us < max(times_us, default=0))
