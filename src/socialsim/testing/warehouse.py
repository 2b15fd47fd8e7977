"""A warehouse in memory with the contract of ``warehouse.base`` and faults at the critical
moments.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Literal

from socialsim.errors import OwnershipLostError, TerminalError, TransientError
from socialsim.events import EVENT_TYPES, Event
from socialsim.warehouse.base import Batch, DeadLetter, OffsetKey, Stored, Warehouse
from socialsim.warehouse.batches.conflicts import (
    CONTENTS,
    Conflict,
    DuplicateCandidates,
    dead_letters_of,
    differing,
    row_key,
)
from socialsim.warehouse.batches.positions import OffsetRowKey, StoredPosition, compare, log_changes, replaced_error
from socialsim.warehouse.batches.run_keys import KnownRun, check_scenarios, unknown_runs
from socialsim.warehouse.batches.transaction import MoveRow, TransactionCounts, groups, move_rows, run_ids

#: Run, time, shard and seq, as in the tables' primary key.
Identity = tuple[str, int, int, int]
_identity: Callable[[Event], Identity] = attrgetter("run_id", "time_us", "shard", "seq")


@dataclass(slots=True)
class OffsetCounters:
    """The numbers of records consumed from a partition and of their outcomes."""

    consumed: int = 0
    inserted: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    commits: int = 0

    def add(self, move: MoveRow) -> None:
        """Add the counts of one transaction."""
        self.consumed += move.new - move.old
        self.inserted += move.inserted
        self.duplicates += move.duplicates
        self.dead_letters += move.dead_letters
        self.commits += 1


Operation = Literal["store", "offsets"]


class Fault(Enum):
    """What can happen to one transaction or to one read of the offsets."""

    BEFORE_COMMIT = "the connection drops before the commit: nothing is stored"
    AFTER_COMMIT = "the connection drops before the commit's answer: everything is stored"
    STOLEN = "another consumer stores the same batch first"
    REWOUND = "the first partition's offset is set back to 0 first"
    UNREADABLE = "the connection drops while the offsets are read"
    TERMINAL = "a table is missing"


def no_fault(operation: Operation) -> Fault | None:
    """Let every operation succeed."""


class MemoryWarehouse(Warehouse):
    """Rows by identity, dead letters by position, offsets by key; one transaction is one step of
    the loop.

    ``next_fault`` is called once per ``store`` and per ``offsets``; ``delay_s`` returns how long a
    transaction takes. ``attempts`` counts the calls of ``store``, ``faults`` the injected faults.
    """

    def __init__(
        self,
        lanes: int = 1,
        next_fault: Callable[[Operation], Fault | None] = no_fault,
        delay_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.lanes = lanes
        self.rows: dict[str, dict[Identity, Event]] = {name: {} for name in EVENT_TYPES}
        self.dead_letters: dict[tuple[str, str, int, int, str], DeadLetter] = {}
        self.stored_offsets: dict[OffsetKey, int] = {}
        self.offset_counters: defaultdict[OffsetKey, OffsetCounters] = defaultdict(OffsetCounters)
        self.runs: dict[str, None] = {}  #: run ids, in the order of their first rows
        self.digests: dict[str, str] = {}  #: of the scenarios of runs, where a batch told them
        self.attempts = 0
        self.faults: Counter[Fault] = Counter()
        self.is_open = False
        self._next_fault = next_fault
        self._delay_s = delay_s
        self._busy: set[int] = set()

    def beside(self) -> "MemoryWarehouse":
        """The same rows and offsets with lanes of their own, as another process has them."""
        other = copy(self)
        other._busy = set()
        return other

    async def open(self) -> None:
        """Nothing to connect to."""
        self.is_open = True

    async def offsets(self, keys: Sequence[OffsetKey], *, restart: bool = False) -> dict[OffsetKey, int]:
        """The stored offsets, 0 for an unknown key."""
        await asyncio.sleep(0)
        fault = self._next_fault("offsets")
        if fault is Fault.UNREADABLE:
            self.faults[fault] += 1
            raise TransientError("memory warehouse: the connection dropped while offsets were read")
        rows = self._positions()
        found = compare(keys, rows)
        if found.replaced and not restart:
            raise replaced_error(found.replaced, rows)
        log_changes(found)
        for key in found.adopted:
            self._rename(key, self.stored_offsets.pop(key._replace(identity="")))
        for key in found.replaced:
            self._rename(key, 0)
        self.stored_offsets |= dict.fromkeys(found.missing, 0)
        return found.offsets | dict.fromkeys([*found.missing, *found.replaced], 0)

    def _positions(self) -> dict[OffsetRowKey, StoredPosition]:
        return {key.primary_key: StoredPosition(offset, key.identity) for key, offset in self.stored_offsets.items()}

    def _rename(self, key: OffsetKey, offset: int) -> None:
        """Replace the identity in a stored position; its counters are kept."""
        for old in [each for each in self.stored_offsets if each.primary_key == key.primary_key]:
            del self.stored_offsets[old]
        for old in [each for each in self.offset_counters if each.primary_key == key.primary_key and each != key]:
            self.offset_counters[key] = self.offset_counters.pop(old)
        self.stored_offsets[key] = offset

    async def stored(self, keys: Sequence[OffsetKey]) -> dict[OffsetKey, int]:
        """The stored offsets, without creating any."""
        await asyncio.sleep(0)
        return dict.fromkeys(keys, 0) | compare(keys, self._positions()).offsets

    async def store(self, lane: int, batch: Batch) -> Stored:
        """Store everything or nothing, with the fault that is due."""
        if not 0 <= lane < self.lanes or lane in self._busy:
            raise AssertionError(f"lane {lane} of {self.lanes} is used by two tasks or does not exist")
        self._busy.add(lane)
        try:
            self.attempts += 1
            await asyncio.sleep(self._delay_s())
            fault = self._next_fault("store")
            if fault is not None:
                self.faults[fault] += 1
            if fault is Fault.BEFORE_COMMIT:
                raise TransientError("memory warehouse: the connection dropped before the commit")
            if fault is Fault.TERMINAL:
                raise TerminalError("memory warehouse: a table is missing")
            if fault is Fault.STOLEN:
                self._commit(batch)
            if fault is Fault.REWOUND and batch.moves:
                self.stored_offsets[batch.moves[0].key] = 0
            stored = self._commit(batch)
            if fault is Fault.AFTER_COMMIT:
                raise TransientError("memory warehouse: the connection dropped after the commit")
            return stored
        finally:
            self._busy.discard(lane)

    def _commit(self, batch: Batch) -> Stored:
        """One step of the loop.

        Decisions about a batch are made by the real warehouses' functions.
        """
        runs = {run_id: number for number, run_id in enumerate(sorted(run_ids(batch)))}
        wanted = unknown_runs(batch, {})
        known = {run_id: KnownRun(0, self.digests.get(run_id) or digest) for run_id, digest in wanted.items()}
        check_scenarios(wanted, known)
        counts = TransactionCounts()
        conflicts: list[Conflict] = []
        new: dict[str, dict[Identity, Event]] = {name: {} for name in batch.events}
        for group in list(groups(batch, runs, by_partition=True)):
            table, added = self.rows[group.name], new[group.name]
            before = len(added)
            contents = CONTENTS[group.name]
            rows = {}
            for event in group.events:
                identity = _identity(event)
                stored = table.get(identity) or added.setdefault(identity, event)
                rows[row_key(event)] = contents(stored)
            inserted = len(added) - before
            counts.add(group.name, group.key, inserted, len(group.events) - inserted)
            conflicts += differing(DuplicateCandidates(group, group.events), map(contents, group.events), rows)
        dead_letters = [*batch.dead_letters, *dead_letters_of(batch, conflicts, counts)]
        moves = move_rows(batch, counts, dead_letters)
        for move in moves:
            if self.stored_offsets.get(move.key) != move.old:
                raise OwnershipLostError(
                    f"{move.key.topic}/{move.key.partition}: offset {move.old} was expected, "
                    f"{self.stored_offsets.get(move.key)} is stored"
                )
        # Nothing was changed before this line, and nothing after it can fail.
        for name, added in new.items():
            self.rows[name] |= added
            self.runs |= dict.fromkeys(event.run_id for event in added.values())
        self.digests |= {run_id: run.digest for run_id, run in known.items()}
        for dead_letter in dead_letters:
            position = (
                dead_letter.log_id,
                dead_letter.topic,
                dead_letter.partition,
                dead_letter.offset,
                dead_letter.identity,
            )
            self.dead_letters.setdefault(position, dead_letter)
        for move in moves:
            self.stored_offsets[move.key] = move.new
            self.offset_counters[move.key].add(move)
        return counts.stored(dead_letters)

    async def counts(self) -> dict[str, int]:
        """The number of rows by wire name, and of ``dead_letters``."""
        return {name: len(table) for name, table in self.rows.items()} | {"dead_letters": len(self.dead_letters)}

    async def close(self) -> None:
        """Nothing to release."""
        self.is_open = False
