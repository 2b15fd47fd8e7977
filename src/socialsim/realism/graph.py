"""The graph of friendships and its statistics. Undirected, simple, users numbered from 0.

Exact where that is cheap, otherwise sampled with a fixed seed, so that the same run gives the same
value.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from socialsim.realism.events import Ints

Floats = NDArray[np.float64]

_SEED: Final = 20_260_101
CLUSTERING_USERS_MAX: Final = 20_000
WEDGES_MAX: Final = 400_000
SOURCES_MAX: Final = 64
CLOSING_EDGES_MAX: Final = 20_000


def generator() -> np.random.Generator:
    """A generator that makes the same draws for every statistic of every run."""
    return np.random.default_rng(_SEED)


@dataclass(frozen=True, slots=True)
class Graph:
    """``users`` vertices; edge i joins ``left[i]`` < ``right[i]`` since ``time_us[i]``, in time
    order.

    The neighbours of user u, ascending, are ``neighbours[first[u]:first[u + 1]]``; ``since_us``
    holds their times at the same indices.
    """

    users: int
    left: Ints
    right: Ints
    time_us: Ints
    first: Ints
    neighbours: Ints
    since_us: Ints

    @property
    def degrees(self) -> Ints:
        """The number of friends of each user."""
        return np.diff(self.first)

    @property
    def edges(self) -> int:
        """The number of friendships."""
        return len(self.left)

    def of(self, user: int) -> Ints:
        """The friends of one user."""
        return self.neighbours[self.first[user] : self.first[user + 1]]


def make_graph(users: int, one: Ints, other: Ints, time_us: Ints) -> Graph:
    """The graph of the pairs ``one[i]``, ``other[i]``; of a repeated pair the earliest time
    counts.
    """
    left, right = np.minimum(one, other).astype(np.int64), np.maximum(one, other).astype(np.int64)
    order = np.lexsort((time_us, right, left))
    left, right, time_us = left[order], right[order], time_us[order].astype(np.int64)
    keep = left != right
    keep[1:] &= (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    left, right, time_us = left[keep], right[keep], time_us[keep]
    source, target = np.concatenate([left, right]), np.concatenate([right, left])
    order = np.lexsort((target, source))
    first = np.zeros(users + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=users), out=first[1:])
    neighbours, since_us = target[order], np.concatenate([time_us, time_us])[order]
    order = np.lexsort((right, left, time_us))
    return Graph(users, left[order], right[order], time_us[order], first, neighbours, since_us)


def gini(values: NDArray[np.number]) -> float:
    """0 if all values are equal, near 1 if one user has everything."""
    ordered = np.sort(values.astype(np.float64))
    count = len(ordered)
    return float(2 * np.dot(np.arange(1, count + 1), ordered) / (count * ordered.sum()) - (count + 1) / count)


def local_clustering(graph: Graph, users_max: int = CLUSTERING_USERS_MAX) -> tuple[Ints, Floats]:
    """Degree and clustering of the users with two friends or more: all, or ``users_max`` sampled
    ones.
    """
    degrees = graph.degrees
    users = np.flatnonzero(degrees >= 2)
    if len(users) > users_max:
        users = np.sort(generator().choice(users, users_max, replace=False))
    marked = np.zeros(graph.users, bool)
    clustering = np.empty(len(users))
    for index, user in enumerate(users.tolist()):
        friends = graph.of(user)
        marked[friends] = True
        # The friends' own friends in one array: each marked one closes a triangle.
        triangles = np.count_nonzero(marked[graph.neighbours[_ranges(graph.first[friends], degrees[friends])]])
        marked[friends] = False
        clustering[index] = triangles / (len(friends) * (len(friends) - 1))
    return degrees[users], clustering


def _ranges(starts: Ints, lengths: Ints) -> Ints:
    """The concatenated ranges starts[i] .. starts[i] + lengths[i] - 1."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths)


def transitivity(graph: Graph, wedges_max: int = WEDGES_MAX) -> float:
    """The share of a user's pairs of friends who are friends: of all pairs, or of ``wedges_max``
    sampled ones.
    """
    degrees = graph.degrees
    wedges = degrees * (degrees - 1) // 2
    total = int(wedges.sum())
    if total == 0:
        return 0.0
    draws = generator()
    chosen = np.arange(total) if total <= wedges_max else draws.integers(0, total, wedges_max)
    stops = np.cumsum(wedges)
    centre = np.searchsorted(stops, chosen, side="right")
    rank = chosen - (stops - wedges)[centre]
    # A user's pairs of friends are numbered (0, 1), (0, 2), (1, 2), (0, 3), ...
    second = ((1 + np.sqrt(1 + 8 * rank.astype(np.float64))) / 2).astype(np.int64)
    second -= second * (second - 1) // 2 > rank
    second += second * (second + 1) // 2 <= rank
    one = graph.neighbours[graph.first[centre] + rank - second * (second - 1) // 2]
    other = graph.neighbours[graph.first[centre] + second]
    return float(np.mean(are_friends(graph, one, other)))


def are_friends(graph: Graph, one: Ints, other: Ints) -> NDArray[np.bool_]:
    """Whether ``one[i]`` and ``other[i]`` are friends."""
    if not graph.edges:
        return np.zeros(len(one), bool)
    keys = np.sort(graph.left * graph.users + graph.right)
    wanted = np.minimum(one, other) * graph.users + np.maximum(one, other)
    indices = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.asarray(keys[indices] == wanted, np.bool_)


def assortativity(graph: Graph) -> float:
    """Pearson's r of the degrees at both ends of a friendship; nan if all degrees are equal."""
    degrees = graph.degrees.astype(np.float64)
    one = degrees[np.concatenate([graph.left, graph.right])]
    other = degrees[np.concatenate([graph.right, graph.left])]
    if not len(one) or one.std() == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def components(graph: Graph) -> Ints:
    """The component number of each user; the largest component is 0."""
    matrix = csr_array(
        (np.ones(len(graph.neighbours), bool), graph.neighbours, graph.first), (graph.users, graph.users)
    )
    _, labels = connected_components(matrix, directed=False)
    sizes = np.bincount(labels)
    numbers = np.empty(len(sizes), np.int64)
    numbers[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return np.asarray(numbers[labels], np.int64)


def mean_distance(graph: Graph, sources_max: int = SOURCES_MAX) -> float:
    """The mean hops between users of the giant component: from all, or from ``sources_max`` sampled
    ones.
    """
    giant = np.flatnonzero(components(graph) == 0)
    sources = giant if len(giant) <= sources_max else generator().choice(giant, sources_max, replace=False)
    total = 0
    for source in sources.tolist():
        total += int(distances(graph, source)[giant].sum())
    return total / max(len(sources) * (len(giant) - 1), 1)


def distances(graph: Graph, source: int) -> Ints:
    """The hops from ``source`` to each user; -1 if unreachable."""
    hops = np.full(graph.users, -1, np.int64)
    hops[source] = 0
    reached = np.array([source])
    level = 0
    while len(reached):
        level += 1
        lengths = graph.first[reached + 1] - graph.first[reached]
        found = graph.neighbours[_ranges(graph.first[reached], lengths)]
        found = found[hops[found] < 0]
        hops[found] = level
        reached = np.unique(found)
    return hops


def paradox_share(graph: Graph, among: NDArray[np.bool_]) -> float:
    """The share of users in ``among``, with friends, who have fewer than the median of their
    friends.
    """
    degrees = graph.degrees
    owner = np.repeat(np.arange(graph.users), degrees)
    theirs = degrees[graph.neighbours]
    theirs = theirs[np.lexsort((theirs, owner))]
    users = np.flatnonzero((degrees > 0) & among)
    low = theirs[graph.first[users] + (degrees[users] - 1) // 2]
    high = theirs[graph.first[users] + degrees[users] // 2]
    return float(np.mean(degrees[users] < (low + high) / 2))


def closing_share(graph: Graph, edges_max: int = CLOSING_EDGES_MAX) -> float:
    """The share of friendships whose users had a common friend before: of all, or a sample."""
    edges = np.arange(graph.edges)
    if len(edges) > edges_max:
        edges = np.sort(generator().choice(edges, edges_max, replace=False))
    marked = np.zeros(graph.users, bool)
    closing = 0
    for one, other, time_us in zip(
        graph.left[edges].tolist(), graph.right[edges].tolist(), graph.time_us[edges].tolist(), strict=True
    ):
        mine = graph.of(one)[graph.since_us[graph.first[one] : graph.first[one + 1]] < time_us]
        theirs = graph.of(other)[graph.since_us[graph.first[other] : graph.first[other + 1]] < time_us]
        marked[mine] = True
        closing += bool(marked[theirs].any())
        marked[mine] = False
    return closing / max(len(edges), 1)


def densification(joined_us: Ints, edges_us: Ints, levels: int = 12) -> float:
    """The slope of log friendships over log users, from a tenth of the users to all of them.

    The levels are evenly spaced on a logarithmic scale of users, so times without sign-ups have no
    weight.
    """
    joined_us = np.sort(joined_us)
    users = np.unique(np.geomspace(max(len(joined_us) / 10, 1), len(joined_us), levels).astype(np.int64))
    edges = np.searchsorted(np.sort(edges_us), joined_us[users - 1], side="right")
    positive = edges > 0
    if np.count_nonzero(positive) < 3:
        return float("nan")
    slope, _ = np.polyfit(np.log(users[positive]), np.log(edges[positive]), 1)
    return float(slope)
