"""What the processes of a run tell each other when a window has ended.

Every pair of processes shares a pipe (a mesh: no process in the middle that copies everything twice). In each pair the
lower rank sends first, so that two full pipes never wait for each other. Receiving from everybody is the barrier.
"""

from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

import msgspec

from socialsim.domain.actors.context import Envelope
from socialsim.domain.messages import UserMessage
from socialsim.errors import ShardDiedError


class WindowMessage(msgspec.Struct, array_like=True, gc=False):
    """One process to another, at the end of a window."""

    next_us: int  #: nothing happens at the sender before this time
    stopping: bool  #: the sender was asked to end the run
    letters: list[tuple[int, list[int], UserMessage]]


class BarrierResult(NamedTuple):
    """What all processes know after an exchange."""

    next_us: int
    stopping: bool
    letters: list[Envelope]  #: to this process's users, from all processes, by sender's shard


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(WindowMessage)


class Exchange:
    """One process's pipes to its peers. ``users`` maps each peer's rank to the user ids that it hosts.

    Ranks host contiguous ranges of shards in the order of ranks, so letters by rank are letters by shard.
    """

    def __init__(self, rank: int, peers: Mapping[int, Connection], users: Mapping[int, range]) -> None:
        self._rank = rank
        self._peers = sorted(peers.items())
        self._users = users

    def swap(self, next_us: int, *, stopping: bool, letters: Sequence[Envelope]) -> BarrierResult:
        """Send each peer its letters and wait for those of all peers. Raises ShardDiedError when a peer is gone."""
        received: list[tuple[int, Iterable[Envelope]]] = [(self._rank, letters)]
        for peer, pipe in self._peers:
            outgoing = _encoder.encode(WindowMessage(next_us, stopping, letters_to(self._users[peer], letters)))
            try:
                if self._rank < peer:
                    pipe.send_bytes(outgoing)
                    report = _decoder.decode(pipe.recv_bytes())
                else:
                    report = _decoder.decode(pipe.recv_bytes())
                    pipe.send_bytes(outgoing)
            except (EOFError, OSError) as error:
                raise ShardDiedError(f"process {peer} of the run is gone") from error
            next_us = min(next_us, report.next_us)
            stopping = stopping or report.stopping
            received.append((peer, report.letters))
        received.sort(key=lambda entry: entry[0])
        return BarrierResult(next_us, stopping, [letter for _, part in received for letter in part])


def letters_to(users: range, letters: Iterable[Envelope]) -> list[tuple[int, list[int], UserMessage]]:
    """Those of ``letters`` that go to ``users``, with only these as receivers, and those that go to everybody."""
    first, stop = users.start, users.stop
    chosen = []
    for shard, user_ids, message in letters:
        there = [user_id for user_id in user_ids if first <= user_id < stop]
        if there or not user_ids:
            chosen.append((shard, there, message))
    return chosen
