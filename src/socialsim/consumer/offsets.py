"""Reads stored offsets, patiently: the warehouse may be away for minutes and come back."""

import asyncio
import logging
from collections.abc import Sequence

from socialsim.consumer.decisions import backoff_s
from socialsim.consumer.settings import ConsumerSettings
from socialsim.consumer.stats import Counters
from socialsim.errors import TransientError
from socialsim.warehouse.base import OffsetKey, Warehouse

log = logging.getLogger(__name__)


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

    async def read(self, keys: Sequence[OffsetKey]) -> dict[OffsetKey, int]:
        """The next offset of each key. Raises TransientError only when the consumer is leaving."""
        attempt = 0
        while True:
            try:
                async with self._turn:
                    return await self._warehouse.offsets(keys)
            except TransientError as error:
                self._counters.retries += 1
                self._counters.unreachable += 1
                if self._patience.at_end:
                    raise
                log.warning("the offsets cannot be read, trying again: %s", error)
                await self._patience.pause(attempt)
                attempt += 1
