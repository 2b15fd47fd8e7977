"""The stored rows of a run added up as its manifest was: per event type and shard."""

from hashlib import sha256
from struct import Struct
from typing import Final

from sqlalchemy import Connection

from socialsim.events import EVENT_TYPES, Event
from socialsim.events.canonical import canonical_text
from socialsim.runs.manifest import ControlTotals
from socialsim.verification.canonical_sql import tallies_query, texts_query

#: By wire name and shard.
Tallies = dict[tuple[str, int], ControlTotals]

_MASK_64: Final = 2**64 - 1
_ROWS_AT_ONCE: Final = 10_000
_halves: Final = Struct(">8xQ8xQ").unpack


def stored_totals(connection: Connection, run_key: int) -> Tallies:
    """Read every row of the run once. Shards without rows of a type have no entry for it."""
    tally = _tallied_here if connection.dialect.name == "sqlite" else _tallied_by_server
    tallies: Tallies = {}
    for name in EVENT_TYPES:
        tallies |= {(name, shard): each for shard, each in tally(connection, run_key, name).items()}
    return tallies


def with_event(tally: ControlTotals, event: Event) -> ControlTotals:
    """``tally`` and one event more."""
    first, second = _halves(sha256(canonical_text(event).encode()).digest())
    return ControlTotals(
        tally.count + 1,
        event.seq if tally.count == 0 else min(tally.seq_min, event.seq),
        max(tally.seq_max, event.seq),
        (tally.sum_a + first) & _MASK_64,
        (tally.sum_b + second) & _MASK_64,
    )


def _tallied_by_server(connection: Connection, run_key: int, name: str) -> dict[int, ControlTotals]:
    rows = connection.execute(tallies_query(name), {"run_key": run_key})
    return {
        int(shard): ControlTotals(int(count), int(seq_min), int(seq_max), int(sum_a) & _MASK_64, int(sum_b) & _MASK_64)
        for shard, count, seq_min, seq_max, sum_a, sum_b in rows
    }


def _tallied_here(connection: Connection, run_key: int, name: str) -> dict[int, ControlTotals]:
    tallies: dict[int, list[int]] = {}
    rows = connection.execute(texts_query(name, "sqlite"), {"run_key": run_key})
    for part in rows.partitions(_ROWS_AT_ONCE):
        for shard, seq, canonical in part:
            first, second = _halves(sha256(canonical.encode()).digest())
            tally = tallies.get(shard)
            if tally is None:
                tally = tallies[shard] = [0, seq, seq, 0, 0]
            tally[0] += 1
            if seq < tally[1]:  # noqa: PLR1730 - min() is a call, and this runs for every row
                tally[1] = seq
            if seq > tally[2]:  # noqa: PLR1730
                tally[2] = seq
            tally[3] += first
            tally[4] += second
    return {
        shard: ControlTotals(count, seq_min, seq_max, sum_a & _MASK_64, sum_b & _MASK_64)
        for shard, (count, seq_min, seq_max, sum_a, sum_b) in tallies.items()
    }
