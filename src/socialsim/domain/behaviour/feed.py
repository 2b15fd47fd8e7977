"""What a user has in view: friends' posts that he was shown, and which of them he picks."""

from bisect import bisect_left
from operator import attrgetter
from typing import Final

from socialsim.domain.behaviour.affinity import SHIFT
from socialsim.domain.behaviour.decisions import FRESH_BITS, Behaviour
from socialsim.domain.messages import PostShared
from socialsim.kernel.randoms import GOLDEN, MASK_64

FEED_MAX: Final = 24  #: posts of friends that a user has in mind; older ones fall out
STALE_US: Final = 86_400_000_000  #: nobody scrolls down to posts older than this
_INDEX_BITS: Final = 10
_INDEX_MASK: Final = (1 << _INDEX_BITS) - 1
_posted: Final = attrgetter("posted_us")


def pick(feed: list[PostShared], draw: int, now_us: int, user_id: int, behaviour: Behaviour) -> int:
    """The place in ``feed``, which has posts, of what draws the eye of ``user_id``: the best of three by chance.

    ``draw`` lies in 0 .. 2**32 - 1; posts are judged by quality, affinity and age.
    """
    size = len(feed)
    best = (draw & _INDEX_MASK) * size >> _INDEX_BITS
    if size == 1:
        return best
    # attention() and Affinity.between() three times, inlined for speed
    factors = behaviour.affinity.factors
    pairs = user_id ^ behaviour.affinity.key
    recency_us = behaviour.recency_us
    scaled_us = recency_us << FRESH_BITS
    behind_us = now_us + recency_us
    post = feed[best]
    fresh = scaled_us // (behind_us - post.posted_us)
    most = post.quality * factors[((post.publisher_id ^ pairs) * GOLDEN & MASK_64) >> SHIFT] * fresh * fresh
    for shift in (_INDEX_BITS, 2 * _INDEX_BITS):
        place = ((draw >> shift) & _INDEX_MASK) * size >> _INDEX_BITS
        post = feed[place]
        fresh = scaled_us // (behind_us - post.posted_us)
        drawn = post.quality * factors[((post.publisher_id ^ pairs) * GOLDEN & MASK_64) >> SHIFT] * fresh * fresh
        if drawn > most:
            best, most = place, drawn
    return best


def drop_stale(feed: list[PostShared], now_us: int) -> None:
    """Forget posts that are too old to be looked at, and the oldest of too many. Posts lie about in order of time."""
    stale = bisect_left(feed, now_us - STALE_US, key=_posted)
    excess = max(stale, len(feed) - FEED_MAX)
    if excess > 0:
        del feed[:excess]


class Trending:
    """The posts that were liked last, wherever; what is liked often is in it often, as in Yule's process.

    The same in all processes of a run at the end of each window, for everybody is told in the same order.
    """

    __slots__ = ("_next", "_posts")

    SIZE: Final = 512

    def __init__(self) -> None:
        self._posts: list[PostShared] = []
        self._next = 0

    def add(self, post: PostShared) -> None:
        """``post`` was liked; the oldest entry is forgotten."""
        if len(self._posts) < self.SIZE:
            self._posts.append(post)
        else:
            self._posts[self._next] = post
            self._next = (self._next + 1) % self.SIZE

    def pick(self, draw: int, earliest_us: int) -> PostShared | None:
        """One by chance; None if it was posted before ``earliest_us`` or there is none."""
        if not self._posts:
            return None
        post = self._posts[draw * len(self._posts) >> 32]
        return post if post.posted_us >= earliest_us else None
