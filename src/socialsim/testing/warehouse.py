"""A warehouse in memory with the promises of ``warehouse.base`` and faults at the moments that matter."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from enum import Enum
from typing import Literal

from socialsim.errors import OwnershipLostError, TerminalError, TransientError
from socialsim.events import EVENT_TYPES, Event
from socialsim.warehouse.base import IDENTITY_CONFLICT, Batch, DeadLetter, OffsetKey, Stored, Warehouse

Identity = tuple[str, int, int]
Operation = Literal["store", "offsets"]


class Fault(Enum):
    """What may befall one transaction or one reading of the offsets."""

    BEFORE_COMMIT = "the connection drops before the commit: nothing is stored"
    AFTER_COMMIT = "the connection drops before the commit's answer: everything is stored"
    STOLEN = "another consumer stores the same batch first"
    REWOUND = "somebody sets the first partition's offset back to 0 first"
    UNREADABLE = "the connection drops while the offsets are read"
    TERMINAL = "a table is missing"


def no_fault(operation: Operation) -> Fault | None:
    """All goes well."""


class MemoryWarehouse(Warehouse):
    """Rows by identity, dead letters by place, offsets by key; one transaction is one step of the loop.

    ``next_fault`` is asked once for each ``store`` and each ``offsets``. ``delay_s`` is asked for how long a
    transaction takes. ``attempts`` counts the calls of ``store``, ``faults`` what befell them.
    """

    def __init__(
        self,
        lanes: int = 1,
        next_fault: Callable[[Operation], Fault | None] = no_fault,
        delay_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.lanes = lanes
        self.rows: dict[str, dict[Identity, Event]] = {name: {} for name in EVENT_TYPES}
        self.dead_letters: dict[tuple[str, str, int, int], DeadLetter] = {}
        self.stored_offsets: dict[OffsetKey, int] = {}
        self.attempts = 0
        self.faults: Counter[Fault] = Counter()
        self.is_open = False
        self._next_fault = next_fault
        self._delay_s = delay_s
        self._busy: set[int] = set()

    def beside(self) -> "MemoryWarehouse":
        """The same rows and offsets through lanes of its own, as another process has them."""
        other = copy(self)
        other._busy = set()
        return other

    async def open(self) -> None:
        """Nothing to connect to."""
        self.is_open = True

    async def offsets(self, keys: Sequence[OffsetKey]) -> dict[OffsetKey, int]:
        """The stored offsets, 0 for a key that was never seen."""
        await asyncio.sleep(0)
        fault = self._next_fault("offsets")
        if fault is Fault.UNREADABLE:
            self.faults[fault] += 1
            raise TransientError("memory warehouse: the connection dropped while offsets were read")
        return {key: self.stored_offsets.setdefault(key, 0) for key in keys}

    async def store(self, lane: int, batch: Batch) -> Stored:
        """Everything or nothing, after the fault that is due."""
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
        for move in batch.moves:
            if self.stored_offsets.get(move.key) != move.old:
                raise OwnershipLostError(
                    f"{move.key.topic}[{move.key.partition}]: offset {move.old} was expected, "
                    f"{self.stored_offsets.get(move.key)} is stored"
                )
        inserted: Counter[str] = Counter()
        duplicates: Counter[str] = Counter()
        conflicts: Counter[str] = Counter()
        letters = list(batch.dead_letters)
        for name, events in batch.events.items():
            table = self.rows[name]
            for event in events:
                stored = table.setdefault((event.run_id, event.shard, event.seq), event)
                place = None
                if stored != event:
                    conflicts[name] += 1
                    place = batch.locate(event) if batch.locate is not None else None
                if place is not None:
                    (log_id, _, topic, partition), offset, raw = place
                    reason = f"stored is {stored}"
                    letters.append(DeadLetter(log_id, topic, partition, offset, raw, IDENTITY_CONFLICT, reason))
                else:
                    (inserted if stored is event else duplicates)[name] += 1
        for letter in letters:
            self.dead_letters.setdefault((letter.log_id, letter.topic, letter.partition, letter.offset), letter)
        for move in batch.moves:
            self.stored_offsets[move.key] = move.new
        return Stored(dict(inserted), dict(duplicates), len(letters), dict(conflicts))

    async def counts(self) -> dict[str, int]:
        """Rows by wire name, and ``dead_letters``."""
        return {name: len(table) for name, table in self.rows.items()} | {"dead_letters": len(self.dead_letters)}

    async def close(self) -> None:
        """Nothing to release."""
        self.is_open = False
