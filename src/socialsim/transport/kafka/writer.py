"""The writer of a log in Kafka.

The simulating thread appends records without waiting. A second thread runs a standard asyncio loop
with an idempotent producer. When a failure occurs that the producer cannot recover from, the
producer is discarded, and a new one sends all records after the last acknowledged position again,
in order. The log may then contain records twice (at-least-once); the warehouse stores them once.
The first copies of a partition's records are always in order, because both producers send the same
sequence from the same position.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from socialsim.errors import ServiceUnavailableError, SocialsimError, TerminalError
from socialsim.transport.base import EventWriter, Record, RunInfo, WriterStats, never_abandon
from socialsim.transport.kafka.admin import CONNECT_TIMEOUT_S, read_cluster
from socialsim.transport.kafka.batch_sender import BatchSender, ProducerOptions
from socialsim.transport.kafka.cluster import KafkaLog
from socialsim.transport.kafka.connect import reject_unknown_topics, start_client, stop_client, translate
from socialsim.transport.kafka.unacked import UnackedRecords

log = logging.getLogger(__name__)

_WAIT_SLICE_S: Final = 0.1  # signal handlers run between two slices
_LINGER_S: Final = 0.25
_BACKOFF_FIRST_S: Final = 0.2
_BACKOFF_MAX_S: Final = 10.0
_CLOSE_TIMEOUT_S: Final = 5.0
_ACK_GROUP_BYTES: Final = 1024 * 1024
_SILENCE_S: Final = 5.0  # without an acknowledgement that is due, until a warning is logged
_value_of = itemgetter(4)


class KafkaWriter(EventWriter):
    """Writes the events of the ``shards`` of this process. One per process.

    Connects before it returns. Raises ServiceUnavailableError after ``connect_timeout_s``,
    InputError for missing topics, TerminalError if the broker refuses access. ``acknowledged`` is,
    for a resumed run, the last ``seq`` of each shard in the log; ``append`` skips records up to it.
    The writer fails if records are unacknowledged and the broker acknowledges none for
    ``delivery_timeout_s``.
    """

    def __init__(
        self,
        cluster: KafkaLog,
        info: RunInfo,
        shards: Iterable[int],
        *,
        acknowledged: Mapping[int, int] | None = None,
        unacknowledged_bytes_max: int = 64 * 1024 * 1024,
        delivery_timeout_s: float = 900.0,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        options: ProducerOptions | None = None,
    ) -> None:
        self._cluster = cluster
        self._options = options or ProducerOptions()
        self._unacknowledged_bytes_max = unacknowledged_bytes_max
        self._delivery_timeout_s = delivery_timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._topics = {
            topic: (
                cluster.topic(topic),
                [
                    ("type", info.types[topic].encode()),
                    ("version", b"%d" % info.version),
                    ("run_id", info.run_id.encode()),
                    *([("scenario", info.scenario_digest.encode())] if info.scenario_digest else []),
                    *info.headers.get(topic, ()),
                ],
            )
            for topic in info.topics
        }
        known = acknowledged or {}
        self._acknowledged = {shard: known.get(shard, -1) for shard in shards}
        self._next_seq = {shard: seq + 1 for shard, seq in self._acknowledged.items()}
        # Shared by both threads: the deque, whose ends are thread-safe, and the numbers below,
        # which the condition protects.
        self._handed_over: deque[tuple[int, Sequence[Record], int]] = deque()
        self._changed = threading.Condition()
        self._unacknowledged_bytes = 0
        self._progress_s = time.monotonic()
        self._failure: SocialsimError | None = None
        self._closing = False
        self._flush_asked = False
        self._unwoken_bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._started = threading.Event()
        self._producers = 0
        self._is_away = False
        self._thread = threading.Thread(target=self._run, name="event-kafka-writer", daemon=True)
        self._thread.start()
        while not self._started.wait(_WAIT_SLICE_S):
            pass
        try:
            self._check()
        except SocialsimError:
            self.close()
            raise

    def __repr__(self) -> str:
        return (
            f"<KafkaWriter {self._cluster.url} unacknowledged_bytes={self._unacknowledged_bytes} "
            f"producers={self._producers}{' failed' if self._failure else ''}>"
        )

    # Called by the simulating thread.

    def append(self, shard: int, records: Sequence[Record]) -> None:
        """Append ``records``; those that were acknowledged before the run was resumed are skipped.

        Raises TerminalError if the ``seq`` are not consecutive, or the error that the writer failed
        with.
        """
        self._check()
        if not records:
            return
        next_seq, first_seq = self._next_seq[shard], records[0].seq
        if records[-1].seq - first_seq + 1 != len(records) or first_seq > next_seq:
            raise TerminalError(
                f"shard {shard}: records {first_seq}..{records[-1].seq} ({len(records)} of them) do not follow "
                f"record {next_seq - 1}"
            )
        records = tuple(records[next_seq - first_seq :] if first_seq < next_seq else records)
        if not records:
            return
        self._next_seq[shard] = next_seq + len(records)
        size = sum(map(len, map(_value_of, records))) + len(records)
        with self._changed:
            if not self._unacknowledged_bytes:
                self._progress_s = time.monotonic()
            self._unacknowledged_bytes += size
        self._handed_over.append((shard, records, size))
        self._unwoken_bytes += size
        if self._unwoken_bytes >= self._options.batch_bytes:
            self._wake()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        self._unwoken_bytes = 0
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # closed; the next loop takes the records first
                loop.call_soon_threadsafe(self._woken.set)

    def throttle(self, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Wait without a limit while too much is unacknowledged. Raises if the writer failed."""
        if self._unacknowledged_bytes > self._unacknowledged_bytes_max:
            self.flush()
            with self._changed:
                while self._failure is None and self._unacknowledged_bytes > self._unacknowledged_bytes_max:
                    if should_abandon():
                        break
                    self._changed.wait(_WAIT_SLICE_S)
        self._check()

    def flush(self) -> None:
        """Send all appended records, without waiting for full batches."""
        self._check()
        self._flush_asked = True
        self._wake()

    def drain(self, timeout_s: float, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Wait until the log has acknowledged everything.

        Raises ServiceUnavailableError after ``timeout_s`` or when ``should_abandon`` is true.
        """
        self.flush()
        began_s = time.monotonic()
        with self._changed:
            while self._failure is None and self._unacknowledged_bytes:
                left_s = began_s + timeout_s - time.monotonic()
                if left_s <= 0 or should_abandon():
                    raise self._cluster.unavailable(time.monotonic() - began_s)
                self._changed.wait(min(left_s, _WAIT_SLICE_S))
        self._check()

    def acknowledged_seq(self, shard: int) -> int:
        """The last ``seq`` up to which the log has all records of ``shard``; -1 for none."""
        return self._acknowledged[shard]

    def stats(self) -> WriterStats:
        """Unacknowledged bytes, and the number of producers after the first."""
        return WriterStats(self._unacknowledged_bytes, max(0, self._producers - 1))

    def close(self) -> None:
        """Disconnect, without waiting for a broker that does not answer. Never raises."""
        self._closing = True
        self._wake()
        self._thread.join(_CLOSE_TIMEOUT_S)

    # Runs in the writer's thread.

    def _run(self) -> None:
        unacked: UnackedRecords | None = None
        backoff_s = _BACKOFF_FIRST_S
        while not self._closing and self._failure is None:
            loop = self._loop = asyncio.new_event_loop()
            # Tasks of a discarded producer end with the loop; their errors do not matter.
            loop.set_exception_handler(lambda _, context: log.debug("abandoned: %s", context.get("message")))
            progress_s = self._progress_s
            try:
                if unacked is None:
                    unacked = loop.run_until_complete(self._open_unacked())
                loop.run_until_complete(self._use_one_producer(unacked))
                if self._progress_s > progress_s:
                    backoff_s = _BACKOFF_FIRST_S
                else:
                    loop.run_until_complete(self._pause(backoff_s))
                    backoff_s = min(2 * backoff_s, _BACKOFF_MAX_S)
            except SocialsimError as error:
                self._fail(error)
            except Exception as error:
                log.exception("the Kafka writer failed")
                self._fail(TerminalError(f"the Kafka writer failed: {type(error).__name__}: {error}"))
            finally:
                self._loop = None
                _dispose(loop)
        self._started.set()

    async def _open_unacked(self) -> UnackedRecords:
        topics = list(self._topics)
        _, counts = await read_cluster(self._cluster, topics, timeout_s=self._connect_timeout_s)
        reject_unknown_topics(self._cluster, topics, counts)
        return UnackedRecords(counts)

    def _fail(self, error: SocialsimError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _note_away(self) -> None:
        """Log, once per outage, that Kafka does not answer."""
        if not self._is_away:
            self._is_away = True
            log.warning("Kafka at %s does not answer; the simulation waits for it", self._cluster.address)

    async def _pause(self, backoff_s: float) -> None:
        """Wait before the next producer, but not after the delivery deadline or ``close``."""
        self._check_deadline()
        end_s = time.monotonic() + backoff_s
        while not self._closing and time.monotonic() < end_s:  # noqa: ASYNC110 - close comes from another thread
            await asyncio.sleep(_WAIT_SLICE_S)

    def _check_deadline(self) -> None:
        waited_s = time.monotonic() - self._progress_s
        if self._unacknowledged_bytes and waited_s > self._delivery_timeout_s:
            raise self._cluster.unavailable(waited_s)

    async def _use_one_producer(self, unacked: UnackedRecords) -> None:
        """Send through a new producer until it fails, runs out of sequence numbers or is closed."""
        try:
            timeout_s = self._connect_timeout_s if not self._started.is_set() else self._options.request_timeout_s
            producer = await self._unless_closing(start_client(self._make_producer, self._cluster, timeout_s))
        except ServiceUnavailableError:
            if not self._started.is_set():
                raise
            self._note_away()
            return
        if producer is None:
            return
        self._producers += 1
        self._started.set()
        unacked.requeue_in_flight()
        sender = BatchSender(producer, unacked, self._topics, self._options)
        stop_timeout_s = 0.0
        try:
            sender.wake(everything=True)
            await self._pump(unacked, sender)
            stop_timeout_s = 1.0
        finally:
            await sender.stop()
            await stop_client(producer, stop_timeout_s if sender.is_idle else 0.0)

    async def _unless_closing(self, work: Coroutine[Any, Any, AIOKafkaProducer]) -> AIOKafkaProducer | None:
        """The result of ``work``; None if ``close``, which must not wait, is called first."""
        task = asyncio.create_task(work)
        while not task.done() and not self._closing:
            await asyncio.wait([task], timeout=_WAIT_SLICE_S)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
            return None
        return task.result()

    def _make_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._cluster.client_options(),
            enable_idempotence=True,
            acks="all",
            compression_type=self._options.compression,
            max_batch_size=self._options.batch_bytes,
            request_timeout_ms=int(self._options.request_timeout_s * 1000),
        )

    async def _pump(self, unacked: UnackedRecords, sender: BatchSender) -> None:
        """Pass records to ``sender`` and report acknowledgements, until it fails or ends."""
        woken = self._woken = asyncio.Event()
        acknowledged = sender.acknowledged
        waits = {asyncio.create_task(_forward(acknowledged, woken))}
        sender.failed.add_done_callback(lambda _: woken.set())
        flushed_s = time.monotonic()
        try:
            while not self._closing:
                flush = self._flush_asked or time.monotonic() - flushed_s >= _LINGER_S
                self._flush_asked = False
                self._take_over(unacked, sender, flush=flush)
                if flush:
                    flushed_s = time.monotonic()
                sender.wake(everything=flush)
                self._report(unacked, sender)
                if sender.failed.done():
                    error = translate(sender.failed.result(), self._cluster)
                    if isinstance(error, TerminalError):
                        raise error
                    log.log(
                        logging.INFO if self._is_away else logging.WARNING,
                        "%s; sending again from the last acknowledged position",
                        error,
                    )
                    return
                if sender.sequence_exhausted and sender.is_idle:
                    return
                self._check_deadline()
                if self._unacknowledged_bytes and time.monotonic() - self._progress_s > _SILENCE_S:
                    self._note_away()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LINGER_S):
                        await woken.wait()
                woken.clear()
        finally:
            for wait in waits:
                wait.cancel()

    def _take_over(self, unacked: UnackedRecords, sender: BatchSender, *, flush: bool) -> None:
        handed_over = self._handed_over
        while handed_over:
            shard, records, size = handed_over.popleft()
            unacked.put(shard, records, size)
            sender.measure(len(records), size)
            if unacked.open_size >= _ACK_GROUP_BYTES:
                unacked.close_group()
        if flush:
            unacked.close_group()

    def _report(self, unacked: UnackedRecords, sender: BatchSender) -> None:
        # An acknowledgement of any partition is progress, even if no group is complete.
        if sender.delivered_s > self._progress_s:
            self._progress_s = sender.delivered_s
            if self._is_away:
                self._is_away = False
                log.warning("Kafka at %s answers again", self._cluster.address)
        seqs, size = unacked.collect()
        if seqs:
            with self._changed:
                self._acknowledged |= seqs
                self._unacknowledged_bytes -= size
                self._changed.notify_all()


async def _forward(source: asyncio.Event, target: asyncio.Event) -> None:
    """Set ``target`` whenever ``source`` is set."""
    while True:
        await source.wait()
        source.clear()
        target.set()


def _dispose(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks of a loop and close it, without waiting for tasks that do not end."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=1.0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
