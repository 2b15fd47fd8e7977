"""Sends batches in order through one producer, until it fails or has used its sequence numbers."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from socialsim.transport.base import Record
from socialsim.transport.kafka.unacked import PartitionQueue, UnackedRecords

#: Per partition: one batch being sent and the next one ready. More would only hide a slow broker.
IN_FLIGHT_MAX: Final = 2

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class ProducerOptions:
    """Settings of a producer. Sizes are in bytes before compression."""

    batch_bytes: int = 256 * 1024
    compression: str | None = "zstd"  #: at level 3, which aiokafka fixes
    request_timeout_s: float = 30.0  #: also the longest wait of a batch for a partition's leader
    records_per_producer_max: int = 2**31 - 2**26  #: per partition: sequence numbers have 31 bits


class BatchSender:
    """Sends the unacknowledged records through one producer, on the loop of the writer's thread."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        unacked: UnackedRecords,
        topics: Mapping[str, tuple[str, Headers]],
        options: ProducerOptions,
    ) -> None:
        self._producer = producer
        self._unacked = unacked
        self._topics = topics
        self._options = options
        self._record_bytes = 200.0  # a running mean, to estimate whether records fill a batch
        self._sent: dict[PartitionQueue, int] = {}
        self._changed = {queue: asyncio.Event() for queue in unacked.all_queues}
        self._due: set[PartitionQueue] = set()
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.sequence_exhausted = False  #: a partition has few sequence numbers left: send no more
        self.acknowledged = asyncio.Event()
        self.delivered_s = -1.0  #: ``time.monotonic`` of the last acknowledgement
        self._tasks = [asyncio.create_task(self._send_partition(queue)) for queue in unacked.all_queues]
        for task in self._tasks:
            task.add_done_callback(self._note_task)

    def measure(self, records: int, size: int) -> None:
        """Update the mean record size with ``records`` records of ``size`` bytes."""
        if records:
            self._record_bytes += 0.1 * (size / records - self._record_bytes)

    def wake(self, *, everything: bool) -> None:
        """Send full batches; with ``everything``, also the waiting records that do not fill one."""
        full = self._options.batch_bytes / self._record_bytes
        for queue, changed in self._changed.items():
            if everything and queue.waiting:
                self._due.add(queue)
                changed.set()
            elif len(queue.waiting) >= full:
                changed.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight."""
        return not any(queue.in_flight for queue in self._unacked.all_queues)

    async def _send_partition(self, queue: PartitionQueue) -> None:
        changed = self._changed[queue]
        topic, headers = self._topics[queue.topic]
        while True:
            await changed.wait()
            changed.clear()
            while len(queue.in_flight) < IN_FLIGHT_MAX and not self.sequence_exhausted and self._is_ready(queue):
                builder = self._producer.create_batch()
                count = fill(builder, queue.waiting, headers)
                self._note_sent(queue, count)
                queue.take(count)
                if not queue.waiting:
                    self._due.discard(queue)
                # Waits while an earlier batch of the partition is in the producer's queue.
                future = await self._producer.send_batch(builder, topic, partition=queue.partition)
                future.add_done_callback(lambda done: self._note_delivery(queue, done))

    def _is_ready(self, queue: PartitionQueue) -> bool:
        if queue in self._due:
            return bool(queue.waiting)
        return len(queue.waiting) * self._record_bytes >= self._options.batch_bytes

    def _note_sent(self, queue: PartitionQueue, count: int) -> None:
        sent = self._sent[queue] = self._sent.get(queue, 0) + count
        # A batch is far smaller than the margin to 2**31, so checking after it is early enough.
        if sent >= self._options.records_per_producer_max:
            self.sequence_exhausted = True

    def _note_delivery(self, queue: PartitionQueue, done: "asyncio.Future[Any]") -> None:
        if done.cancelled() or self.failed.done():
            return
        error = done.exception()
        if error is not None:
            self.failed.set_result(error)
            return
        queue.acknowledge()
        self.delivered_s = time.monotonic()
        self._changed[queue].set()
        self.acknowledged.set()

    def _note_task(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and not self.failed.done():
            self.failed.set_result(task.exception() or kafka_errors.KafkaError("a sending task ended"))

    async def stop(self) -> None:
        """Cancel the sending tasks. Whether records in flight reach the log is then unknown."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self.failed.done():
            self.failed.cancel()


def fill(builder: Any, records: Sequence[Record], headers: Headers) -> int:
    """Add records to a batch until it is full, and close it. Returns their number, at least 1."""
    append = builder.append
    count = 0
    for _, user_id, _, time_us, value in records:
        if append(timestamp=time_us // 1000, key=b"%d" % user_id, value=value, headers=headers) is None:
            break
        count += 1
    builder.close()
    return count
