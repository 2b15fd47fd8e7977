"""What several statistics look at: the people, their network, their posts and likes, and what everybody did when."""

from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from socialsim.realism.events import CONTENT_KINDS, Ints, RunEvents
from socialsim.realism.graph import Graph, generator, local_clustering, make_graph
from socialsim.scenario import DAY_US

Mask = NDArray[np.bool_]

#: Whoever joined later has had no time to find friends: figures of users leave him out where the run is long enough.
SETTLED_US: Final = 7 * DAY_US
#: As many are enough for means of a user's gaps, and spare the memory of ten million events in order.
ACTION_USERS_MAX: Final = 5_000
#: Tables of this kind say that somebody was there, not that he did something.
_PRESENCE: Final = frozenset({"session"})


class Posts(NamedTuple):
    """Pictures and videos. ``key`` is unique over both and ascending."""

    key: Ints
    user: Ints  #: number of the author, see ``View.numbers``
    time_us: Ints


class Reactions(NamedTuple):
    """Likes or comments: to which of the posts, by whom, when."""

    post: Ints  #: place in Posts
    user: Ints
    time_us: Ints


class Actions(NamedTuple):
    """Events in the order of user and time."""

    user: Ints
    time_us: Ints


class View:
    """One run. Users are numbered by their ids; events of users whose sign-up is not there are left out."""

    def __init__(self, run: RunEvents) -> None:
        self.run = run
        signups = run.tables["user"]
        self.user_ids, places = np.unique(signups["user_id"], return_index=True)
        self.joined_us: Ints = signups["time_us"][places]
        self.countries = signups["country"][places]
        self.birthdays: Ints = signups["birthday"][places]

    @property
    def users(self) -> int:
        """How many signed up."""
        return len(self.user_ids)

    def numbers(self, user_ids: Ints) -> Ints:
        """The users' numbers; -1 of those who never signed up."""
        return _places(self.user_ids, user_ids)

    @cached_property
    def settled(self) -> Mask:
        """Who joined a week before the end or earlier; everybody in a run of less than two weeks."""
        if self.run.end_us - self.run.start_us < 2 * SETTLED_US:
            return np.ones(self.users, bool)
        return self.joined_us <= self.run.end_us - SETTLED_US

    @cached_property
    def graph(self) -> Graph:
        """Friendships: accepted requests."""
        accepted = self.run.tables["friend_acceptance"]
        one, other = self.numbers(accepted["user_id"]), self.numbers(accepted["requester_id"])
        there = (one >= 0) & (other >= 0)
        return make_graph(self.users, one[there], other[there], accepted["time_us"][there])

    @cached_property
    def clustering(self) -> tuple[Ints, NDArray[np.float64]]:
        """See graph.local_clustering."""
        return local_clustering(self.graph)

    @cached_property
    def posts(self) -> Posts:
        """All posts."""
        tables = [self.run.tables[kind] for kind in CONTENT_KINDS]
        keys = [
            _key(table[f"{kind}_id"], place)
            for place, (kind, table) in enumerate(zip(CONTENT_KINDS, tables, strict=True))
        ]
        key, places = np.unique(np.concatenate(keys), return_index=True)
        user = self.numbers(np.concatenate([table["user_id"] for table in tables])[places])
        return Posts(key, user, np.concatenate([table["time_us"] for table in tables])[places])

    @cached_property
    def likes(self) -> Reactions:
        """Likes of posts that are there."""
        tables = [self.run.tables[f"{kind}_like"] for kind in CONTENT_KINDS]
        keys = [
            _key(table[f"{kind}_id"], place)
            for place, (kind, table) in enumerate(zip(CONTENT_KINDS, tables, strict=True))
        ]
        post = _places(self.posts.key, np.concatenate(keys))
        user = self.numbers(np.concatenate([table["user_id"] for table in tables]))
        time_us = np.concatenate([table["time_us"] for table in tables])
        there = post >= 0
        return Reactions(post[there], user[there], time_us[there])

    @cached_property
    def likes_of_posts(self) -> Ints:
        """How many likes each post has."""
        return np.bincount(self.likes.post, minlength=len(self.posts.key))

    @cached_property
    def actions(self) -> Actions:
        """What people did, the sign-up and mere presence left out: all of them, or ACTION_USERS_MAX drawn ones."""
        drawn = np.ones(self.users, bool)
        if self.users > ACTION_USERS_MAX:
            drawn[generator().choice(self.users, self.users - ACTION_USERS_MAX, replace=False)] = False
        users, times_us = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for name, table in self.run.tables.items():
            if name != "user" and name not in _PRESENCE and self.users:
                numbers = self.numbers(table["user_id"])
                there = (numbers >= 0) & drawn[numbers]
                users.append(numbers[there])
                times_us.append(table["time_us"][there])
        user, time_us = np.concatenate(users), np.concatenate(times_us)
        order = np.lexsort((time_us, user))
        return Actions(user[order], time_us[order])

    @cached_property
    def active_days(self) -> tuple[Ints, Ints]:
        """User and day since the run's start, each pair once: he did anything, were it only to be there."""
        span = int(self.run.days) + 2
        keys = [
            np.unique(numbers[numbers >= 0] * span + ((table["time_us"] - self.run.start_us) // DAY_US)[numbers >= 0])
            for table in self.run.tables.values()
            if len(numbers := self.numbers(table["user_id"]))
        ]
        distinct = np.unique(np.concatenate(keys)) if keys else np.empty(0, np.int64)
        return distinct // span, distinct % span


def _key(content_id: Ints, kind: int) -> Ints:
    """Pictures and videos number their ids apart."""
    return content_id * len(CONTENT_KINDS) + kind


def _places(known: Ints, wanted: Ints) -> Ints:
    """Where each of ``wanted`` stands in ``known``, which ascends; -1 where it does not."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[places] == wanted, places, -1).astype(np.int64)
