"""The people of a circle, in the order in which they joined: who of them is met there."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final

_NEVER_US: Final = 1 << 62


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

    def join(self, sign_up_us: int, user_id: int, weight: int) -> None:
        """One more, who joins after all the others."""
        self._sign_ups_us.append(sign_up_us)
        self._user_ids.append(user_id)
        self._reached.append(self._reached[-1] + weight)


class Crowd(Company):
    """A company that is too large to be known beforehand: it is told of those who join as time goes on."""

    __slots__ = ("_arrivals",)

    def __init__(self, arrivals: "Arrivals") -> None:
        super().__init__(())
        self._arrivals = arrivals

    def meet(self, now_us: int, draw: int) -> int | None:
        """As in any company, whose ``meet`` is inlined for speed."""
        if self._arrivals.next_us < now_us:
            self._arrivals.go_on_to(now_us)
        arrived = bisect_left(self._sign_ups_us, now_us)
        if not arrived:
            return None
        reached = self._reached
        return self._user_ids[bisect_right(reached, draw * reached[arrived] >> 32, 0, arrived) - 1]


class Arrivals:
    """Everybody, in the order in which they join, told to the crowds of their country and of all people.

    Only those are made who have joined by the time that somebody asks about: a run of millions begins at once.
    """

    __slots__ = ("_describe", "_next", "_people", "compatriots", "everybody", "next_us")

    def __init__(
        self, people: Iterator[tuple[int, int]], describe: Callable[[int], tuple[int, int]], countries: int
    ) -> None:
        """``people`` are (sign_up_us, user_id), in order; ``describe`` tells somebody's country and weight."""
        self._people = people
        self._describe = describe
        self.everybody: Final = Crowd(self)
        self.compatriots: Final = tuple(Crowd(self) for _ in range(countries))
        self._next = next(people, None)
        self.next_us = _NEVER_US if self._next is None else self._next[0]  #: when the first joins who was not told yet

    def go_on_to(self, now_us: int) -> None:
        """Tell of all who join before ``now_us``."""
        arriving = self._next
        describe, everybody, compatriots = self._describe, self.everybody.join, self.compatriots
        while arriving is not None and arriving[0] < now_us:
            sign_up_us, user_id = arriving
            country, weight = describe(user_id)
            everybody(sign_up_us, user_id, weight)
            compatriots[country].join(sign_up_us, user_id, weight)
            arriving = next(self._people, None)
        self._next = arriving
        self.next_us = _NEVER_US if arriving is None else arriving[0]
