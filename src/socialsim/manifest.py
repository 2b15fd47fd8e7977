"""The books of a run: per shard and event type how many events there are, and two sums over their hashes.

A simulated shard adds every event to its manifest as it is emitted; the warehouse's rows are added up by SQL. Equal
counts and equal sums mean equal sets of events: the sums are taken modulo 2**64 over the halves of each event's SHA-256,
and a sum, unlike an exclusive or, does not cancel when an event is there twice.
"""

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct
from typing import Final

import msgspec

from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event
from socialsim.events.canonical import FORMATTERS

_MASK_64: Final = 2**64 - 1
_halves: Final = Struct(">8xQ8xQ").unpack  # each half modulo 2**64: its last eight bytes


class Tally(msgspec.Struct, forbid_unknown_fields=True):
    """The events of one type in one shard. ``seq_min`` is -1 and ``seq_max`` -1 while there are none."""

    count: int = 0
    seq_min: int = -1
    seq_max: int = -1
    sum_a: int = 0  #: of the first halves of the events' SHA-256, modulo 2**64
    sum_b: int = 0  #: of the second halves


class Manifest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The books of one shard of one run.

    ``acknowledged_seq`` is the last event that was durable in the log when the manifest was written. ``sealed`` says
    that the run came to its end and everything was durable: only then do the tallies speak of the whole run.
    """

    format: int = 1
    run_id: str
    shard: int
    sealed: bool = False
    acknowledged_seq: int = -1
    tallies: dict[str, Tally] = msgspec.field(default_factory=lambda: {name: Tally() for name in EVENT_TYPES})


class Ledger:
    """Adds events to the manifests of the shards of one process."""

    def __init__(self, run_id: str, shards: range) -> None:
        self._run_id = run_id
        # One list for each (shard, type): count, first seq, last seq, and the two sums not yet taken modulo 2**64.
        self._tallies: dict[tuple[int, type[Event]], list[int]] = {
            (shard, event_type): [0, -1, -1, 0, 0] for shard in shards for event_type in WIRE_NAMES
        }

    def add(self, events: Iterable[Event]) -> None:
        """Enter events. Within a shard they come in the order of ``seq``."""
        tallies = self._tallies
        for event in events:
            event_type = type(event)
            tally = tallies[event.shard, event_type]
            first, second = _halves(sha256(FORMATTERS[event_type](event).encode()).digest())
            if not tally[0]:
                tally[1] = event.seq
            tally[0] += 1
            tally[2] = event.seq
            tally[3] += first
            tally[4] += second

    def manifest(self, shard: int, *, acknowledged_seq: int, sealed: bool) -> Manifest:
        """The books of ``shard`` as they stand."""
        tallies = {}
        for event_type, name in WIRE_NAMES.items():
            count, seq_min, seq_max, sum_a, sum_b = self._tallies[shard, event_type]
            tallies[name] = Tally(count, seq_min, seq_max, sum_a & _MASK_64, sum_b & _MASK_64)
        return Manifest(
            run_id=self._run_id, shard=shard, sealed=sealed, acknowledged_seq=acknowledged_seq, tallies=tallies
        )
