"""The exchange: envelopes reach their receivers, all processes agree, a dead peer is noticed."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialsim.domain.actors.context import Envelope
from socialsim.domain.messages import FriendAcceptance, FriendRequest, PostShared, Suggestion, SuggestionWanted
from socialsim.errors import ShardDiedError
from socialsim.simulation.exchange import BarrierResult, Exchange, envelopes_to

USERS = {0: range(10), 1: range(10, 25), 2: range(25, 26), 3: range(26, 40)}
POSTS = st.builds(
    PostShared,
    st.integers(0, 2**63 - 1),
    st.integers(0, 600),
    st.integers(0, 39),
    st.integers(0, 2**53),
    st.integers(1, 2**20),
)
MESSAGES = st.one_of(
    POSTS,
    st.builds(FriendRequest, st.integers(0, 2**63 - 1), st.integers(0, 39), st.integers(0, 2)),
    st.builds(FriendAcceptance, st.integers(0, 39)),
    st.builds(SuggestionWanted, st.integers(0, 39)),
    st.builds(Suggestion, st.integers(0, 39)),
)


def envelopes_of(shard: int) -> st.SearchStrategy[list[Envelope]]:
    receivers = st.lists(st.integers(0, 39), min_size=1, max_size=6, unique=True)
    to_some = st.tuples(st.just(shard), receivers, MESSAGES)
    broadcasts: st.SearchStrategy[Envelope] = st.tuples(st.just(shard), st.just([]), POSTS)
    return st.lists(to_some | broadcasts, max_size=6)


def mesh(ranks: int) -> list[dict[int, Connection]]:
    peers: list[dict[int, Connection]] = [{} for _ in range(ranks)]
    for low in range(ranks):
        for high in range(low + 1, ranks):
            peers[low][high], peers[high][low] = multiprocessing.Pipe(duplex=True)
    return peers


def close(peers: list[dict[int, Connection]]) -> None:
    for pipes in peers:
        for pipe in pipes.values():
            pipe.close()


def exchange_all(work: Callable[[Exchange, int], BarrierResult], ranks: int) -> list[BarrierResult]:
    """Run all ranks at once, each in a thread."""
    peers = mesh(ranks)
    try:
        exchanges = [Exchange(rank, peers[rank], USERS) for rank in range(ranks)]
        with ThreadPoolExecutor(ranks) as threads:
            return list(threads.map(work, exchanges, range(ranks)))
    finally:
        close(peers)


@settings(max_examples=40)
@given(st.tuples(*map(envelopes_of, range(4))), st.lists(st.integers(0, 2**62), min_size=4, max_size=4))
def test_every_envelope_reaches_its_receivers_in_the_order_of_senders(
    envelopes: tuple[list[Envelope], ...], next_us: list[int]
) -> None:
    results = exchange_all(
        lambda exchange, rank: exchange.pass_barrier(next_us[rank], stopping=False, envelopes=envelopes[rank]), 4
    )
    for rank, result in enumerate(results):
        expected = envelopes_to(USERS[rank], [envelope for part in envelopes for envelope in part])
        assert envelopes_to(USERS[rank], result.envelopes) == expected
        assert result.next_us == min(next_us)
        assert not result.stopping


def test_a_stop_request_to_one_process_stops_all() -> None:
    results = exchange_all(lambda exchange, rank: exchange.pass_barrier(0, stopping=rank == 2, envelopes=[]), 4)
    assert all(result.stopping for result in results)


def test_envelopes_that_fill_every_pipe_cause_no_deadlock() -> None:
    all_users = [user for users in USERS.values() for user in users]
    many: list[Envelope] = [(0, all_users, PostShared(2**60 + number, 1, 0, 0, 1)) for number in range(6_000)]
    results = exchange_all(lambda exchange, rank: exchange.pass_barrier(rank, stopping=False, envelopes=many), 4)
    assert all(len(result.envelopes) == 4 * len(many) for result in results)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_dead_peer_is_named(rank: int) -> None:
    peers = mesh(2)
    try:
        peers[1 - rank][rank].close()
        with pytest.raises(ShardDiedError, match=f"process {1 - rank} of the run is gone"):
            Exchange(rank, peers[rank], USERS).pass_barrier(0, stopping=False, envelopes=[])
    finally:
        close(peers)


def test_a_single_process_does_not_wait() -> None:
    envelope: Envelope = (3, [1, 2], PostShared(1, 0, 3, 5, 1_024))
    assert Exchange(0, {}, {}).pass_barrier(7, stopping=True, envelopes=[envelope]) == BarrierResult(
        7, True, [envelope]
    )
