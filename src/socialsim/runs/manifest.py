"""The books of a run: per shard and event type how many events there are, and two sums over their hashes.

A simulated shard adds every event to its manifest as it is emitted; the warehouse's rows are added up by SQL. Equal
counts and equal sums mean equal sets of events: the sums are taken modulo 2**64 over the halves of each event's SHA-256,
and a sum, unlike an exclusive or, does not cancel when an event is there twice.
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
_HASHES_WAITING_BYTES_MAX: Final = 128 * _HASH_BYTES


class ControlTotals(msgspec.Struct, forbid_unknown_fields=True):
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
    tallies: dict[str, ControlTotals] = msgspec.field(
        default_factory=lambda: {name: ControlTotals() for name in EVENT_TYPES}
    )


class _Accumulator:
    """A tally being added up. Hashes wait until there are some dozens: numbers are cheap to add by the hundred."""

    __slots__ = ("hashes", "tally")

    def __init__(self) -> None:
        self.tally = ControlTotals()
        self.hashes = bytearray()

    def add_up(self) -> None:
        """Take the waiting hashes into the tally. Each half modulo 2**64 is its last eight bytes."""
        words = unpack(f">{len(self.hashes) // 8}Q", self.hashes)
        tally = self.tally
        tally.count += len(self.hashes) // _HASH_BYTES
        tally.sum_a = (tally.sum_a + sum(words[1::4])) & _MASK_64
        tally.sum_b = (tally.sum_b + sum(words[3::4])) & _MASK_64
        self.hashes.clear()


class ManifestBuilder:
    """Adds events to the manifests of the shards of one process."""

    def __init__(self, run_id: str, shards: range) -> None:
        self._run_id = run_id
        self._pages: dict[type[Event], dict[int, _Accumulator]] = {
            event_type: {shard: _Accumulator() for shard in shards} for event_type in WIRE_NAMES
        }

    def add(self, events: Iterable[Event]) -> None:
        """Enter events. Within a shard they come in the order of ``seq``."""
        pages = self._pages
        for event in events:
            event_type = type(event)
            page = pages[event_type][event.shard]
            tally = page.tally
            tally.seq_max = event.seq
            if tally.seq_min < 0:
                tally.seq_min = event.seq
            hashes = page.hashes
            hashes += sha256(FORMATTERS[event_type](event).encode()).digest()
            if len(hashes) > _HASHES_WAITING_BYTES_MAX:
                page.add_up()

    def manifest(self, shard: int, *, acknowledged_seq: int, sealed: bool) -> Manifest:
        """The books of ``shard`` as they stand."""
        tallies = {}
        for event_type, name in WIRE_NAMES.items():
            page = self._pages[event_type][shard]
            page.add_up()
            tallies[name] = copy(page.tally)
        return Manifest(
            run_id=self._run_id, shard=shard, sealed=sealed, acknowledged_seq=acknowledged_seq, tallies=tallies
        )
