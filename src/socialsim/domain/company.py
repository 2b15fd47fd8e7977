"""The people of a circle, in the order in which they joined: who of them is met there."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Final


class Company:
    """Some people who can meet, from what is known of all of them beforehand: no shard needs to ask another."""

    __slots__ = ("_reached", "_sign_ups_us", "_user_ids")

    def __init__(self, people: Iterable[tuple[int, int, int]]) -> None:
        """``people`` are (sign_up_us, user_id, weight), in any order; weights are 1 or more."""
        arrivals: Final = sorted(people)
        self._sign_ups_us = array("q", (sign_up_us for sign_up_us, _, _ in arrivals))
        self._user_ids = array("I", (user_id for _, user_id, _ in arrivals))
        # The weights of the first so many added up, from none on.
        self._reached = array("Q", accumulate((weight for _, _, weight in arrivals), initial=0))

    def meet(self, now_us: int, draw: int) -> int | None:
        """Somebody who has signed up before ``now_us``, by weight and 32 random bits; None if there is nobody yet."""
        arrived = bisect_left(self._sign_ups_us, now_us)
        if not arrived:
            return None
        reached = self._reached
        return self._user_ids[bisect_right(reached, draw * reached[arrived] >> 32, 0, arrived) - 1]
