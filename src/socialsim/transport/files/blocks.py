"""Reads and checks the blocks that a shard's index describes, and truncates torn tails."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from socialsim.durable_files import replace_file, sync_path
from socialsim.errors import InputError, LogCorruptError
from socialsim.transport.files.index import IndexFormat
from socialsim.transport.files.layout import (
    RunMeta,
    RunPaths,
    list_run_ids,
    read_run_meta,
    writing_to,
)


class WriteBatch(NamedTuple):
    """The records of one write: those of ``shard`` from ``first_seq`` on, without a gap."""

    shard: int
    first_seq: int
    values: list[bytes]  #: topic by topic, in the order of ``seq`` only within each topic


class ShardHeights(NamedTuple):
    """The valid lengths of one shard's files; the lists have one number per topic."""

    records: list[int]
    ends: list[int]

    @property
    def seq_end(self) -> int:
        """The ``seq`` after the last one in the log."""
        return sum(self.records)


def read_bytes(path: str, start: int, end: int) -> bytes:
    """The bytes of a file from ``start`` to ``end``; fewer if it is shorter or missing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(descriptor, end - start, start)
    finally:
        os.close(descriptor)


def read_index(path: str) -> bytes:
    """The bytes of an index file; empty if it is missing."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return b""


def count_good_blocks(form: IndexFormat, raw: bytes | bytearray, entries: int, topic: int, path: str) -> int:
    """How many of the first ``entries`` entries have an intact block of ``topic`` in ``path``.

    Damaged blocks at the end are a torn tail. Raises LogCorruptError if an intact block follows
    one.
    """
    good = entries
    records_before, start, _ = (0, 0, 0)
    for entry in range(entries):
        records, end, crc = form.column(raw, entry, topic)
        if records > records_before:
            is_good = block_is_good(read_bytes(path, start, end), end - start, crc)
            if is_good and good < entries:
                bad = form.column(raw, good - 1, topic)[1]
                raise LogCorruptError(f"{path}: the block at byte {bad} is damaged")
            if not is_good and good == entries:
                good = entry
        records_before, start = records, end
    return good


def block_is_good(block: bytes, length: int, crc: int) -> bool:
    """Whether a block has the length and checksum of its index entry."""
    return len(block) == length and zlib.crc32(block) == crc


def split_block(block: bytes, records: int, path: str, start: int) -> list[bytes]:
    """The records of an intact block. Raises LogCorruptError if their number is not ``records``."""
    values = block.split(b"\n")
    if values.pop() or len(values) != records:
        raise LogCorruptError(f"{path}: the block at byte {start} does not hold {records} lines")
    return values


def recover_shard(paths: RunPaths, meta: RunMeta, shard: int) -> ShardHeights:
    """Truncate the torn tail that a dead writer left in a shard's files, and make the rest durable.

    Afterwards the files hold exactly the shard's records up to some ``seq``. Raises LogCorruptError
    if something before the tail is damaged, LogFullError if the files cannot be truncated.
    """
    form = IndexFormat(meta.run_id, shard, meta.topics)
    index_path = paths.index(shard)
    raw = read_index(index_path)
    entries = form.count_valid(raw, index_path)
    data_paths = [paths.data(topic, shard) for topic in meta.topics]
    entries = min([entries, *(count_good_blocks(form, raw, entries, i, path) for i, path in enumerate(data_paths))])
    columns = [form.column(raw, entries - 1, topic) for topic in range(form.topics)]
    heights = ShardHeights([records for records, _, _ in columns], [end for _, end, _ in columns])
    with writing_to(paths.directory):
        if len(raw) != entries * form.entry_bytes:
            # A new file, not a truncated one: following readers notice its inode and start over.
            replace_file(Path(index_path), raw[: entries * form.entry_bytes])
        for path, end in zip(data_paths, heights.ends, strict=True):
            _truncate(path, end)
        if entries:
            sync_path(index_path)
    return heights


def _truncate(path: str, end: int) -> None:
    """Truncate a file to ``end`` bytes and sync it, which a killed writer may not have done."""
    try:
        length = Path(path).stat().st_size
    except FileNotFoundError:
        return
    if length > end:
        os.truncate(path, end)
    if length:
        sync_path(path)


def require_run(root: Path, run_id: str | None) -> list[RunMeta]:
    """The metadata of one run, or of all runs. Raises InputError if there is none."""
    present = list_run_ids(root)
    wanted = present if run_id is None else [run_id]
    metas = [meta for name in wanted if (meta := read_run_meta(root, name)) is not None]
    if metas:
        return metas
    if run_id is None:
        raise InputError(f"{root}: holds no run; `socialsim run --to file:{root}` writes one")
    raise InputError(f"{root}: holds no run {run_id!r}, only {', '.join(present) or 'none at all'}")


def iterate_values(root: Path, run_id: str) -> Iterator[WriteBatch]:
    """All readable records of a run in batches: shards in order, batches in the order of ``seq``.

    Memory is bounded by a writer's buffer. Raises InputError if there is no such run,
    LogCorruptError if the files are damaged; in a complete run, a torn tail is damage too.
    """
    (meta,) = require_run(root, run_id)
    paths = RunPaths(root, run_id)
    for shard in range(meta.shards):
        form = IndexFormat(meta.run_id, shard, meta.topics)
        raw = read_index(paths.index(shard))
        entries = form.count_valid(raw, paths.index(shard))
        check_final_counts(meta, shard, [form.column(raw, entries - 1, i)[0] for i in range(form.topics)])
        for entry in range(entries):
            values: list[bytes] = []
            for i, topic in enumerate(meta.topics):
                before, start, _ = form.column(raw, entry - 1, i)
                records, end, crc = form.column(raw, entry, i)
                if records == before:
                    continue
                path = paths.data(topic, shard)
                block = read_bytes(path, start, end)
                if not block_is_good(block, end - start, crc):
                    # Raises unless this is the tail.
                    good = count_good_blocks(form, raw, entries, i, path)
                    if meta.state == "complete" or good > entry:
                        raise LogCorruptError(f"{path}: the block at byte {start} is damaged")
                    values = []
                    break
                values += split_block(block, records - before, path, start)
            if not values:
                break
            yield WriteBatch(shard, form.seq_end(raw, entry - 1), values)


def check_final_counts(meta: RunMeta, shard: int, records: list[int]) -> None:
    """Raises LogCorruptError if a complete run's index does not reach its final counts."""
    if meta.records is None:
        return
    for topic, count in zip(meta.topics, records, strict=True):
        if count != meta.records[topic][shard]:
            raise LogCorruptError(
                f"run {meta.run_id}, topic {topic}, shard {shard}: the index ends at record {count}, "
                f"the run was completed with {meta.records[topic][shard]}"
            )
