"""Runs into Kafka in this process, with a writer that lets faults come at a certain event and tells
when it waits.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from socialsim import Scenario
from socialsim.bootstrap.log import TOPICS
from socialsim.consumer import Consumer, ConsumerSettings, ConsumerStats
from socialsim.events import PLURALS
from socialsim.simulation.process import Progress
from socialsim.simulation.supervisor import RunDependencies, RunResult, run
from socialsim.testing.manifests import MemoryManifests
from socialsim.transport.base import EventWriter, Record, RunInfo, never_abandon
from socialsim.transport.kafka import KafkaLog, KafkaReader, KafkaWriter, ProducerOptions, create_topics
from tests.faults.pipelines import QUICK
from tests.support.patience import HANG_S
from tests.warehouse.warehouse_fixtures import WarehouseFixture

TYPES: Final = {topic: name for name, topic in PLURALS.items()}
#: Small batches and a small allowance, so that a little town makes the writer wait; and no patience
#: with a silent broker.
OPTIONS: Final = ProducerOptions(batch_bytes=16 * 1024, request_timeout_s=3.0)
UNACKNOWLEDGED_BYTES_MAX: Final = 100_000
SETTINGS: Final = replace(QUICK, batch_rows=300, group="faults")


class StruckWriter(EventWriter):
    """Hands everything on to a Kafka writer. ``strikes`` are called once when so many events were
    appended.

    ``waiting`` is set while the simulated clock stands still for the log. Counters are of bytes of
    values.
    """

    def __init__(self, inner: EventWriter, strikes: Mapping[int, Callable[[], None]]) -> None:
        self._inner = inner
        self._strikes = sorted(strikes.items())
        self._sizes: dict[int, list[int]] = {}
        self.events = 0
        self.waiting = threading.Event()
        self.waits = 0

    def append(self, shard: int, records: Sequence[Record]) -> None:
        """Pass on, then strike."""
        self._inner.append(shard, records)
        self._sizes.setdefault(shard, []).extend(len(record.value) for record in records)
        self.events += len(records)
        while self._strikes and self.events >= self._strikes[0][0]:
            self._strikes.pop(0)[1]()

    @property
    def unacknowledged_bytes(self) -> int:
        """What was handed over and is not in the log for certain."""
        return sum(sum(sizes[self._inner.acknowledged_seq(shard) + 1 :]) for shard, sizes in list(self._sizes.items()))

    def throttle(self, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Tell that the clock stands."""
        self.waits += 1
        self.waiting.set()
        try:
            self._inner.throttle(should_abandon)
        finally:
            self.waiting.clear()

    def flush(self) -> None:
        """Pass on."""
        self._inner.flush()

    def drain(self, timeout_s: float, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Pass on."""
        self._inner.drain(timeout_s, should_abandon)

    def acknowledged_seq(self, shard: int) -> int:
        """Pass on."""
        return self._inner.acknowledged_seq(shard)

    def close(self) -> None:
        """Pass on."""
        self._inner.close()


class KafkaRun:
    """A run on a thread. ``simulated_us`` is how far it says that it is."""

    def __init__(self, log: KafkaLog, scenario: Scenario, strikes: Mapping[int, Callable[[], None]]) -> None:
        info = RunInfo(scenario.run_id, scenario.shards, TOPICS, TYPES)
        inner = KafkaWriter(
            log,
            info,
            range(scenario.shards),
            unacknowledged_bytes_max=UNACKNOWLEDGED_BYTES_MAX,
            options=OPTIONS,
            connect_timeout_s=HANG_S,
        )
        self.writer = StruckWriter(inner, strikes)
        self.manifests = MemoryManifests()
        self.simulated_us = 0
        self._stop = threading.Event()
        self._scenario = scenario

    async def work(self) -> RunResult:
        """Simulate to the end, on a thread."""
        return await asyncio.to_thread(
            run,
            self._scenario,
            run_id=self._scenario.run_id,
            processes=1,
            equipment=RunDependencies(lambda _: self.writer, self.manifests),
            on_progress=self._note,
            stop=self._stop,
        )

    def _note(self, progress: Progress) -> None:
        self.simulated_us = progress.simulated_us


async def make_topics(log: KafkaLog, *, partitions: int = 2) -> None:
    """All the topics of a run."""
    await create_topics(log, TOPICS, partitions=partitions, timeout_s=HANG_S)


def reader_of(log: KafkaLog, group: str | None = SETTINGS.group, session_timeout_s: float = 6.0) -> KafkaReader:
    """A reader of all topics."""
    return KafkaReader(log, TYPES, group=group, connect_timeout_s=HANG_S, session_timeout_s=session_timeout_s)


async def drain(log: KafkaLog, db: WarehouseFixture, settings: ConsumerSettings = SETTINGS) -> ConsumerStats:
    """Consume what is in the log now."""
    reader = reader_of(log, settings.group)
    try:
        async with asyncio.timeout(HANG_S), db.opened() as warehouse:
            return await Consumer(reader, warehouse, settings).run()
    finally:
        await reader.close()
