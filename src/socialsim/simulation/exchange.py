"""The exchange between the processes of a run at a window's end.

Every pair of processes shares a pipe: in a mesh, no central process copies each message twice.
Within a pair the lower rank sends first, so two full pipes never deadlock. Having received from all
peers, a process has passed the barrier.
"""

from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

import msgspec

from socialsim.domain.actors.context import Envelope
from socialsim.domain.messages import UserMessage
from socialsim.errors import ShardDiedError


class WindowMessage(msgspec.Struct, array_like=True, gc=False):
    """What one process sends to one peer at a window's end."""

    next_us: int  #: the sender's next event is not before this time
    stopping: bool  #: whether the sender was asked to end the run
    envelopes: list[tuple[int, list[int], UserMessage]]


class BarrierResult(NamedTuple):
    """What every process knows after the exchange."""

    next_us: int
    stopping: bool
    envelopes: list[Envelope]  #: to this process's users, from all processes, by sender's shard


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(WindowMessage)


class Exchange:
    """One process's pipes to its peers. ``users`` maps each peer's rank to the user ids it
    simulates.

    Ranks own contiguous ranges of shards in rank order, so envelopes sorted by rank are sorted by
    shard.
    """

    def __init__(self, rank: int, peers: Mapping[int, Connection], users: Mapping[int, range]) -> None:
        self._rank = rank
        self._peers = sorted(peers.items())
        self._users = users

    def pass_barrier(self, next_us: int, *, stopping: bool, envelopes: Sequence[Envelope]) -> BarrierResult:
        """Send each peer its envelopes and wait for those of all peers.

        Raises ShardDiedError if one died.
        """
        received: list[tuple[int, Iterable[Envelope]]] = [(self._rank, envelopes)]
        for peer, pipe in self._peers:
            outgoing = _encoder.encode(WindowMessage(next_us, stopping, envelopes_to(self._users[peer], envelopes)))
            try:
                if self._rank < peer:
                    pipe.send_bytes(outgoing)
                    message = _decoder.decode(pipe.recv_bytes())
                else:
                    message = _decoder.decode(pipe.recv_bytes())
                    pipe.send_bytes(outgoing)
            except (EOFError, OSError) as error:
                raise ShardDiedError(f"process {peer} of the run is gone") from error
            next_us = min(next_us, message.next_us)
            stopping = stopping or message.stopping
            received.append((peer, message.envelopes))
        received.sort(key=lambda entry: entry[0])
        return BarrierResult(next_us, stopping, [envelope for _, part in received for envelope in part])


def envelopes_to(users: range, envelopes: Iterable[Envelope]) -> list[tuple[int, list[int], UserMessage]]:
    """The envelopes that have a receiver in ``users``, with only those receivers, and the
    broadcasts.
    """
    first, stop = users.start, users.stop
    chosen = []
    for shard, user_ids, message in envelopes:
        receivers = [user_id for user_id in user_ids if first <= user_id < stop]
        if receivers or not user_ids:
            chosen.append((shard, receivers, message))
    return chosen
