"""The control totals of a run's stored rows, computed like its manifests: per event type and
shard.
"""

from hashlib import sha256
from struct import Struct
from typing import Final

from sqlalchemy import Connection

from socialsim.events import EVENT_TYPES, Event
from socialsim.events.canonical import canonical_text
from socialsim.runs.manifest import ControlTotals
from socialsim.verification.canonical_sql import texts_query, totals_query

#: Control totals by cell: wire name and shard.
TotalsByCell = dict[tuple[str, int], ControlTotals]

_MASK_64: Final = 2**64 - 1
_ROWS_AT_ONCE: Final = 10_000
_halves: Final = Struct(">8xQ8xQ").unpack


def stored_totals(connection: Connection, run_key: int) -> TotalsByCell:
    """Read every row of the run once. Shards without rows of a type have no entry for it."""
    compute = _computed_here if connection.dialect.name == "sqlite" else _computed_by_server
    by_cell: TotalsByCell = {}
    for name in EVENT_TYPES:
        by_cell |= {(name, shard): totals for shard, totals in compute(connection, run_key, name).items()}
    return by_cell


def with_event(totals: ControlTotals, event: Event) -> ControlTotals:
    """``totals`` plus one event."""
    first, second = _halves(sha256(canonical_text(event).encode()).digest())
    return ControlTotals(
        totals.count + 1,
        event.seq if totals.count == 0 else min(totals.seq_min, event.seq),
        max(totals.seq_max, event.seq),
        (totals.sum_a + first) & _MASK_64,
        (totals.sum_b + second) & _MASK_64,
    )


def _computed_by_server(connection: Connection, run_key: int, name: str) -> dict[int, ControlTotals]:
    rows = connection.execute(totals_query(name), {"run_key": run_key})
    return {
        int(shard): ControlTotals(int(count), int(seq_min), int(seq_max), int(sum_a) & _MASK_64, int(sum_b) & _MASK_64)
        for shard, count, seq_min, seq_max, sum_a, sum_b in rows
    }


def _computed_here(connection: Connection, run_key: int, name: str) -> dict[int, ControlTotals]:
    by_shard: dict[int, list[int]] = {}
    rows = connection.execute(texts_query(name, "sqlite"), {"run_key": run_key})
    for part in rows.partitions(_ROWS_AT_ONCE):
        for shard, seq, canonical in part:
            first, second = _halves(sha256(canonical.encode()).digest())
            totals = by_shard.get(shard)
            if totals is None:
                totals = by_shard[shard] = [0, seq, seq, 0, 0]
            totals[0] += 1
            if seq < totals[1]:  # noqa: PLR1730 - min() is a call, and this runs for every row
                totals[1] = seq
            if seq > totals[2]:  # noqa: PLR1730
                totals[2] = seq
            totals[3] += first
            totals[4] += second
    return {
        shard: ControlTotals(count, seq_min, seq_max, sum_a & _MASK_64, sum_b & _MASK_64)
        for shard, (count, seq_min, seq_max, sum_a, sum_b) in by_shard.items()
    }
