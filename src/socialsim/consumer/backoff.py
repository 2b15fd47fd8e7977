"""Retries with growing pauses that end soon when the consumer is told to stop."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from socialsim.consumer.decisions import backoff_s
from socialsim.consumer.settings import ConsumerSettings

T = TypeVar("T")
_STOP_GRACE_S: Final = 1.0  # for a call under way when the consumer is told to stop


class RetryPolicy:
    """Pauses between attempts and limits calls; a stop request cuts both short."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        self._stop_requested = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether the next failure is final."""
        return self._stop_requested.is_set()

    def stop(self) -> None:
        """Do not retry from now on."""
        self._stop_requested.set()

    async def run(self, call: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """The result of ``call``.

        Raises TimeoutError after ``timeout_s``, or soon after a stop request.
        """
        task = asyncio.create_task(call)
        stop = asyncio.create_task(self._stop_requested.wait())
        try:
            done, _ = await asyncio.wait({task, stop}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if task not in done and stop in done:
                await asyncio.wait({task}, timeout=min(timeout_s, _STOP_GRACE_S))
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            for each in (task, stop):
                each.cancel()
            await asyncio.wait({task, stop})

    async def pause(self, attempt: int) -> None:
        """Wait after failure number ``attempt``, counted from 0, or until a stop request."""
        try:
            async with asyncio.timeout(backoff_s(attempt, self._settings)):
                await self._stop_requested.wait()
        except TimeoutError:
            pass
