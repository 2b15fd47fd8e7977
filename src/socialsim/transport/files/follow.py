"""A run that a reader follows while it grows: the shards' indexes and a cursor per partition."""

import os
from pathlib import Path

from socialsim.errors import LogCorruptError, LogReplacedError, OffsetsLostError
from socialsim.transport.base import Fetched, TopicPartition
from socialsim.transport.files.blocks import (
    block_is_good,
    check_final_counts,
    count_good_blocks,
    read_bytes,
    split_block,
)
from socialsim.transport.files.index import IndexFormat
from socialsim.transport.files.layout import RunMeta, RunPaths, read_run_meta


class ShardIndex:
    """One shard's index as read so far; ``generation`` counts how often writers replaced it."""

    def __init__(self, paths: RunPaths, meta: RunMeta, shard: int) -> None:
        self.form = IndexFormat(meta.run_id, shard, meta.topics)
        self.path = paths.index(shard)
        self.raw = bytearray()
        self.entries = 0
        self.generation = 0
        self._shard = shard
        self._inode = -1

    def refresh(self) -> None:
        """Read new entries. Raises LogCorruptError."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - the path is a string for the hot path
        except FileNotFoundError:
            return
        if status.st_ino != self._inode or status.st_size < len(self.raw):
            self.raw.clear()
            self.entries = 0
            self.generation += 1
            self._inode = status.st_ino
        known = self.entries * self.form.entry_bytes
        if status.st_size == known:
            return
        del self.raw[known:]
        self.raw += read_bytes(self.path, known, status.st_size)
        self.entries = self.form.count_valid(self.raw, self.path, self.entries)

    def check_complete(self, meta: RunMeta) -> None:
        """Raises LogCorruptError if a complete run's index does not reach its final counts."""
        records = [self.form.column(self.raw, self.entries - 1, i)[0] for i in range(self.form.topics)]
        check_final_counts(meta, self._shard, records)


class Cursor:
    """A reader's position in one partition."""

    def __init__(self, run: "FollowedRun", topic_index: int, shard: int) -> None:
        topic = run.meta.topics[topic_index]
        self.partition = TopicPartition(f"{run.meta.run_id}/{topic}", shard)
        self._event_name = run.meta.types.get(topic)
        self._run = run
        self._topic = topic_index
        self._index = run.indexes[shard]
        self._path = run.paths.data(topic, shard)
        self._position = 0
        self._entry = 0
        self._generation = -1
        self._held: list[bytes] = []  # remaining records of a block that was returned in part
        self._torn_entry = -1  # the first entry of a torn tail, -1 if none

    def end(self) -> int:
        """The offset after the last record that can be read now."""
        index, entries = self._index, self._index.entries
        if not self._run.is_complete:
            length = _file_length(self._path)
            while entries and index.form.column(index.raw, entries - 1, self._topic)[1] > length:
                entries -= 1
            if self._torn_entry >= 0 and self._generation == index.generation:
                entries = min(entries, self._torn_entry)
        return index.form.column(index.raw, entries - 1, self._topic)[0]

    def seek(self, offset: int) -> None:
        """Continue at ``offset``. Raises OffsetsLostError if the log ends before it."""
        end = self.end()
        if not 0 <= offset <= end:
            raise OffsetsLostError(
                f"{self._path}: the stored offset is {offset}, but the log ends at {end}: "
                "it was truncated or replaced after its records were read"
            )
        self._position = offset
        self._held = []
        self._locate()

    def _locate(self) -> None:
        index = self._index
        self._generation = index.generation
        self._torn_entry = -1
        self._entry = index.form.find(index.raw, index.entries, self._topic, self._position)

    def take(self, records_max: int) -> Fetched | None:
        """Up to ``records_max`` records of one block; None if there are none.

        Raises LogCorruptError.
        """
        if self._generation != self._index.generation:
            self._relocate()
        if not self._held and not self._load():
            return None
        values = self._held if len(self._held) <= records_max else self._held[:records_max]
        self._held = [] if values is self._held else self._held[records_max:]
        fetched = Fetched(self.partition, self._position, values, self._event_name, self._run.runs)
        self._position += len(values)
        return fetched

    def is_finished(self) -> bool:
        """Whether the run is complete and all records of this partition were returned."""
        return self._run.is_complete and not self._held and self._position >= self.end()

    @property
    def has_held(self) -> bool:
        """Whether a part of a block has not been returned yet."""
        return bool(self._held)

    def _relocate(self) -> None:
        if self._generation >= 0 and self._position > self.end():
            raise OffsetsLostError(f"{self._path}: was truncated to {self.end()} records, {self._position} were read")
        self._held = []
        self._locate()

    def _load(self) -> bool:
        """Read the block at the position into ``_held``. Returns whether there is one."""
        index, form, raw = self._index, self._index.form, self._index.raw
        while self._entry < index.entries:
            records, end, crc = form.column(raw, self._entry, self._topic)
            if records <= self._position:
                self._entry += 1
                continue
            before, start, _ = form.column(raw, self._entry - 1, self._topic)
            block = read_bytes(self._path, start, end)
            if not block_is_good(block, end - start, crc):
                good = count_good_blocks(form, raw, index.entries, self._topic, self._path)
                if self._run.is_complete or good > self._entry:
                    raise LogCorruptError(f"{self._path}: the block at byte {start} is damaged")
                self._torn_entry = self._entry
                return False
            self._held = split_block(block, records - before, self._path, start)[self._position - before :]
            self._entry += 1
            return True
        return False


class FollowedRun:
    """One run with its indexes and cursors, and whether it can still grow."""

    def __init__(self, root: Path, meta: RunMeta) -> None:
        self._root = root
        self.meta = meta
        self.paths = RunPaths(root, meta.run_id)
        self.runs = frozenset({(meta.run_id, meta.scenario_digest)} if meta.scenario_digest else ())
        self.indexes = [ShardIndex(self.paths, meta, shard) for shard in range(meta.shards)]
        self.is_complete = False
        self.refresh()
        self.cursors = [Cursor(self, topic, shard) for shard in range(meta.shards) for topic in range(len(meta.topics))]

    def refresh(self) -> None:
        """Look for new records. Raises LogCorruptError, OffsetsLostError if the run was deleted."""
        if self.is_complete:
            return
        # Before the indexes, which no longer grow once it says complete.
        meta = read_run_meta(self._root, self.meta.run_id)
        if meta is None:
            raise OffsetsLostError(f"{self.paths.directory}: the run was deleted while it was read")
        self._compare(meta)
        for index in self.indexes:
            index.refresh()
        if meta.state == "complete":
            for index in self.indexes:
                index.check_complete(meta)
            self.is_complete = True

    def check_identity(self) -> None:
        """Raise LogReplacedError if another run with this id is here. A deleted run is no error."""
        meta = read_run_meta(self._root, self.meta.run_id)
        if meta is not None:
            self._compare(meta)

    def _compare(self, now: RunMeta) -> None:
        if now.identity != self.meta.identity:
            raise LogReplacedError(
                f"{self.paths.directory}: run {self.meta.run_id} was deleted and written again while it was read; "
                "its stored rows remain, and the next start says how to continue"
            )


def _file_length(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except FileNotFoundError:
        return 0
