"""The road from a log into a warehouse, in this process, for faults between the two."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from socialsim import Scenario
from socialsim.consumer import Consumer, ConsumerSettings, ConsumerStats
from socialsim.events import PLURALS, WIRE_NAMES, Event, encode
from socialsim.testing import MemoryLog
from socialsim.transport.base import EventReader, TopicPartition, never_abandon
from socialsim.warehouse.base import Warehouse
from tests.support.account import events_of
from tests.support.patience import HANG_S, POLL_S, Deadline
from tests.warehouse.warehouse_fixtures import WarehouseFixture

#: Some twelve hundred events of all types, over all of eight shards.
SMALL: Final = Scenario(
    users=120, days=3, seed=5, shards=8, adoption_midpoint=0.1, adoption_steepness=10.0, accept_delay_median_s=600
)
#: Six thousand.
MIDDLE: Final = Scenario(users=500, days=3, seed=6, shards=8)

#: Many small transactions, and no patience wasted.
QUICK: Final = ConsumerSettings(
    drain=True, batch_rows=100, poll_records=50, flush_after_ms=20, backoff_min_s=0.02, backoff_max_s=0.2
)


def write(log: MemoryLog, events: Iterable[Event]) -> None:
    """Append ``events`` where a writer would put them."""
    for event in events:
        log.append(partition_of(event, log.partitions), encode(event))


def partition_of(event: Event, partitions: int) -> TopicPartition:
    """A user's own partition."""
    return TopicPartition(PLURALS[WIRE_NAMES[type(event)]], event.user_id % partitions)


def log_of(scenario: Scenario, partitions: int = 4) -> MemoryLog:
    """A log with the whole run."""
    log = MemoryLog(partitions=partitions)
    write(log, events_of(scenario))
    return log


async def consume(
    log: MemoryLog,
    db: WarehouseFixture,
    settings: ConsumerSettings = QUICK,
    *,
    on_progress: Callable[[ConsumerStats], None] = lambda _: None,
    **options: Any,
) -> ConsumerStats:
    """Consume the log until it is drained. ``options`` are the warehouse's."""
    reader = log.reader(settings.group)
    try:
        async with asyncio.timeout(HANG_S), db.opened(**options) as warehouse:
            return await Consumer(reader, warehouse, settings, on_progress).run()
    finally:
        await reader.close()


@asynccontextmanager
async def following(
    reader: EventReader, warehouse: Warehouse, settings: ConsumerSettings
) -> AsyncIterator[tuple[Consumer, "asyncio.Task[ConsumerStats]"]]:
    """A consumer at work beside the test; stopped at the end, if it has not ended by itself."""
    consumer = Consumer(reader, warehouse, settings)
    task = asyncio.create_task(consumer.run())
    try:
        yield consumer, task
    finally:
        consumer.stop()
        await asyncio.wait([task], timeout=HANG_S)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, BaseException):
            # a test that waited for it tells only that it waited
            print(f"the consumer ended by {outcome!r}")
        await reader.close()


async def until(
    condition: Callable[[], object],
    what: str,
    promised_s: float | None = None,
    ended: Callable[[], object] = never_abandon,
) -> None:
    """``eventually`` for a test that shares its event loop with what it waits for."""
    deadline = Deadline(promised_s)
    while not condition():
        assert not ended() or condition(), f"it cannot happen any more: {what}"
        deadline.check(what)
        await asyncio.sleep(POLL_S)
