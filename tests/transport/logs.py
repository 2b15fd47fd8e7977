"""One interface to all kinds of event logs, for the contract tests."""

import asyncio
import shutil
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from socialsim.testing import MemoryLog
from socialsim.transport.base import EventReader, EventWriter, Fetched, Record, RunInfo, TopicPartition
from socialsim.transport.files import FileReader, FileRun, FileWriter, create_run
from socialsim.transport.kafka import KafkaLog, KafkaReader, KafkaWriter, create_topics, read_topics
from tests.support.patience import HANG_S

TOPICS = ("users", "pictures", "picture_likes")
TYPES = {"users": "user", "pictures": "picture", "picture_likes": "picture_like"}
SHARDS = 3
INFO = RunInfo("run-1", SHARDS, TOPICS, TYPES)
SCENARIO = b'{"users":10}'
DEADLINE_S = HANG_S


def make_records(shard: int, first_seq: int, count: int, *, users: int = 7) -> list[Record]:
    """Records whose values contain shard, seq, topic and user."""
    records = []
    for seq in range(first_seq, first_seq + count):
        topic = TOPICS[(seq * 5 + shard) % len(TOPICS)]
        user_id = shard * 1000 + seq % users
        value = f'{{"shard":{shard},"seq":{seq},"topic":"{topic}","user_id":{user_id}}}'.encode()
        records.append(Record(topic, user_id, seq, 1_767_225_600_000_000 + seq * 1_000_000, value))
    return records


class LogUnderTest(ABC):
    """Makes writers and readers of one log."""

    @abstractmethod
    def writer(self, shards: Sequence[int] = range(SHARDS), **options: Any) -> EventWriter: ...

    @abstractmethod
    def reader(self) -> EventReader: ...

    @abstractmethod
    def empty_reader(self) -> EventReader:
        """A reader of a log that has nothing to read."""

    def resumed_writer(self, acknowledged: Mapping[int, int]) -> EventWriter:
        return self.writer()

    @abstractmethod
    def remake(self) -> None:
        """Delete the topics or the run and create them again under the same names."""

    def close(self) -> None:  # noqa: B027 - not every log holds something
        pass


class FilesUnderTest(LogUnderTest):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.run: FileRun = create_run(root, INFO, SCENARIO)

    def writer(self, shards: Sequence[int] = range(SHARDS), **options: Any) -> EventWriter:
        if "limit_bytes" in options:
            options = {"sync_bytes": 1, "undurable_bytes_max": options["limit_bytes"], "buffer_bytes": 1}
        return FileWriter(self.root, INFO, shards, **options)

    def reader(self) -> EventReader:
        return FileReader(self.root, poll_s=0.01)

    def empty_reader(self) -> EventReader:
        return FileReader(self.root / "nothing")

    def remake(self) -> None:
        self.run.close()
        shutil.rmtree(self.run.directory)
        self.run = create_run(self.root, INFO, SCENARIO)

    def close(self) -> None:
        self.run.close()


class KafkaUnderTest(LogUnderTest):
    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.cluster = KafkaLog((bootstrap,), prefix)
        self.group = prefix.rstrip(".")
        asyncio.run(create_topics(self.cluster, TOPICS, partitions=4))

    def writer(self, shards: Sequence[int] = range(SHARDS), **options: Any) -> EventWriter:
        if "limit_bytes" in options:
            options = {"unacknowledged_bytes_max": options["limit_bytes"]}
        return KafkaWriter(self.cluster, INFO, shards, **options)

    def reader(self) -> EventReader:
        return KafkaReader(self.cluster, TYPES, group=self.group)

    def empty_reader(self) -> EventReader:
        return KafkaReader(KafkaLog(self.cluster.bootstrap, "absent." + self.cluster.topic_prefix), TYPES, group="g")

    def resumed_writer(self, acknowledged: Mapping[int, int]) -> EventWriter:
        return self.writer(acknowledged=acknowledged)

    def remake(self) -> None:
        asyncio.run(self._remake())

    async def _remake(self) -> None:
        client = AIOKafkaAdminClient(bootstrap_servers=list(self.cluster.bootstrap))
        await client.start()
        await client.delete_topics([self.cluster.topic(topic) for topic in TOPICS])
        await client.close()
        async with asyncio.timeout(DEADLINE_S):
            while (await read_topics(self.cluster, TOPICS)).topics:  # noqa: ASYNC110 - the broker sends no event
                await asyncio.sleep(0.05)
        await create_topics(self.cluster, TOPICS, partitions=4)


class MemoryUnderTest(LogUnderTest):
    """The fake that ships with the package."""

    def __init__(self) -> None:
        self.log = MemoryLog(TOPICS)

    def writer(self, shards: Sequence[int] = range(SHARDS), **options: Any) -> EventWriter:
        return self.log.writer(options.get("acknowledged"))

    def reader(self) -> EventReader:
        return self.log.reader()

    def empty_reader(self) -> EventReader:
        return MemoryLog([]).reader()

    def remake(self) -> None:
        for topic in TOPICS:
            self.log.remake(topic)

    def resumed_writer(self, acknowledged: Mapping[int, int]) -> EventWriter:
        return self.writer(acknowledged=acknowledged)


class Reading:
    """A started reader, the partitions that it was assigned and the records that it returned."""

    def __init__(self, reader: EventReader, stored: Mapping[TopicPartition, int] | None = None) -> None:
        self.reader = reader
        self.stored = dict(stored or {})
        self.revoked: list[TopicPartition] = []
        self.fetched: list[Fetched] = []
        self.next_offsets: dict[TopicPartition, int] = {}

    async def load(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await asyncio.sleep(0)
        return {partition: self.stored.get(partition, 0) for partition in partitions}

    async def revoke(self, partitions: Sequence[TopicPartition]) -> None:
        self.revoked += partitions

    async def start(self) -> "Reading":
        await self.reader.start(self.load, self.revoke)
        return self

    @property
    def values(self) -> list[bytes]:
        return [value for fetched in self.fetched for value in fetched.values]

    async def poll(self, records_max: int = 1000, timeout_s: float = 0.2) -> list[Fetched]:
        part = await self.reader.poll(records_max, timeout_s)
        assert sum(len(fetched.values) for fetched in part) <= records_max
        for fetched in part:
            assert fetched.values
            assert fetched.partition in self.reader.assignment()
            expected = self.next_offsets.get(fetched.partition, self.stored.get(fetched.partition, 0))
            assert fetched.first_offset == expected
            self.next_offsets[fetched.partition] = fetched.first_offset + len(fetched.values)
        self.fetched += part
        return part

    async def poll_until(self, done: Callable[[], bool], records_max: int = 1000) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not done():
                await self.poll(records_max)

    async def poll_for(self, count: int, records_max: int = 1000) -> list[bytes]:
        await self.poll_until(lambda: len(self.values) >= count, records_max)
        return self.values

    def by_partition(self) -> dict[TopicPartition, list[bytes]]:
        found: dict[TopicPartition, list[bytes]] = defaultdict(list)
        for fetched in self.fetched:
            found[fetched.partition] += fetched.values
        return found


def run_async(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(body())  # type: ignore[arg-type]
