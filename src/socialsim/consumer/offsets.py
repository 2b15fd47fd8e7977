"""Reads stored offsets, and retries while the warehouse is unavailable."""

import asyncio
import logging
from collections.abc import Sequence

from socialsim.consumer.backoff import RetryPolicy
from socialsim.consumer.stats import Counters
from socialsim.errors import TransientError
from socialsim.warehouse.base import OffsetKey, Warehouse

log = logging.getLogger(__name__)


class StoredOffsets:
    """Serialises all access to the warehouse's offsets: one read at a time."""

    def __init__(self, warehouse: Warehouse, retry: RetryPolicy, counters: Counters) -> None:
        self._warehouse = warehouse
        self._retry = retry
        self._counters = counters
        self._lock = asyncio.Lock()

    async def peek(self, keys: Sequence[OffsetKey], timeout_s: float) -> dict[OffsetKey, int]:
        """The next offset of each key; writes nothing, retries nothing.

        Raises TransientError, TimeoutError after ``timeout_s``.
        """
        return await self._retry.run(self._warehouse.stored(keys), timeout_s)

    async def read(self, keys: Sequence[OffsetKey], *, restart: bool = False) -> dict[OffsetKey, int]:
        """The next offset of each key.

        Raises LogReplacedError, and TransientError only when the consumer is stopping.
        """
        attempt = 0
        while True:
            try:
                async with self._lock:
                    return await self._warehouse.offsets(keys, restart=restart)
            except TransientError as error:
                self._counters.retries += 1
                self._counters.unreachable += 1
                if self._retry.stopping:
                    raise
                log.warning("the offsets cannot be read, trying again: %s", error)
                await self._retry.pause(attempt)
                attempt += 1
