"""Letters between processes: each reaches the hosts of its receivers, all agree, and a peer's death is noticed."""

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
from socialsim.simulation.exchange import BarrierResult, Exchange, letters_to

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


def letters_of(shard: int) -> st.SearchStrategy[list[Envelope]]:
    receivers = st.lists(st.integers(0, 39), min_size=1, max_size=6, unique=True)
    to_some = st.tuples(st.just(shard), receivers, MESSAGES)
    to_everybody: st.SearchStrategy[Envelope] = st.tuples(st.just(shard), st.just([]), POSTS)
    return st.lists(to_some | to_everybody, max_size=6)


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


def swap_all(work: Callable[[Exchange, int], BarrierResult], ranks: int) -> list[BarrierResult]:
    """All ranks at once, each in a thread."""
    peers = mesh(ranks)
    try:
        exchanges = [Exchange(rank, peers[rank], USERS) for rank in range(ranks)]
        with ThreadPoolExecutor(ranks) as threads:
            return list(threads.map(work, exchanges, range(ranks)))
    finally:
        close(peers)


@settings(max_examples=40)
@given(st.tuples(*map(letters_of, range(4))), st.lists(st.integers(0, 2**62), min_size=4, max_size=4))
def test_every_letter_reaches_its_receivers_by_the_order_of_senders(
    letters: tuple[list[Envelope], ...], next_us: list[int]
) -> None:
    agreements = swap_all(lambda exchange, rank: exchange.swap(next_us[rank], stopping=False, letters=letters[rank]), 4)
    for rank, agreement in enumerate(agreements):
        here = letters_to(USERS[rank], [letter for part in letters for letter in part])
        assert letters_to(USERS[rank], agreement.letters) == here
        assert agreement.next_us == min(next_us)
        assert not agreement.stopping


def test_one_who_is_asked_to_stop_stops_all() -> None:
    agreements = swap_all(lambda exchange, rank: exchange.swap(0, stopping=rank == 2, letters=[]), 4)
    assert all(agreement.stopping for agreement in agreements)


def test_letters_that_fill_every_pipe_do_not_wait_for_each_other() -> None:
    everybody = [user for users in USERS.values() for user in users]
    many: list[Envelope] = [(0, everybody, PostShared(2**60 + number, 1, 0, 0, 1)) for number in range(6_000)]
    agreements = swap_all(lambda exchange, rank: exchange.swap(rank, stopping=False, letters=many), 4)
    assert all(len(agreement.letters) == 4 * len(many) for agreement in agreements)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_peer_that_is_gone_is_named(rank: int) -> None:
    peers = mesh(2)
    try:
        peers[1 - rank][rank].close()
        with pytest.raises(ShardDiedError, match=f"process {1 - rank} of the run is gone"):
            Exchange(rank, peers[rank], USERS).swap(0, stopping=False, letters=[])
    finally:
        close(peers)


def test_alone_there_is_nobody_to_wait_for() -> None:
    letter: Envelope = (3, [1, 2], PostShared(1, 0, 3, 5, 1_024))
    assert Exchange(0, {}, {}).swap(7, stopping=True, letters=[letter]) == BarrierResult(7, True, [letter])
