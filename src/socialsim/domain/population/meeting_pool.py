"""Meeting pools: users who can meet, in the order of their sign-ups, sampled by weight."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final

_NEVER_US: Final = 1 << 62


class MeetingPool:
    """Users who can meet each other.

    A pool is computed from the scenario alone, so no shard has to ask another one who has signed
    up.
    """

    __slots__ = ("_cumulative", "_sign_ups_us", "_user_ids")

    def __init__(self, people: Iterable[tuple[int, int, int]]) -> None:
        """``people`` are (sign_up_us, user_id, weight), in any order; weights are 1 or more."""
        arrivals: Final = sorted(people)
        self._sign_ups_us = array("q", (sign_up_us for sign_up_us, _, _ in arrivals))
        self._user_ids = array("I", (user_id for _, user_id, _ in arrivals))
        # Prefix sums: entry n is the total weight of the first n users.
        self._cumulative = array("Q", accumulate((weight for _, _, weight in arrivals), initial=0))

    def sample(self, now_us: int, draw: int) -> int | None:
        """A user who signed up before ``now_us``, drawn by weight with the 32 random bits ``draw``.

        None if nobody has signed up yet.
        """
        joined = bisect_left(self._sign_ups_us, now_us)
        if not joined:
            return None
        cumulative = self._cumulative
        return self._user_ids[bisect_right(cumulative, draw * cumulative[joined] >> 32, 0, joined) - 1]

    def join(self, sign_up_us: int, user_id: int, weight: int) -> None:
        """Append a user, who signs up after all users in the pool."""
        self._sign_ups_us.append(sign_up_us)
        self._user_ids.append(user_id)
        self._cumulative.append(self._cumulative[-1] + weight)


class GrowingPool(MeetingPool):
    """A pool too large to be built at once: ``Arrivals`` appends users as virtual time advances."""

    __slots__ = ("_arrivals",)

    def __init__(self, arrivals: "Arrivals") -> None:
        super().__init__(())
        self._arrivals = arrivals

    def sample(self, now_us: int, draw: int) -> int | None:
        """As in ``MeetingPool``, whose ``sample`` is inlined for speed."""
        if self._arrivals.next_us < now_us:
            self._arrivals.advance_to(now_us)
        joined = bisect_left(self._sign_ups_us, now_us)
        if not joined:
            return None
        cumulative = self._cumulative
        return self._user_ids[bisect_right(cumulative, draw * cumulative[joined] >> 32, 0, joined) - 1]


class Arrivals:
    """All users in the order of their sign-ups, appended to their country's and the global pool.

    Built lazily up to the time that is asked for, so a run with millions of users starts at once.
    """

    __slots__ = ("_describe", "_next", "_people", "country_pool", "global_pool", "next_us")

    def __init__(
        self, people: Iterator[tuple[int, int]], describe: Callable[[int], tuple[int, int]], countries: int
    ) -> None:
        """``people`` are (sign_up_us, user_id), in order; ``describe`` gives (country, weight)."""
        self._people = people
        self._describe = describe
        self.global_pool: Final = GrowingPool(self)
        self.country_pool: Final = tuple(GrowingPool(self) for _ in range(countries))
        self._next = next(people, None)
        #: the next sign-up to append
        self.next_us = _NEVER_US if self._next is None else self._next[0]

    def advance_to(self, now_us: int) -> None:
        """Append all users who sign up before ``now_us``."""
        newcomer = self._next
        describe, join_global_pool, country_pool = self._describe, self.global_pool.join, self.country_pool
        while newcomer is not None and newcomer[0] < now_us:
            sign_up_us, user_id = newcomer
            country, weight = describe(user_id)
            join_global_pool(sign_up_us, user_id, weight)
            country_pool[country].join(sign_up_us, user_id, weight)
            newcomer = next(self._people, None)
        self._next = newcomer
        self.next_us = _NEVER_US if newcomer is None else newcomer[0]
