"""Reads stored offsets, patiently: the warehouse may be away for minutes and come back."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

from socialsim.consumer.decisions import backoff_s
from socialsim.consumer.settings import ConsumerSettings
from socialsim.consumer.stats import Counters
from socialsim.errors import TransientError
from socialsim.warehouse.base import OffsetKey, Warehouse

log = logging.getLogger(__name__)

T = TypeVar("T")
_LAST_WORD_S: Final = 1.0  # for a log that answers, when the consumer is about to leave


class Patience:
    """Pauses between attempts, cut short when the consumer is told to leave."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        self._leaving = asyncio.Event()

    @property
    def at_end(self) -> bool:
        """Whether failures are no longer to be waited out."""
        return self._leaving.is_set()

    def end(self) -> None:
        """From now on the next failure is the last."""
        self._leaving.set()

    async def within(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """The answer of ``work``. Raises TimeoutError after ``timeout_s``, or soon when the consumer is told to leave."""
        task = asyncio.create_task(work)
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            done, _ = await asyncio.wait({task, leaving}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if task not in done and leaving in done:
                await asyncio.wait({task}, timeout=min(timeout_s, _LAST_WORD_S))
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            for each in (task, leaving):
                each.cancel()
            await asyncio.wait({task, leaving})

    async def pause(self, attempt: int) -> None:
        """Wait as long as failure number ``attempt``, counted from 0, deserves."""
        try:
            async with asyncio.timeout(backoff_s(attempt, self._settings)):
                await self._leaving.wait()
        except TimeoutError:
            pass


class StoredOffsets:
    """The one way to the warehouse's offsets, one reading at a time."""

    def __init__(self, warehouse: Warehouse, patience: Patience, counters: Counters) -> None:
        self._warehouse = warehouse
        self._patience = patience
        self._counters = counters
        self._turn = asyncio.Lock()

    async def look(self, keys: Sequence[OffsetKey], timeout_s: float) -> dict[OffsetKey, int]:
        """The same for a look, by which nothing is written. Raises TransientError, TimeoutError after ``timeout_s``."""
        return await self._patience.within(self._warehouse.stored(keys), timeout_s)

    async def read(self, keys: Sequence[OffsetKey], *, restart: bool = False) -> dict[OffsetKey, int]:
        """The next offset of each key. Raises LogReplacedError, TransientError only when the consumer is leaving."""
        attempt = 0
        while True:
            try:
                async with self._turn:
                    return await self._warehouse.offsets(keys, restart=restart)
            except TransientError as error:
                self._counters.retries += 1
                self._counters.unreachable += 1
                if self._patience.at_end:
                    raise
                log.warning("the offsets cannot be read, trying again: %s", error)
                await self._patience.pause(attempt)
                attempt += 1
