"""The data shared by several statistics: users, their graph, posts, likes and actions."""

from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from socialsim.realism.events import CONTENT_KINDS, Ints, RunEvents
from socialsim.realism.graph import Graph, generator, local_clustering, make_graph
from socialsim.scenario.model import DAY_US

Mask = NDArray[np.bool_]

#: Users who joined later had no time to find friends: if the run is long enough, they are left out.
SETTLED_US: Final = 7 * DAY_US
#: Enough for means over users' gaps, and saves sorting ten million events in memory.
ACTION_USERS_MAX: Final = 5_000
#: Tables whose events show presence, not an action.
_PRESENCE: Final = frozenset({"session"})


class PostSample(NamedTuple):
    """Pictures and videos. ``key`` is unique across both, ascending."""

    key: Ints
    user: Ints  #: number of the author, see ``AnalysisView.numbers``
    time_us: Ints


class Reactions(NamedTuple):
    """Likes or comments: to which post, by whom, when."""

    post: Ints  #: index in PostSample
    user: Ints
    time_us: Ints


class Actions(NamedTuple):
    """Events ordered by user and time."""

    user: Ints
    time_us: Ints


class AnalysisView:
    """One run. Users are numbered by id; events of users without a stored sign-up are left out."""

    def __init__(self, run: RunEvents) -> None:
        self.run = run
        signups = run.tables["user"]
        self.user_ids, indices = np.unique(signups["user_id"], return_index=True)
        self.joined_us: Ints = signups["time_us"][indices]
        self.countries = signups["country"][indices]
        self.birthdays: Ints = signups["birthday"][indices]

    @property
    def users(self) -> int:
        """The number of users who signed up."""
        return len(self.user_ids)

    def numbers(self, user_ids: Ints) -> Ints:
        """The numbers of users; -1 for those who never signed up."""
        return _indices(self.user_ids, user_ids)

    @cached_property
    def settled(self) -> Mask:
        """The users who joined at least a week before the end; all users if the run has less than
        two weeks.
        """
        if self.run.end_us - self.run.start_us < 2 * SETTLED_US:
            return np.ones(self.users, bool)
        return self.joined_us <= self.run.end_us - SETTLED_US

    @cached_property
    def graph(self) -> Graph:
        """The friendships: accepted requests."""
        accepted = self.run.tables["friend_acceptance"]
        one, other = self.numbers(accepted["user_id"]), self.numbers(accepted["requester_id"])
        known = (one >= 0) & (other >= 0)
        return make_graph(self.users, one[known], other[known], accepted["time_us"][known])

    @cached_property
    def clustering(self) -> tuple[Ints, NDArray[np.float64]]:
        """See graph.local_clustering."""
        return local_clustering(self.graph)

    @cached_property
    def posts(self) -> PostSample:
        """All posts."""
        tables = [self.run.tables[kind] for kind in CONTENT_KINDS]
        keys = [
            _key(table[f"{kind}_id"], index)
            for index, (kind, table) in enumerate(zip(CONTENT_KINDS, tables, strict=True))
        ]
        key, indices = np.unique(np.concatenate(keys), return_index=True)
        user = self.numbers(np.concatenate([table["user_id"] for table in tables])[indices])
        return PostSample(key, user, np.concatenate([table["time_us"] for table in tables])[indices])

    @cached_property
    def likes(self) -> Reactions:
        """The likes of existing posts."""
        tables = [self.run.tables[f"{kind}_like"] for kind in CONTENT_KINDS]
        keys = [
            _key(table[f"{kind}_id"], index)
            for index, (kind, table) in enumerate(zip(CONTENT_KINDS, tables, strict=True))
        ]
        post = _indices(self.posts.key, np.concatenate(keys))
        user = self.numbers(np.concatenate([table["user_id"] for table in tables]))
        time_us = np.concatenate([table["time_us"] for table in tables])
        known = post >= 0
        return Reactions(post[known], user[known], time_us[known])

    @cached_property
    def likes_of_posts(self) -> Ints:
        """The number of likes of each post."""
        return np.bincount(self.likes.post, minlength=len(self.posts.key))

    @cached_property
    def actions(self) -> Actions:
        """Actions except sign-ups and mere presence: of all users, or of ACTION_USERS_MAX sampled
        ones.
        """
        drawn = np.ones(self.users, bool)
        if self.users > ACTION_USERS_MAX:
            drawn[generator().choice(self.users, self.users - ACTION_USERS_MAX, replace=False)] = False
        users, times_us = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for name, table in self.run.tables.items():
            if name != "user" and name not in _PRESENCE and self.users:
                numbers = self.numbers(table["user_id"])
                chosen = (numbers >= 0) & drawn[numbers]
                users.append(numbers[chosen])
                times_us.append(table["time_us"][chosen])
        user, time_us = np.concatenate(users), np.concatenate(times_us)
        order = np.lexsort((time_us, user))
        return Actions(user[order], time_us[order])

    @cached_property
    def active_days(self) -> tuple[Ints, Ints]:
        """Distinct pairs of user and day since the run's start with any event, presence
        included.
        """
        span = int(self.run.days) + 2
        keys = [
            np.unique(numbers[numbers >= 0] * span + ((table["time_us"] - self.run.start_us) // DAY_US)[numbers >= 0])
            for table in self.run.tables.values()
            if len(numbers := self.numbers(table["user_id"]))
        ]
        distinct = np.unique(np.concatenate(keys)) if keys else np.empty(0, np.int64)
        return distinct // span, distinct % span


def _key(content_id: Ints, kind: int) -> Ints:
    """Picture and video ids are separate; the key combines id and kind."""
    return content_id * len(CONTENT_KINDS) + kind


def _indices(known: Ints, wanted: Ints) -> Ints:
    """The index of each of ``wanted`` in ``known``, which is ascending; -1 if absent."""
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    indices = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[indices] == wanted, indices, -1).astype(np.int64)
