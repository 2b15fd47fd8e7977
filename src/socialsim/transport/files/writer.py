"""The writer of a log in files.

Durability policy: written data becomes durable (``fsync`` in a thread, data before index) after
every ``sync_bytes`` written, some seconds after a ``flush``, and by ``drain``; only then
``acknowledged_seq`` advances. Readers see written data before it is durable: a run is a function of
its scenario, so what a power failure loses is written again with the same bytes at the same
offsets.

Files are opened and closed for each write. That costs microseconds per block of thousands of
records and keeps few files open: 64 shards of 9 topics would be 640.
"""

import os
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from socialsim.durable_files import sync_path
from socialsim.errors import InputError, LogFullError, ServiceUnavailableError, SocialsimError, TerminalError
from socialsim.transport.base import EventWriter, Record, RunInfo, WriterStats, never_abandon
from socialsim.transport.files.blocks import recover_shard
from socialsim.transport.files.index import IndexFormat
from socialsim.transport.files.layout import RunMeta, RunPaths, read_run_meta, writing_to
from socialsim.transport.files.run import share_writers_lock

KIB: Final = 1024
MIB: Final = 1024 * KIB
_VALUES_WAITING_MAX: Final = 64
_WAIT_SLICE_S: Final = 0.1
_FLUSH_SYNC_S: Final = 5.0
_BUFFERS_BYTES_MAX: Final = 64 * MIB  # in all shards of the process


class _Shard:
    """One shard's buffers and lengths.

    Only ``durable_end`` is used outside the simulating thread.
    """

    def __init__(self, paths: RunPaths, meta: RunMeta, shard: int) -> None:
        heights = recover_shard(paths, meta, shard)
        self.form = IndexFormat(meta.run_id, shard, meta.topics)
        self.records = heights.records
        self.ends = heights.ends
        self.data_paths = [paths.data(topic, shard) for topic in meta.topics]
        self.index_path = paths.index(shard)
        # Some dozens of values are collected here before their bytes move into a block. Keeping the
        # objects until a block is full was measured to be slower: they spread over the heap and are
        # evicted from the cache.
        self.values: dict[str, list[bytes]] = {topic: [] for topic in meta.topics}
        self.values_waiting = 0
        self.blocks: list[list[bytes]] = [[] for _ in meta.topics]  # of lines, joined when written
        self.block_records = [0] * len(meta.topics)
        self.buffered_bytes = 0
        self.next_seq = heights.seq_end
        self.written_end = heights.seq_end
        self.durable_end = heights.seq_end
        self.unsynced: set[str] = set()


class FileWriter(EventWriter):
    """Writes the ``shards`` of this process into a run that ``create_run`` created.

    Buffers up to ``buffer_bytes`` per shard (fewer if there are very many shards), syncs after
    every ``sync_bytes``, and makes ``throttle`` wait while more than ``undurable_bytes_max`` are
    written and not durable. On an unfinished run it truncates torn tails; ``acknowledged_seq`` is
    then the end of the existing records, which ``append`` skips.

    Raises InputError if there is no such run, RunConflictError if it is being completed,
    LogCorruptError.
    """

    def __init__(
        self,
        root: Path,
        info: RunInfo,
        shards: Iterable[int],
        *,
        buffer_bytes: int = 256 * KIB,
        sync_bytes: int = 64 * MIB,
        undurable_bytes_max: int = 256 * MIB,
    ) -> None:
        meta = read_run_meta(root, info.run_id)
        if meta is None or not meta.describes(info):
            raise InputError(f"{root}: holds no run {info.run_id!r} of this shape")
        if meta.state == "complete":
            raise InputError(f"{root}: run {info.run_id!r} is complete and cannot be written to")
        self._paths = RunPaths(root, info.run_id)
        self._topics = meta.topics
        self._writers_lock: int | None = share_writers_lock(self._paths, info.run_id)
        self._failure: SocialsimError | None = None
        self._changed = threading.Condition()
        self._undurable_bytes = 0
        self._unrequested_bytes = 0
        self._requests: SimpleQueue[tuple[list[tuple[_Shard, int, set[str]]], int] | None] = SimpleQueue()
        self._requested_s = time.monotonic()
        self._sync_bytes = sync_bytes
        self._undurable_bytes_max = max(undurable_bytes_max, sync_bytes)
        try:
            self._shards = {shard: _Shard(self._paths, meta, shard) for shard in shards}
        except BaseException:
            os.close(self._writers_lock)
            raise
        self._buffer_bytes = min(buffer_bytes, _BUFFERS_BYTES_MAX // max(1, len(self._shards)))
        self._thread = threading.Thread(target=self._sync_requests, name="event-files-sync", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return (
            f"<FileWriter {str(self._paths.directory)!r} shards={len(self._shards)} "
            f"undurable_bytes={self._undurable_bytes}{' failed' if self._failure else ''}>"
        )

    def append(self, shard: int, records: Sequence[Record]) -> None:
        """Append ``records`` of ``shard``; those that are in the log already are skipped.

        A value must be one line, as JSON encoders write it: they escape line feeds. A value with a
        line feed makes its block unreadable, which readers report as LogCorruptError.

        Raises LogFullError if the disk is full, TerminalError if the ``seq`` are not consecutive.
        """
        if self._failure is not None:
            raise self._failure
        if not records:
            return
        state = self._shards[shard]
        first_seq = records[0].seq
        if records[-1].seq - first_seq + 1 != len(records) or first_seq > state.next_seq:
            raise TerminalError(
                f"shard {shard}: records {first_seq}..{records[-1].seq} ({len(records)} of them) do not follow "
                f"record {state.next_seq - 1}"
            )
        if first_seq < state.next_seq:
            records = records[state.next_seq - first_seq :]
        values = state.values
        for topic, _, _, _, value in records:
            values[topic].append(value)
        state.next_seq += len(records)
        state.values_waiting += len(records)
        if state.values_waiting >= _VALUES_WAITING_MAX:
            self._move_values(state)
            if state.buffered_bytes >= self._buffer_bytes:
                self._write(state)

    def _move_values(self, state: _Shard) -> None:
        """Append the collected values to the blocks, as lines."""
        moved = 0
        for i, values in enumerate(state.values.values()):
            if values:
                state.block_records[i] += len(values)
                values.append(b"")
                lines = b"\n".join(values)
                values.clear()
                state.blocks[i].append(lines)
                moved += len(lines)
        state.values_waiting = 0
        state.buffered_bytes += moved

    def _write(self, state: _Shard) -> None:
        """Write one block per topic with records, then the index entry that commits them."""
        crcs = [0] * len(self._topics)
        written = 0
        try:
            for i, parts in enumerate(state.blocks):
                if parts:
                    block = b"".join(parts)
                    parts.clear()
                    _append(state.data_paths[i], block)
                    crcs[i] = zlib.crc32(block)
                    state.records[i] += state.block_records[i]
                    state.ends[i] += len(block)
                    state.unsynced.add(state.data_paths[i])
                    written += len(block)
                    state.block_records[i] = 0
            _append(state.index_path, state.form.encode(state.records, state.ends, crcs))
        except OSError as error:
            self._failure = LogFullError(
                f"{error.filename or self._paths.directory}: cannot be written: {error.strerror}"
            )
            raise self._failure from error
        state.buffered_bytes = 0
        state.written_end = state.next_seq
        state.unsynced.add(state.index_path)
        with self._changed:
            self._undurable_bytes += written
        self._unrequested_bytes += written
        if self._unrequested_bytes >= self._sync_bytes:
            self._request_sync()

    def _request_sync(self) -> None:
        jobs = []
        for state in self._shards.values():
            if state.unsynced:
                jobs.append((state, state.written_end, state.unsynced))
                state.unsynced = set()
        if jobs:
            self._requests.put((jobs, self._unrequested_bytes))
        self._unrequested_bytes = 0
        self._requested_s = time.monotonic()

    def _sync_requests(self) -> None:
        """The thread that syncs written bytes: data, then index, then the entries of new files."""
        while (request := self._requests.get()) is not None:
            jobs, written = request
            try:
                with writing_to(self._paths.directory):
                    for state, _, unsynced in jobs:
                        for path in sorted(unsynced - {state.index_path}):
                            sync_path(path)
                        sync_path(state.index_path)
                    for directory in self._paths.directories(self._topics):
                        sync_path(directory)
            except LogFullError as error:
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
                return
            with self._changed:
                for state, end, _ in jobs:
                    state.durable_end = end
                self._undurable_bytes -= written
                self._changed.notify_all()

    def throttle(self, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Wait while more than ``undurable_bytes_max`` are written and not durable.

        Raises LogFullError.
        """
        if self._undurable_bytes > self._undurable_bytes_max:
            self._request_sync()
            with self._changed:
                while self._failure is None and self._undurable_bytes > self._undurable_bytes_max:
                    if should_abandon():
                        break
                    self._changed.wait(_WAIT_SLICE_S)
        if self._failure is not None:
            raise self._failure

    def flush(self) -> None:
        """Write what is buffered, so that readers see it; sync if the last sync was seconds ago."""
        if self._failure is not None:
            raise self._failure
        for state in self._shards.values():
            if state.values_waiting:
                self._move_values(state)
            if state.buffered_bytes:
                self._write(state)
        if self._unrequested_bytes and time.monotonic() - self._requested_s > _FLUSH_SYNC_S:
            self._request_sync()

    def drain(self, timeout_s: float, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Write what is buffered and wait until it is durable.

        Raises LogFullError, ServiceUnavailableError.
        """
        self.flush()
        self._request_sync()
        began_s = time.monotonic()
        with self._changed:
            while self._failure is None and self._undurable_bytes:
                waited_s = time.monotonic() - began_s
                left_s = timeout_s - waited_s
                if left_s <= 0 or should_abandon():
                    raise ServiceUnavailableError(
                        str(self._paths.directory), waited_s, "check the disk: it does not finish writing"
                    )
                self._changed.wait(min(left_s, _WAIT_SLICE_S))
        if self._failure is not None:
            raise self._failure

    def acknowledged_seq(self, shard: int) -> int:
        """The last durable ``seq`` of ``shard``, -1 for none."""
        return self._shards[shard].durable_end - 1

    def stats(self) -> WriterStats:
        """Bytes that are buffered, or written and not durable. Files need no retries."""
        return WriterStats(self._undurable_bytes + sum(state.buffered_bytes for state in self._shards.values()), 0)

    def close(self) -> None:
        """Release all resources; a resuming writer writes what was not drained. Never raises."""
        if self._writers_lock is None:
            return
        self._requests.put(None)
        self._thread.join()
        os.close(self._writers_lock)
        self._writers_lock = None


def _append(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        written = os.write(descriptor, data)
        while written < len(data):  # a signal, or a disk with a little room left
            written += os.write(descriptor, data[written:])
    finally:
        os.close(descriptor)
