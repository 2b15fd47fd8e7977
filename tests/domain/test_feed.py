"""Feeds: the best of three posts is picked, stale ones are dropped. Trending: recent likes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.domain.behaviour.decisions import Behaviour, attention
from socialsim.domain.behaviour.feed import FEED_MAX, STALE_US, Trending, drop_stale, pick
from socialsim.domain.messages import PostShared
from socialsim.kernel.randoms import UNIT, mix
from socialsim.scenario.model import Scenario

NOW_US = 10**15
HOUR_US = 3_600_000_000
DRAWS = [mix(7, number) >> 32 for number in range(4_000)]


ME = 1_000_000


def taste(recency_s: int = 3_600, affinity_sigma: float = 0.0) -> Behaviour:
    """The behaviour with these knobs."""
    return Behaviour(Scenario(recency_s=recency_s, affinity_sigma=affinity_sigma))


ALL_ALIKE = taste()


def post(number: int, age_us: int = HOUR_US, quality: int = 1_024) -> PostShared:
    return PostShared(number, 0, number, NOW_US - age_us, quality)


@pytest.mark.parametrize("better", [post(1, HOUR_US // 2), post(1, HOUR_US, 1_500)], ids=["recent", "good"])
@pytest.mark.parametrize("index", [0, 1])
def test_recent_or_good_post_is_picked_unless_all_three_looks_miss_it(better: PostShared, index: int) -> None:
    feed = [post(0)]
    feed.insert(index, better)
    picked = [pick(feed, draw, NOW_US, ME, ALL_ALIKE) for draw in DRAWS]
    assert picked.count(index) / len(picked) == pytest.approx(1 - 0.5**3, abs=0.02)


def test_a_good_old_post_may_beat_a_new_one() -> None:
    feed = [post(0, 2 * HOUR_US, 1 << 14), post(1, HOUR_US)]
    picked = [pick(feed, draw, NOW_US, ME, ALL_ALIKE) for draw in DRAWS]
    assert picked.count(0) > picked.count(1)


def test_higher_recency_makes_age_matter_less() -> None:
    feed = [post(0, 20 * HOUR_US, 1_100), post(1, HOUR_US)]
    patient = taste(recency_s=10_000_000)
    brief = sum(pick(feed, draw, NOW_US, ME, ALL_ALIKE) for draw in DRAWS)
    lasting = sum(pick(feed, draw, NOW_US, ME, patient) for draw in DRAWS)
    assert lasting < brief


def test_of_equal_posts_the_author_with_higher_affinity_is_picked() -> None:
    behaviour = taste(affinity_sigma=0.6)
    feed = [post(0), post(1)]
    for user_id in range(10, 20):
        dearest = max(range(2), key=lambda author: behaviour.affinity.between(user_id, author))
        picked = [pick(feed, draw, NOW_US, user_id, behaviour) for draw in DRAWS]
        assert picked.count(dearest) / len(picked) == pytest.approx(1 - 0.5**3, abs=0.02)


@given(st.integers(1, 300), st.integers(0, UNIT - 1) | st.sampled_from([0, UNIT - 1]), st.integers(1, 10_000_000))
def test_picked_index_is_within_the_feed(size: int, draw: int, recency_s: int) -> None:
    feed = [post(number, number) for number in range(size, 0, -1)]
    assert 0 <= pick(feed, draw, NOW_US, ME, taste(recency_s)) < size


@given(
    st.lists(st.tuples(st.integers(0, STALE_US), st.integers(1, 1 << 20)), min_size=1, max_size=30),
    st.integers(0, UNIT - 1),
    st.integers(1, 10_000_000),
)
def test_pick_equals_the_maximum_of_attention(posts: list[tuple[int, int]], draw: int, recency_s: int) -> None:
    behaviour = taste(recency_s, affinity_sigma=0.6)
    feed = [post(number, age_us, quality) for number, (age_us, quality) in enumerate(posts)]
    looks = [((draw >> shift) & 1_023) * len(feed) >> 10 for shift in (0, 10, 20)]
    drawn = [
        attention(
            feed[index].quality,
            behaviour.affinity.between(ME, feed[index].publisher_id),
            NOW_US - feed[index].posted_us,
            behaviour.recency_us,
        )
        for index in looks
    ]
    assert pick(feed, draw, NOW_US, ME, behaviour) == looks[drawn.index(max(drawn))]


def test_every_post_can_be_picked() -> None:
    feed = [post(number) for number in range(FEED_MAX)]
    assert {pick(feed, draw, NOW_US, ME, ALL_ALIKE) for draw in DRAWS} == set(range(FEED_MAX))


def test_stale_posts_are_dropped_to_the_microsecond() -> None:
    feed = [post(1, STALE_US + 1), post(2, STALE_US), post(3, 1)]
    drop_stale(feed, NOW_US)
    assert [each.content_id for each in feed] == [2, 3]


@given(st.integers(0, 100), st.integers(0, 100))
def test_feed_keeps_only_the_latest_posts(stale: int, fresh: int) -> None:
    feed = [post(n, STALE_US + 1) for n in range(stale)] + [post(stale + n, STALE_US - n) for n in range(fresh)]
    drop_stale(feed, NOW_US)
    assert [each.content_id for each in feed] == list(range(stale, stale + fresh))[-FEED_MAX:]


def test_nothing_is_trending_at_first() -> None:
    assert Trending().pick(123, 0) is None


@pytest.mark.parametrize("liked", [1, 100, Trending.SIZE, Trending.SIZE + 3, 3 * Trending.SIZE + 1])
def test_trending_holds_the_latest_liked_posts(liked: int) -> None:
    trending = Trending()
    for number in range(liked):
        trending.add(post(number))
    kept = min(liked, Trending.SIZE)
    draws = [(2 * index + 1) * UNIT // (2 * kept) for index in range(kept)]
    picked = {each.content_id for each in (trending.pick(draw, 0) for draw in draws) if each is not None}
    assert picked == set(range(liked - kept, liked))


def test_trending_picks_frequently_liked_posts_and_no_old_ones() -> None:
    trending = Trending()
    for number in range(8):
        trending.add(post(1 if number % 4 else 2, 2 * HOUR_US if number % 4 else HOUR_US))
    draws = [(2 * index + 1) * UNIT // 16 for index in range(8)]
    picked = [trending.pick(draw, NOW_US - 2 * HOUR_US) for draw in draws]
    assert [each.content_id for each in picked if each is not None].count(1) == 6
    recent = [trending.pick(draw, NOW_US - 2 * HOUR_US + 1) for draw in draws]
    assert [each.content_id if each is not None else None for each in recent].count(None) == 6
