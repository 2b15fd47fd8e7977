"""Feeds: the posts that a user was shown, which of them the user picks, and what is trending."""

from bisect import bisect_left
from operator import attrgetter
from typing import Final

from socialsim.domain.behaviour.affinity import SHIFT
from socialsim.domain.behaviour.decisions import FRESH_BITS, Behaviour
from socialsim.domain.messages import PostShared
from socialsim.kernel.randoms import GOLDEN, MASK_64

FEED_MAX: Final = 24  #: friends' posts in a feed; the oldest are dropped
STALE_US: Final = 86_400_000_000  #: age beyond which posts are dropped from a feed
_INDEX_BITS: Final = 10
_INDEX_MASK: Final = (1 << _INDEX_BITS) - 1
_posted: Final = attrgetter("posted_us")


def pick(feed: list[PostShared], draw: int, now_us: int, user_id: int, behaviour: Behaviour) -> int:
    """The index in ``feed``, which is not empty, of the post that ``user_id`` picks.

    The best of three random posts by ``attention``. ``draw`` is in 0 .. 2**32 - 1.
    """
    size = len(feed)
    best = (draw & _INDEX_MASK) * size >> _INDEX_BITS
    if size == 1:
        return best
    # attention() and Affinity.between(), inlined three times for speed
    factors = behaviour.affinity.factors
    pairs = user_id ^ behaviour.affinity.key
    recency_us = behaviour.recency_us
    scaled_us = recency_us << FRESH_BITS
    behind_us = now_us + recency_us
    post = feed[best]
    fresh = scaled_us // (behind_us - post.posted_us)
    most = post.quality * factors[((post.publisher_id ^ pairs) * GOLDEN & MASK_64) >> SHIFT] * fresh * fresh
    for shift in (_INDEX_BITS, 2 * _INDEX_BITS):
        index = ((draw >> shift) & _INDEX_MASK) * size >> _INDEX_BITS
        post = feed[index]
        fresh = scaled_us // (behind_us - post.posted_us)
        drawn = post.quality * factors[((post.publisher_id ^ pairs) * GOLDEN & MASK_64) >> SHIFT] * fresh * fresh
        if drawn > most:
            best, most = index, drawn
    return best


def drop_stale(feed: list[PostShared], now_us: int) -> None:
    """Drop posts that are too old, and the oldest beyond ``FEED_MAX``.

    A feed is roughly in time order.
    """
    stale = bisect_left(feed, now_us - STALE_US, key=_posted)
    excess = max(stale, len(feed) - FEED_MAX)
    if excess > 0:
        del feed[:excess]


class Trending:
    """Ring buffer of the most recently liked posts of all shards.

    Frequently liked posts occupy more slots (a Yule process). Identical in every process at a
    window's end, because updates are delivered in one order.
    """

    __slots__ = ("_next", "_posts")

    SIZE: Final = 512

    def __init__(self) -> None:
        self._posts: list[PostShared] = []
        self._next = 0

    def add(self, post: PostShared) -> None:
        """Add a post that was liked, in place of the oldest entry if the buffer is full."""
        if len(self._posts) < self.SIZE:
            self._posts.append(post)
        else:
            self._posts[self._next] = post
            self._next = (self._next + 1) % self.SIZE

    def pick(self, draw: int, earliest_us: int) -> PostShared | None:
        """A random entry; None if there is none or it was posted before ``earliest_us``."""
        if not self._posts:
            return None
        post = self._posts[draw * len(self._posts) >> 32]
        return post if post.posted_us >= earliest_us else None
