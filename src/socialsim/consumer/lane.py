"""A lane stores the batches of some partitions one after another on one warehouse connection.

While one batch is being stored, the next one is assembled; there is never a third.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from socialsim.consumer.assembly import DecodedChunk, Position, build_batch
from socialsim.consumer.backoff import RetryPolicy
from socialsim.consumer.decisions import due_in_s, is_full, resolve
from socialsim.consumer.offsets import StoredOffsets
from socialsim.consumer.settings import ConsumerSettings
from socialsim.consumer.stats import Counters
from socialsim.errors import OwnershipLostError, TransientError
from socialsim.warehouse.base import IDENTITY_CONFLICT, Batch, Warehouse

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What all lanes of a consumer have in common."""

    warehouse: Warehouse
    offsets: StoredOffsets
    retry: RetryPolicy
    counters: Counters
    settings: ConsumerSettings
    on_change: Callable[[], None]  #: called when a lane has taken or finished a batch


class Lane:
    """Stores the chunks that the reading task adds, in order, exactly once.

    ``work`` is the lane's task.
    """

    def __init__(self, index: int, context: LaneContext) -> None:
        self.index = index
        self._warehouse = context.warehouse
        self._offsets = context.offsets
        self._retry = context.retry
        self._counters = context.counters
        self._settings = context.settings
        self._on_change = context.on_change
        self._assembling: list[DecodedChunk] = []
        self._rows = 0
        self._size_bytes = 0
        self._oldest_s = 0.0
        self._in_flight: list[DecodedChunk] = []
        self._closing = False
        self._wake = asyncio.Event()

    def __repr__(self) -> str:
        state = "closing" if self._closing else "open"
        storing = sum(chunk.rows for chunk in self._in_flight)
        return f"<Lane {self.index} {state}: {self._rows} rows assembling, {storing} storing>"

    @property
    def is_full(self) -> bool:
        """Whether the reader has to wait."""
        return is_full(self._rows, self._size_bytes, self._settings)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was added is stored or void."""
        return not self._assembling and not self._in_flight

    def is_storing(self, positions: set[Position]) -> bool:
        """Whether a transaction under way holds records of any of ``positions``."""
        return any(chunk.position in positions for chunk in self._in_flight)

    def add(self, chunk: DecodedChunk) -> None:
        """Add a chunk to the batch that is being assembled."""
        if not self._assembling:
            self._oldest_s = asyncio.get_running_loop().time()
        self._assembling.append(chunk)
        self._rows += chunk.rows
        self._size_bytes += chunk.size_bytes
        if len(self._assembling) == 1 or self.is_full:
            self._wake.set()

    def drop(self, positions: set[Position]) -> None:
        """Discard the assembled chunks of ``positions``; a transaction under way continues."""
        self._set_assembling([chunk for chunk in self._assembling if chunk.position not in positions])

    def close(self) -> None:
        """Store what is assembled, then let ``work`` return."""
        self._closing = True
        self._wake.set()

    async def work(self) -> None:
        """Store batch after batch until ``close``. Raises OwnershipLostError, TerminalError."""
        while await self._wait_until_due():
            self._in_flight = self._assembling
            self._set_assembling([])
            try:
                await self._store_in_flight()
            finally:
                self._in_flight = []
                self._on_change()

    def _set_assembling(self, chunks: list[DecodedChunk]) -> None:
        self._assembling = chunks
        self._rows = sum(chunk.rows for chunk in chunks)
        self._size_bytes = sum(chunk.size_bytes for chunk in chunks)
        self._on_change()

    async def _wait_until_due(self) -> bool:
        """True when a batch is due, False when the lane is closed and empty."""
        while True:
            age_s = asyncio.get_running_loop().time() - self._oldest_s
            wait_s = due_in_s(self._rows, self._size_bytes, age_s, self._settings)
            if self._closing:
                return wait_s is not None
            if wait_s == 0:
                return True
            self._wake.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _store_in_flight(self) -> None:
        attempt = 0
        while self._in_flight:
            batch = build_batch(self._in_flight)
            try:
                stored = await self._warehouse.store(self.index, batch)
            except (TransientError, OwnershipLostError) as error:
                log.warning("lane %d: %s", self.index, error)
                refused = isinstance(error, OwnershipLostError)
                self._counters.retries += not refused
                try:
                    await self._reconcile(batch, refused=refused)
                except TransientError:
                    self._abandon()
                if self._retry.stopping and not refused:
                    self._abandon()
                if self._in_flight:
                    await self._retry.pause(attempt)
                    attempt += 1
            else:
                self._counters.count_stored(stored, asyncio.get_running_loop().time())
                if stored.conflicts:
                    _report_conflicts(stored.conflicts)
                for chunk in self._in_flight:
                    self._advance(chunk)
                self._in_flight = []

    def _abandon(self) -> None:
        """Give up without knowing the outcome; the next start reads it from the offsets."""
        self._in_flight = []
        self._set_assembling([])

    async def _reconcile(self, batch: Batch, *, refused: bool) -> None:
        """Learn an unknown outcome; keep in flight what is neither stored nor void."""
        stored = await self._offsets.read([move.key for move in batch.moves])
        outcome = resolve(batch.moves, stored)
        void: set[Position] = set()
        replay: list[DecodedChunk] = []
        for chunk in self._in_flight:
            if chunk.position.key in outcome.committed:
                self._counters.count_recovered(chunk, asyncio.get_running_loop().time())
                self._advance(chunk)
            elif chunk.position.key in outcome.lost:
                void.add(chunk.position)
            elif chunk.position.owned:
                replay.append(chunk)
        self._in_flight = replay
        self.drop(void)
        for position in void:
            self._counters.conflicts += 1
            position.rewind_to = position.stored_offset = stored[position.key]
        if refused:
            # Count the replayed ones too, else a warehouse that refuses while no offset moves would
            # be retried for ever.
            for position in void | {chunk.position for chunk in replay}:
                self._count_conflict(position)

    def _count_conflict(self, position: Position) -> None:
        position.conflicts += 1
        if position.conflicts > self._settings.conflicts_max:
            topic, partition = position.partition
            raise OwnershipLostError(
                f"{topic}[{partition}]: another consumer of group {position.key.group} has moved the offset "
                f"{position.conflicts} times in a row; give each consumer of the same log its own --group"
            )

    def _advance(self, chunk: DecodedChunk) -> None:
        chunk.position.stored_offset = chunk.next_offset
        chunk.position.conflicts = 0


def _report_conflicts(conflicts: Mapping[str, int]) -> None:
    """Log an error: two runs share an id, or another program writes to the log."""
    counts = ", ".join(f"{count} {name}" for name, count in sorted(conflicts.items()))
    log.error(
        "identity conflict: %s with the identity of a stored event and different content; the stored rows stay, "
        "the records are dead letters of class %s",
        counts,
        IDENTITY_CONFLICT,
    )
