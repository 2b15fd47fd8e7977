"""Graph statistics compared with networkx, and with graphs whose statistics are known."""

import math
from statistics import median

import networkx as nx
import numpy as np
import pytest

from socialsim.realism import graph as networks
from socialsim.realism.graph import Graph
from tests.realism.runs import graph_of

#: Some are disconnected, some have users without friends.
GRAPHS = {
    "karate": nx.karate_club_graph(),
    "florentine": nx.florentine_families_graph(),
    "random": nx.gnm_random_graph(60, 150, seed=4),
    "sparse": nx.gnm_random_graph(60, 45, seed=5),
    "clustered": nx.powerlaw_cluster_graph(120, 4, 0.6, seed=6),
    "two cliques": nx.disjoint_union(nx.complete_graph(5), nx.complete_graph(3)),
}

#: A graph of networkx, and ours of the same edges.
Pair = tuple[nx.Graph, Graph]


@pytest.fixture(params=GRAPHS.values(), ids=list(GRAPHS))
def pair(request: pytest.FixtureRequest) -> Pair:
    return request.param, graph_of(request.param)


def giant_of(graph: nx.Graph) -> nx.Graph:
    return graph.subgraph(max(nx.connected_components(graph), key=len))


def test_degrees_and_neighbours_equal_those_of_networkx(pair: Pair) -> None:
    theirs, ours = pair
    numbers = {node: place for place, node in enumerate(theirs)}
    assert ours.degrees.tolist() == [degree for _, degree in theirs.degree]
    for node, place in numbers.items():
        assert ours.of(place).tolist() == sorted(numbers[other] for other in theirs[node])


def test_local_clustering_equals_that_of_networkx(pair: Pair) -> None:
    theirs, ours = pair
    expected = [value for node, value in nx.clustering(theirs).items() if theirs.degree[node] >= 2]
    degrees, clustering = networks.local_clustering(ours)
    assert clustering == pytest.approx(expected)
    assert degrees.tolist() == [degree for _, degree in theirs.degree if degree >= 2]


def test_transitivity_equals_that_of_networkx(pair: Pair) -> None:
    theirs, ours = pair
    assert networks.transitivity(ours) == pytest.approx(nx.transitivity(theirs))


def test_assortativity_equals_that_of_networkx(pair: Pair) -> None:
    theirs, ours = pair
    assert networks.assortativity(ours) == pytest.approx(nx.degree_assortativity_coefficient(theirs))


def test_mean_distance_equals_that_of_networkx(pair: Pair) -> None:
    theirs, ours = pair
    assert networks.mean_distance(ours, 1_000) == pytest.approx(nx.average_shortest_path_length(giant_of(theirs)))


def test_the_giant_component_equals_that_of_networkx(pair: Pair) -> None:
    theirs, ours = pair
    in_giant = networks.components(ours) == 0
    assert np.count_nonzero(in_giant) == len(giant_of(theirs))
    assert len(set(networks.components(ours).tolist())) == nx.number_connected_components(theirs)


def test_the_friendship_paradox_share_equals_a_plain_count(pair: Pair) -> None:
    theirs, ours = pair
    with_friends = [node for node in theirs if theirs.degree[node]]
    fewer = [theirs.degree[node] < median(theirs.degree[friend] for friend in theirs[node]) for node in with_friends]
    found = networks.paradox_share(ours, np.ones(len(theirs), bool))
    assert found == pytest.approx(sum(fewer) / len(fewer))


def test_sampled_statistics_are_close_to_the_exact_ones() -> None:
    theirs = nx.powerlaw_cluster_graph(1_500, 6, 0.5, seed=7)
    ours = graph_of(theirs)
    assert networks.transitivity(ours, 30_000) == pytest.approx(nx.transitivity(theirs), abs=0.01)
    assert networks.local_clustering(ours, 600)[1].mean() == pytest.approx(nx.average_clustering(theirs), abs=0.03)
    assert networks.mean_distance(ours, 40) == pytest.approx(networks.mean_distance(ours, 10_000), rel=0.03)
    assert networks.closing_share(ours, 500) == pytest.approx(networks.closing_share(ours), abs=0.05)
    assert networks.transitivity(ours, 30_000) == networks.transitivity(ours, 30_000)


def test_graphs_with_known_statistics() -> None:
    complete, path, star = graph_of(nx.complete_graph(6)), graph_of(nx.path_graph(5)), graph_of(nx.star_graph(7))
    assert networks.transitivity(complete) == 1
    assert networks.mean_distance(complete) == 1
    assert math.isnan(networks.assortativity(complete))
    assert networks.transitivity(path) == 0
    assert networks.mean_distance(path) == 2
    assert networks.assortativity(star) == pytest.approx(-1)
    everybody = np.ones(8, bool)
    assert networks.paradox_share(star, everybody) == pytest.approx(7 / 8)
    assert networks.paradox_share(star, ~everybody | (np.arange(8) == 0)) == 0


def test_a_repeated_pair_is_one_friendship_since_its_earliest_time() -> None:
    ours = networks.make_graph(4, np.array([2, 0, 1, 3]), np.array([1, 3, 2, 3]), np.array([9, 5, 4, 1]))
    assert list(zip(ours.left.tolist(), ours.right.tolist(), ours.time_us.tolist(), strict=True)) == [
        (1, 2, 4),
        (0, 3, 5),
    ]
    assert networks.are_friends(ours, np.array([2, 3, 0]), np.array([1, 0, 1])).tolist() == [True, True, False]


def test_a_closing_friendship_has_a_common_friend_before() -> None:
    square_with_a_diagonal = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)])
    # 3-0, 0-2
    assert networks.closing_share(graph_of(square_with_a_diagonal, [1, 2, 3, 4, 5])) == pytest.approx(2 / 5)
    # 1-2, 3-0
    assert networks.closing_share(graph_of(square_with_a_diagonal, [1, 2, 3, 4, 0])) == pytest.approx(2 / 5)
    at_one_time = graph_of(nx.complete_graph(3), [1, 1, 1])
    assert networks.closing_share(at_one_time) == 0  # nobody was a friend before


def test_densification_is_the_slope_of_the_logarithms() -> None:
    joined_us = np.arange(1_000) * 100
    for exponent in (1.0, 1.3):
        numbers = np.arange(1, 1_001)
        edges = np.round(3 * numbers**exponent).astype(int)
        edges_us = np.repeat(joined_us, np.diff(edges, prepend=0))
        assert networks.densification(joined_us, edges_us) == pytest.approx(exponent, abs=0.01)
    assert math.isnan(networks.densification(joined_us, np.empty(0, np.int64)))


@pytest.mark.parametrize(("values", "expected"), [([3, 3, 3, 3], 0), ([0, 0, 0, 8], 0.75), ([1, 2, 3, 4], 0.25)])
def test_gini_of_known_values(values: list[int], expected: float) -> None:
    assert networks.gini(np.array(values)) == pytest.approx(expected)


def test_gini_equals_the_relative_mean_difference() -> None:
    values = np.random.default_rng(1).lognormal(2, 1, 300)
    differences = np.abs(values[:, None] - values[None, :]).mean()
    assert networks.gini(values) == pytest.approx(differences / (2 * values.mean()))
