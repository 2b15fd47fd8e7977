"""Reads a log, decodes records and passes chunks to lanes, which store them exactly once.

Everything runs on one event loop. Only the reading task calls ``poll`` and ``seek``, so a poll
never returns records from before the last seek.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from socialsim.consumer.assembly import PLAIN_JSON, DecodedChunk, Position, RecordDecoder, decode_chunk
from socialsim.consumer.backoff import RetryPolicy
from socialsim.consumer.decisions import Watchdog, lag_of
from socialsim.consumer.drain import Drain
from socialsim.consumer.lane import Lane, LaneContext
from socialsim.consumer.offsets import StoredOffsets
from socialsim.consumer.settings import ConsumerSettings
from socialsim.consumer.stats import ConsumerStats, Counters
from socialsim.errors import (
    InputError,
    OffsetsLostError,
    ServiceUnavailableError,
    SocialsimError,
    TerminalError,
    TransientError,
)
from socialsim.transport.base import EventReader, Fetched, GroupLook, TopicPartition
from socialsim.warehouse.base import OffsetKey, Warehouse

log = logging.getLogger(__name__)

_TICK_S = 0.5
_PROBE_EVERY_S = 10.0  # while the log does not answer; much less than the watchdog's limit


class StuckError(SocialsimError):
    """There is lag, nothing has moved for too long, and no known cause explains it."""


class Consumer:
    """Moves records from ``reader`` into ``warehouse`` until drained or stopped.

    ``on_progress`` receives a snapshot twice a second. ``decoder`` turns values into events. The
    caller opens and closes all of them.
    """

    def __init__(
        self,
        reader: EventReader,
        warehouse: Warehouse,
        settings: ConsumerSettings,
        on_progress: Callable[[ConsumerStats], None] = lambda stats: None,  # noqa: ARG005
        decoder: RecordDecoder = PLAIN_JSON,
    ) -> None:
        self._reader = reader
        self._decoder = decoder
        self._settings = settings
        self._on_progress = on_progress
        self._counters = Counters()
        self._retry = RetryPolicy(settings)
        self._offsets = StoredOffsets(warehouse, self._retry, self._counters)
        self._positions: dict[TopicPartition, Position] = {}
        self._ends: Mapping[TopicPartition, int] = {}
        self._ends_read_s: float | None = None
        self._published: dict[TopicPartition, int] = {}
        self._drain = Drain(settings.drain_wait_s)
        self._next_drain_check_s = 0.0
        self._failed_polls = 0
        self._log_away = False
        self._proved_away_s = -math.inf  # when a new connection last failed to reach the log
        self._stopping = False
        self._changed = asyncio.Event()
        context = LaneContext(warehouse, self._offsets, self._retry, self._counters, settings, self._changed.set)
        self._lanes = [Lane(index, context) for index in range(warehouse.lanes)]

    def stats(self) -> ConsumerStats:
        """A snapshot of the counts, positions and lag."""
        stored = self._stored()
        silent_s = None if self._ends_read_s is None else asyncio.get_running_loop().time() - self._ends_read_s
        elsewhere = None if self._drain.elsewhere is None else sum(self._drain.elsewhere.values())
        ends = {partition: self._ends[partition] for partition in stored if partition in self._ends}
        return self._counters.snapshot(lag_of(stored, ends), elsewhere, stored, ends, silent_s)

    def stop(self) -> None:
        """Stop reading, store what is in memory and let ``run`` return within ``stop_within_s``.

        Safe to call from signal handlers of the event loop.
        """
        self._stopping = True
        self._retry.stop()
        self._changed.set()

    async def run(self) -> ConsumerStats:
        """Consume until caught up or stopped.

        Raises OwnershipLostError, OffsetsLostError, LogReplacedError, LogCorruptError,
        RunConflictError, TerminalError, StuckError, NotCaughtUpError (``drain`` gave up), and what
        the reader's ``start`` raises. Rows and offsets agree in every case.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as tasks:
                for lane in self._lanes:
                    tasks.create_task(lane.work())
                watches = [tasks.create_task(self._watch()), tasks.create_task(self._probe())]
                await self._reader.start(self._load_positions, self._revoke)
                await self._read()
                if self._stopping:
                    limit.reschedule(loop.time() + self._settings.stop_within_s)
                for lane in self._lanes:
                    lane.close()
                await self._drain_lanes()
                for watch in watches:
                    watch.cancel()
        except TimeoutError:
            log.warning("the last batch could not be stored in time; the next start reads it again")
        except BaseExceptionGroup as group:
            raise _first_cause(group) from group
        await self._publish_lag_offsets()
        return self.stats()

    async def _read(self) -> None:
        next_refresh_s = 0.0
        loop = asyncio.get_running_loop()
        while not self._stopping:
            self._rewind()
            await self._wait_for_room()
            fetched = await self._poll(self._settings.records_per_poll, self._settings.poll_timeout_s)
            await self._take_all(fetched)
            if loop.time() >= next_refresh_s:
                await self._refresh_end_offsets()
                await self._publish_lag_offsets()
                next_refresh_s = loop.time() + self._settings.lag_every_s
            if self._settings.drain and not fetched and await self._has_caught_up():
                return

    async def _poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        try:
            fetched = await self._reader.poll(records_max, timeout_s)
        except TransientError as error:
            # The broker is unavailable, or a stop request cut the loading of positions short.
            self._counters.retries += 1
            self._note_log_away(str(error))
            await self._retry.pause(self._failed_polls)
            self._failed_polls += 1
            return []
        self._failed_polls = 0
        return fetched

    async def _take_all(self, fetched: Sequence[Fetched]) -> None:
        """Take parts whose schemas are known; a request to stop ends the wait for them.

        Parts that are not taken are read again by the next consumer: no offset has moved.
        """
        for part in fetched:
            if self._decoder.needs_preparation and not await self._prepare(part):
                return
            self._take(part)

    async def _prepare(self, part: Fetched) -> bool:
        """Look up the schemas of ``part``. False if a request to stop came first."""
        lookup = asyncio.create_task(self._decoder.prepare(part.values, part.schema_headers))
        lookup.add_done_callback(lambda _: self._changed.set())
        try:
            await self._wait_until(lambda: lookup.done() or self._stopping, None)
        finally:
            lookup.cancel()
        if not lookup.done():
            return False
        await lookup
        return True

    def _take(self, fetched: Fetched) -> None:
        """Decode the records of ``fetched`` that are still needed and add them to their lane."""
        position = self._positions.get(fetched.partition)
        if position is None or position.rewind_to is not None:
            return
        if fetched.first_offset > position.next_offset:
            _handle_gap(position, fetched.first_offset)
            return
        chunk = _continue_at(position, fetched, self._decoder)
        if chunk is None:
            return
        position.gaps = 0
        position.next_offset = chunk.next_offset
        if self._counters.first_read_s is None:
            self._counters.first_read_s = asyncio.get_running_loop().time()
        self._counters.records += chunk.rows
        self._lanes[fetched.partition.partition % len(self._lanes)].add(chunk)

    def _rewind(self) -> None:
        """Seek to the stored offset where the records in memory became void."""
        assigned = self._reader.assignment()
        for position in self._positions.values():
            if position.rewind_to is not None and position.partition in assigned:
                self._reader.seek(position.partition, position.rewind_to)
                position.next_offset = position.rewind_to
                position.rewind_to = None

    async def _wait_for_room(self) -> None:
        """While any lane is full, read nothing.

        It keeps polling, because a member that does not poll leaves the group.
        """
        if not self._has_full_lane():
            return
        self._reader.pause()
        try:
            while not self._stopping and not await self._wait_until(
                lambda: not self._has_full_lane(), self._settings.keepalive_s
            ):
                await self._take_all(await self._poll(1, 0))
        finally:
            self._reader.resume()

    def _has_full_lane(self) -> bool:
        return any(lane.is_full for lane in self._lanes)

    async def _wait_until(self, condition: Callable[[], bool], timeout_s: float | None) -> bool:
        """Wait until ``condition`` is true; False after ``timeout_s`` or on ``stop``."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
                    if timeout_s is not None and self._stopping:
                        return condition()
        except TimeoutError:
            return False
        return True

    async def _drain_lanes(self) -> None:
        """Wait until every lane is idle."""
        while not all(lane.is_idle for lane in self._lanes):
            self._changed.clear()
            await self._changed.wait()

    async def _has_caught_up(self) -> bool:
        if not all(lane.is_idle for lane in self._lanes):
            return False
        if any(position.rewind_to is not None for position in self._positions.values()):
            return False
        clock = asyncio.get_running_loop().time
        if clock() < self._next_drain_check_s:
            return False
        stored = await self._read_group_offsets() if await self._refresh_end_offsets() else None
        if stored is None:
            self._drain.restart_wait(clock())
            return False
        if self._drain.is_over(stored, self._ends, self._positions.keys(), clock()):
            return True
        if self._drain.elsewhere:
            self._next_drain_check_s = clock() + self._settings.lag_every_s
            if self._drain.report_is_due(clock()):
                log.warning("drain waits: %s", self._drain.reason(await self._group(), clock()))
        return False

    async def _read_group_offsets(self) -> dict[TopicPartition, int] | None:
        """The stored offset of every partition, whichever consumer stored it.

        None if the warehouse does not answer.
        """
        keys = {partition: self._key(partition) for partition in self._ends}
        try:
            stored = await self._offsets.peek(list(keys.values()), self._settings.backoff_max_s)
        except (TimeoutError, TransientError) as error:
            log.warning("the offsets cannot be read, trying again: %s", str(error) or "no answer")
            return None
        return {partition: stored[key] for partition, key in keys.items()}

    async def _group(self) -> GroupLook | None:
        try:
            return await self._retry.run(self._reader.look_at_group(), self._settings.backoff_max_s)
        except (TimeoutError, TransientError, TerminalError, ServiceUnavailableError) as error:
            log.info("the group's assignment cannot be read: %s", error)
            return None

    async def _refresh_end_offsets(self) -> bool:
        """Read the log ends. False if the log did not answer; the last ends are kept."""
        try:
            self._ends = await self._retry.run(self._reader.end_offsets(), self._settings.answer_within_s)
        except (TimeoutError, TransientError, ServiceUnavailableError) as error:
            if not self._stopping:
                self._note_log_away(str(error) or "it does not return its end offsets")
            return False
        self._ends_read_s = asyncio.get_running_loop().time()
        self._drain.note_ends(self._ends)
        if self._log_away:
            self._log_away = False
            log.warning("the log answers again")
        return True

    def _note_log_away(self, why: str) -> None:
        """Log it once per outage."""
        if not self._log_away:
            self._log_away = True
            log.warning("the log does not answer, waiting for it: %s", why)

    def _stored(self) -> dict[TopicPartition, int]:
        return {partition: position.stored_offset for partition, position in self._positions.items()}

    async def _publish_lag_offsets(self) -> None:
        stored = self._stored()
        moved = {partition: offset for partition, offset in stored.items() if self._published.get(partition) != offset}
        if moved:
            with suppress(TimeoutError):
                await self._retry.run(self._reader.commit_hint(moved), self._settings.answer_within_s)
            self._published = stored

    async def _watch(self) -> None:
        watchdog = Watchdog(self._settings.stuck_after_s)
        while True:
            stats = self.stats()
            self._on_progress(stats)
            now_s = asyncio.get_running_loop().time()
            watchdog.restart(self._proved_away_s)
            stuck_s = watchdog.stuck_for_s(now_s, self._counters.progress, stats.lag)
            if stuck_s is not None and await self._is_log_away():
                # The reader may have had an answer while the probe waited in vain.
                if self._ends_read_s is None or self._ends_read_s < now_s:
                    self._note_log_away("not even over a new connection")
            elif stuck_s is not None:
                raise StuckError(
                    f"{stats.lag} records wait in the log and nothing has moved for {stuck_s:.0f} s; "
                    "nothing is lost; start the consumer again"
                )
            await asyncio.sleep(_TICK_S)
            self._counters.note_loop_lag(asyncio.get_running_loop().time() - now_s - _TICK_S)

    async def _probe(self) -> None:
        """While the reader gets no answer, probe the log over a new connection.

        As long as it is not, the reader's connection is not stuck. Once it is back, the reader has
        the watchdog's full limit to find it, however long the outage was.
        """
        while True:
            await asyncio.sleep(_PROBE_EVERY_S)
            if self._log_away:
                with suppress(InputError):  # the broker may be starting: the watchdog checks again
                    await self._is_log_away()

    async def _is_log_away(self) -> bool:
        """Whether a new connection fails too; the reader's own may be stuck.

        Raises InputError if the log is available and no longer holds the topics.
        """
        timeout_s = self._settings.answer_within_s
        try:
            await self._retry.run(self._reader.probe(timeout_s), 2 * timeout_s)
        except (TimeoutError, TransientError, ServiceUnavailableError):
            self._proved_away_s = asyncio.get_running_loop().time()
            return True
        return False

    def _key(self, partition: TopicPartition) -> OffsetKey:
        topic, number = partition
        return OffsetKey(self._reader.log_id, self._settings.group, topic, number, self._reader.identity(topic))

    async def _load_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The reader was assigned ``partitions``: start them at the offsets in the warehouse."""
        stored = await self._offsets.read(
            [self._key(partition) for partition in partitions], restart=self._settings.restart_replaced
        )
        positions = {partition: stored[self._key(partition)] for partition in partitions}
        for partition, offset in positions.items():
            self._positions[partition] = Position(partition, self._key(partition), offset, offset)
        log.info("assigned %d more partitions, %d in total", len(partitions), len(self._positions))
        return positions

    async def _revoke(self, partitions: Sequence[TopicPartition]) -> None:
        """The reader lost ``partitions``: discard their records in memory.

        Waits a limited time for transactions under way.
        """
        gone = {self._positions.pop(partition) for partition in partitions if partition in self._positions}
        for position in gone:
            position.owned = False
        for lane in self._lanes:
            lane.drop(gone)
        log.info("revoked %d partitions, %d left", len(partitions), len(self._positions))
        await self._wait_until(
            lambda: not any(lane.is_storing(gone) for lane in self._lanes), self._settings.revoke_wait_s
        )


def _handle_gap(position: Position, first_offset: int) -> None:
    """Read again from the start of the gap. Raises OffsetsLostError if it is there the second time.

    A single gap can come from a rebalance during a poll: its first records belong to the old
    ownership.
    """
    position.gaps += 1
    if position.gaps > 1:
        topic, partition = position.partition
        raise OffsetsLostError(
            f"{topic}[{partition}]: offset {position.next_offset} is next, the log continues at {first_offset}: "
            "the records between them are gone"
        )
    position.rewind_to = position.next_offset


def _continue_at(position: Position, fetched: Fetched, decoder: RecordDecoder) -> DecodedChunk | None:
    """The part of ``fetched`` from the position on, decoded; None if all of it was read before."""
    known = position.next_offset - fetched.first_offset
    if known >= len(fetched.values):
        return None
    if known:
        fetched = fetched.part(known, len(fetched.values))
    return decode_chunk(position, fetched, decoder)


def _first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the task group: a SocialsimError if there is one."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop(0)
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        else:
            leaves.append(error)
    ours = [error for error in leaves if isinstance(error, SocialsimError)]
    return (ours or leaves)[0]
