"""Each record is stored exactly once under faults of transactions and groups, with the fakes."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socialsim.consumer import Consumer, ConsumerSettings, ConsumerStats
from socialsim.errors import OwnershipLostError
from socialsim.events import Event, encode
from socialsim.testing import Fault, MemoryLog, MemoryReader, MemoryWarehouse, run_virtual
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.base import Batch, Stored
from tests.consumer.events import like, picture

T = TypeVar("T")
POISON = (b"", b"{", b'{"type":"nobody"}', b"\xff\xfe", b'{"type":"user","version":1}', b"[" * 2000)


@dataclass
class World:
    """A log with known contents, a warehouse with seeded faults, and the expected rows."""

    seed: int
    records: int
    lanes: int = 2
    fault_share: float = 0.3
    poison_share: float = 0.1
    faults: tuple[Fault, ...] = (
        Fault.BEFORE_COMMIT,
        Fault.AFTER_COMMIT,
        Fault.STOLEN,
        Fault.REWOUND,
        Fault.UNREADABLE,
    )
    rewinds_left: int = 5
    expected: set[tuple[str, int, int]] = field(default_factory=set)
    poisoned: set[tuple[str, int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.log = MemoryLog(["pictures", "picture_likes"], partitions=3)
        self.warehouse = MemoryWarehouse(self.lanes, self._fault, lambda: self.chance.random() * 0.4)
        self.seqs = [0, 0, 0]
        self.write(self.records)

    def write(self, records: int) -> None:
        for _ in range(records):
            makers: list[tuple[Callable[[int, int], Event], str]] = [(picture, "pictures"), (like, "picture_likes")]
            make, topic = self.chance.choice(makers)
            shard = self.chance.randrange(3)
            partition = TopicPartition(topic, shard)
            if self.chance.random() < self.poison_share:
                self.poisoned.add((topic, shard, len(self.log.records[partition])))
                self.log.append(partition, self.chance.choice(POISON))
            else:
                event = make(shard, self.seqs[shard])
                self.expected.add((topic, shard, self.seqs[shard]))
                self.seqs[shard] += 1
                self.log.append(partition, encode(event))

    def _fault(self, operation: str) -> Fault | None:
        if self.chance.random() >= self.fault_share:
            return None
        fault = self.chance.choice(self.faults)
        if fault is Fault.REWOUND:
            # With one row per transaction, a rewind every few rows would never end.
            self.rewinds_left -= 1
            if self.rewinds_left < 0:
                return None
        return fault if (fault is Fault.UNREADABLE) == (operation == "offsets") else None

    async def consume(self, reader: MemoryReader | None = None) -> ConsumerStats:
        reader = reader or self.log.reader()
        try:
            return await self.consumer(reader).run()
        finally:
            await reader.close()

    def consumer(self, reader: MemoryReader) -> Consumer:
        size = self.chance.choice([1, 3, 10, 1000])
        return Consumer(
            reader,
            self.warehouse.beside(),
            ConsumerSettings(
                drain=True, batch_rows=size, poll_records=self.chance.choice([1, 4, 50]), conflicts_max=1000
            ),
        )

    def check(self) -> None:
        stored = {
            (topic, shard, seq)
            for name, topic in (("picture", "pictures"), ("picture_like", "picture_likes"))
            for _, _, shard, seq in self.warehouse.rows[name]
        }
        assert stored == self.expected
        assert {(t, p, o) for _, t, p, o, _ in self.warehouse.dead_letters} == self.poisoned
        for dead_letter in self.warehouse.dead_letters.values():
            partition = TopicPartition(dead_letter.topic, dead_letter.partition)
            assert dead_letter.raw == self.log.records[partition][dead_letter.offset]
        for key, offset in self.warehouse.stored_offsets.items():
            assert offset == len(self.log.records[TopicPartition(key.topic, key.partition)])


def drain(world: World) -> ConsumerStats:
    return run_virtual(within(world.consume()))


async def within(work: Coroutine[Any, Any, T], limit_s: float = 20_000) -> T:
    """Fails if ``work`` does not end in ``limit_s`` of virtual time (liveness)."""
    async with asyncio.timeout(limit_s):
        return await work


@given(seed=st.integers(0, 2**32), records=st.integers(0, 300), lanes=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_every_record_is_stored_once_whatever_happens_to_the_transactions(seed: int, records: int, lanes: int) -> None:
    world = World(seed, records, lanes)
    drain(world)
    world.check()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_new_consumer_completes_the_work_of_one_killed_at_any_moment(seed: int) -> None:
    world = World(seed, 200)

    async def attempts() -> None:
        for _ in range(4):
            reader = world.log.reader()
            task = asyncio.create_task(world.consume(reader))
            await asyncio.sleep(world.chance.random() * 3)
            task.cancel()
            await asyncio.wait([task])
            world.write(20)
        await world.consume()

    run_virtual(within(attempts()))
    world.check()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_changing_group_with_a_zombie_member_stores_each_record_once(seed: int) -> None:
    world = World(seed, 300, faults=(Fault.BEFORE_COMMIT, Fault.AFTER_COMMIT, Fault.UNREADABLE))

    async def member(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await world.consume()

    async def zombie() -> None:
        reader = world.log.reader()
        task = asyncio.create_task(world.consume(reader))
        await asyncio.sleep(world.chance.random() * 2)
        world.log.expel(reader)
        await asyncio.sleep(world.chance.random() * 4)
        if not reader.closed:
            world.log.rejoin(reader)
        await task

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(zombie())
            for _ in range(3):
                tasks.create_task(member(world.chance.random() * 3))

    run_virtual(within(group()))
    drain(world)
    world.check()


def test_the_seeded_faults_happen() -> None:
    world = World(seed=7, records=2000, fault_share=0.5)
    stats = drain(world)
    world.check()
    assert all(world.warehouse.faults[fault] > 0 for fault in world.faults)
    assert stats.retries > 0
    assert stats.conflicts > 0
    assert sum(stats.recovered.values()) > 0


class _Refusing(MemoryWarehouse):
    async def store(self, lane: int, batch: Batch) -> Stored:
        raise OwnershipLostError("refused, though nothing moved")


def test_a_consumer_that_keeps_losing_ownership_stops_with_a_remedy() -> None:
    world = World(seed=1, records=50, fault_share=0)
    consumer = Consumer(world.log.reader(), _Refusing(), ConsumerSettings(drain=True))
    with pytest.raises(OwnershipLostError, match=r"in a row.*--group"):
        run_virtual(consumer.run())
