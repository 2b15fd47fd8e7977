"""What was handed over and is not acknowledged yet: pure bookkeeping, used by the writer's own thread alone."""

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
    """One partition: records ``waiting``, then ``in_flight`` in chunks until the broker has them, in order."""

    topic: str
    partition: int
    waiting: list[Record] = field(default_factory=list)
    in_flight: deque[Sequence[Record]] = field(default_factory=deque)
    acknowledged: int = 0  #: records that the log has

    def take(self, count: int) -> Sequence[Record]:
        """The first ``count`` waiting records, which are in flight from now on."""
        chunk = self.waiting[:count]
        del self.waiting[:count]
        self.in_flight.append(chunk)
        return chunk

    def acknowledge(self) -> int:
        """The oldest chunk in flight is in the log; its number of records."""
        count = len(self.in_flight.popleft())
        self.acknowledged += count
        return count

    def requeue_in_flight(self) -> None:
        """Put what is in flight before what is waiting, in order: it has to be sent again."""
        if self.in_flight:
            self.waiting = [record for chunk in self.in_flight for record in chunk] + self.waiting
            self.in_flight.clear()


@dataclass(slots=True)
class _AckGroup:
    """Records handed over together: they count as acknowledged when every partition has got as far as it was then."""

    seqs: dict[int, int]
    size: int
    targets: list[tuple[PartitionQueue, int]]


class UnackedRecords:
    """Spreads records over partitions, and tells up to which ``seq`` each shard's are in the log.

    Acknowledgements come by partition, a shard's records lie in many of them: so the records are cut into groups, and
    a group's seqs are acknowledged when all partitions have acknowledged what they held at its end.
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
        """Take records into the open group. The hot path: one table look-up and one append for each."""
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
        """The size of what was put in since the last group ended."""
        return self._open_size

    def close_group(self) -> None:
        """What was put in so far is to be acknowledged together."""
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
        """The groups that were acknowledged since the last call: last ``seq`` by shard, and their size."""
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
        """Everything in flight has to be sent again."""
        for queue in self.all_queues:
            queue.requeue_in_flight()
