"""Bookkeeping of records that are not acknowledged. Pure; used by the writer's thread only."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from socialsim.transport.base import Record
from socialsim.transport.kafka.partitioner import UserHashes

_PAGE_BITS = 12
_PAGE_MASK = 4095
_HASH_MAX = 0x7FFFFFFF


@dataclass(slots=True, eq=False)
class PartitionQueue:
    """One partition's records, in order: ``waiting``, then ``in_flight`` in chunks."""

    topic: str
    partition: int
    waiting: list[Record] = field(default_factory=list)
    in_flight: deque[Sequence[Record]] = field(default_factory=deque)
    acknowledged: int = 0  #: number of records in the log

    def take(self, count: int) -> Sequence[Record]:
        """Move the first ``count`` waiting records into flight and return them."""
        chunk = self.waiting[:count]
        del self.waiting[:count]
        self.in_flight.append(chunk)
        return chunk

    def acknowledge(self) -> int:
        """Record that the oldest chunk in flight is in the log. Returns its number of records."""
        count = len(self.in_flight.popleft())
        self.acknowledged += count
        return count

    def requeue_in_flight(self) -> None:
        """Move the records in flight back before the waiting ones, in order, to be sent again."""
        if self.in_flight:
            self.waiting = [record for chunk in self.in_flight for record in chunk] + self.waiting
            self.in_flight.clear()


@dataclass(slots=True)
class _AckGroup:
    """Records that are acknowledged together, once each partition has reached its target."""

    seqs: dict[int, int]  #: last ``seq`` by shard
    size: int  #: in bytes
    targets: list[tuple[PartitionQueue, int]]  #: the ``acknowledged`` that each queue must reach


class UnackedRecords:
    """Distributes records to partitions and tracks the acknowledged ``seq`` of each shard.

    Brokers acknowledge by partition, and a shard's records are in many partitions. Records are
    therefore divided into groups. A group's ``seq`` are acknowledged when every partition has
    acknowledged all the records that it had when the group was closed.
    """

    def __init__(self, partitions: Mapping[str, int]) -> None:
        self._queues = {
            topic: [PartitionQueue(topic, number) for number in range(count)] for topic, count in partitions.items()
        }
        self.all_queues = [queue for queues in self._queues.values() for queue in queues]
        self._hashes = UserHashes()
        self._groups: deque[_AckGroup] = deque()
        self._open_seqs: dict[int, int] = {}
        self._open_size = 0

    def put(self, shard: int, records: Sequence[Record], size: int) -> None:
        """Add records to the open group. Hot path: one table look-up and one append per record."""
        queues, hashes = self._queues, self._hashes
        for record in records:
            user_id = record[1]
            number = hashes[user_id >> _PAGE_BITS][user_id & _PAGE_MASK]
            if number > _HASH_MAX:
                number = hashes.learn(user_id)
            of_topic = queues[record[0]]
            of_topic[number % len(of_topic)].waiting.append(record)
        self._open_seqs[shard] = records[-1].seq
        self._open_size += size

    @property
    def open_size(self) -> int:
        """The size in bytes of the open group."""
        return self._open_size

    def close_group(self) -> None:
        """Close the open group and begin a new one."""
        if not self._open_seqs:
            return
        targets = []
        for queue in self.all_queues:
            outstanding = len(queue.waiting) + sum(map(len, queue.in_flight))
            if outstanding:
                targets.append((queue, queue.acknowledged + outstanding))
        self._groups.append(_AckGroup(self._open_seqs, self._open_size, targets))
        self._open_seqs, self._open_size = {}, 0

    def collect(self) -> tuple[dict[int, int], int]:
        """Remove the acknowledged groups: their last ``seq`` by shard, and their size in bytes."""
        seqs: dict[int, int] = {}
        size = 0
        while self._groups:
            group = self._groups[0]
            while group.targets and group.targets[-1][0].acknowledged >= group.targets[-1][1]:
                group.targets.pop()
            if group.targets:
                break
            seqs |= group.seqs
            size += group.size
            self._groups.popleft()
        return seqs, size

    def requeue_in_flight(self) -> None:
        """Queue all records in flight to be sent again."""
        for queue in self.all_queues:
            queue.requeue_in_flight()
