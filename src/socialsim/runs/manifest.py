"""Manifests: the control totals of a run, by shard and event type.

The simulation adds every event to its shard's manifest as it is emitted; the totals of the
warehouse's rows are computed by SQL. Equal counts and equal hash sums mean equal sets of events.
The sums are modulo 2**64 over the halves of each event's SHA-256; a sum, unlike an exclusive or,
does not cancel out when an event occurs twice.
"""

from collections.abc import Iterable
from copy import copy
from hashlib import sha256
from struct import unpack
from typing import Final

import msgspec

from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event
from socialsim.events.canonical import FORMATTERS

_MASK_64: Final = 2**64 - 1
_HASH_BYTES: Final = 32
_HASHES_BUFFERED_BYTES_MAX: Final = 128 * _HASH_BYTES


class ControlTotals(msgspec.Struct, forbid_unknown_fields=True):
    """The events of one type in one shard.

    ``seq_min`` and ``seq_max`` are -1 while there are none.
    """

    count: int = 0
    seq_min: int = -1
    seq_max: int = -1
    sum_a: int = 0  #: of the first halves of the events' SHA-256, modulo 2**64
    sum_b: int = 0  #: of the second halves


class Manifest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The control totals of one shard of a run.

    ``acknowledged_seq`` is the last ``seq`` that was durable in the log when the manifest was
    written. ``sealed`` means that the run has ended and everything is durable; only then do the
    totals cover the whole run.
    """

    format: int = 1
    run_id: str
    shard: int
    sealed: bool = False
    acknowledged_seq: int = -1
    tallies: dict[str, ControlTotals] = msgspec.field(
        default_factory=lambda: {name: ControlTotals() for name in EVENT_TYPES}
    )


class _Accumulator:
    """Accumulates control totals. Hashes are buffered and added in batches, which is cheaper."""

    __slots__ = ("hashes", "totals")

    def __init__(self) -> None:
        self.totals = ControlTotals()
        self.hashes = bytearray()

    def add_hashes(self) -> None:
        """Add the buffered hashes to the totals. A half modulo 2**64 is its last eight bytes."""
        words = unpack(f">{len(self.hashes) // 8}Q", self.hashes)
        totals = self.totals
        totals.count += len(self.hashes) // _HASH_BYTES
        totals.sum_a = (totals.sum_a + sum(words[1::4])) & _MASK_64
        totals.sum_b = (totals.sum_b + sum(words[3::4])) & _MASK_64
        self.hashes.clear()


class ManifestBuilder:
    """Adds events to the manifests of the shards of one process."""

    def __init__(self, run_id: str, shards: range) -> None:
        self._run_id = run_id
        self._accumulators: dict[type[Event], dict[int, _Accumulator]] = {
            event_type: {shard: _Accumulator() for shard in shards} for event_type in WIRE_NAMES
        }

    def add(self, events: Iterable[Event]) -> None:
        """Add events, which are in the order of ``seq`` within a shard."""
        accumulators = self._accumulators
        for event in events:
            event_type = type(event)
            accumulator = accumulators[event_type][event.shard]
            totals = accumulator.totals
            totals.seq_max = event.seq
            if totals.seq_min < 0:
                totals.seq_min = event.seq
            hashes = accumulator.hashes
            hashes += sha256(FORMATTERS[event_type](event).encode()).digest()
            if len(hashes) > _HASHES_BUFFERED_BYTES_MAX:
                accumulator.add_hashes()

    def manifest(self, shard: int, *, acknowledged_seq: int, sealed: bool) -> Manifest:
        """The manifest of ``shard`` with all events added so far."""
        tallies = {}
        for event_type, name in WIRE_NAMES.items():
            accumulator = self._accumulators[event_type][shard]
            accumulator.add_hashes()
            tallies[name] = copy(accumulator.totals)
        return Manifest(
            run_id=self._run_id, shard=shard, sealed=sealed, acknowledged_seq=acknowledged_seq, tallies=tallies
        )
