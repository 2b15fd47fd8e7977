"""One producer's life: fill batches, send them in order, until it fails or has sent enough."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from socialsim.transport.base import Record
from socialsim.transport.kafka.unacked import PartitionQueue, UnackedRecords

#: One batch on its way to the broker and one ready behind it. More would only hide that the broker is slow.
IN_FLIGHT_MAX: Final = 2

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class ProducerOptions:
    """How to send. Sizes are in bytes before compression."""

    batch_bytes: int = 256 * 1024
    compression: str | None = "zstd"  #: at aiokafka's fixed level 3; level 1 cannot be reached through its interface
    request_timeout_s: float = 30.0  #: also how long a batch waits for a leader before the producer is given up
    records_per_producer_max: int = 2**31 - 2**26  #: per partition: its sequence numbers have 31 bits


class BatchSender:
    """Sends the unacknowledged records through one producer. Runs on the writer's own loop."""

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
        self._record_bytes = 200.0  # a running mean, to guess from a count whether a batch is full
        self._sent: dict[PartitionQueue, int] = {}
        self._changed = {queue: asyncio.Event() for queue in unacked.all_queues}
        self._due: set[PartitionQueue] = set()
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.sequence_exhausted = False  #: set near the end of a partition's sequence numbers: nothing new is sent
        self.acknowledged = asyncio.Event()
        self.delivered_s = -1.0  #: when the broker last acknowledged anything, by time.monotonic
        self._tasks = [asyncio.create_task(self._send_partition(queue)) for queue in unacked.all_queues]
        for task in self._tasks:
            task.add_done_callback(self._note_task)

    def measure(self, records: int, size: int) -> None:
        """Tell how large records are just now."""
        if records:
            self._record_bytes += 0.1 * (size / records - self._record_bytes)

    def wake(self, *, everything: bool) -> None:
        """Look at the queues: send full batches, or whatever there is if ``everything``."""
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
                # Waits while an earlier batch of the partition stands in the producer's own queue.
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
        """End the sending tasks. What was in flight has an unknown fate from now on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self.failed.done():
            self.failed.cancel()


def fill(builder: Any, records: Sequence[Record], headers: Headers) -> int:
    """Put records into a batch until it is full, and close it; how many went in, one at least."""
    append = builder.append
    count = 0
    for _, user_id, _, time_us, value in records:
        if append(timestamp=time_us // 1000, key=b"%d" % user_id, value=value, headers=headers) is None:
            break
        count += 1
    builder.close()
    return count
