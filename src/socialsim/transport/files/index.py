"""The commit index of a shard: fixed-size entries, each of which commits one write to all topics.

An entry is little-endian: the number of the shard's records so far (u64); then for each topic, in
the run's order, its records so far (u64), its data file's length (u64) and the CRC-32 of the block
that this write added (u32, 0 for no block); last the CRC-32 of the entry itself (u32), seeded with
run, shard and topics, so that an entry is not valid in another index. It is written after the
blocks, so a torn write leaves either bytes after the last entry's end or an entry that fails its
CRC. Readers ignore both.

One index for all topics of a shard, instead of one per topic, makes a write atomic across topics:
the valid entries always describe all records of the shard up to some ``seq``, and a resuming writer
has nothing to reconcile.
"""

import struct
import zlib
from bisect import bisect_right
from collections.abc import Sequence

from socialsim.errors import LogCorruptError

_COLUMN_FIELDS = 3


class IndexFormat:
    """Encodes and checks the entries of one shard's index. Pure."""

    def __init__(self, run_id: str, shard: int, topics: Sequence[str]) -> None:
        self._struct = struct.Struct("<Q" + "QQI" * len(topics))
        self._crc = struct.Struct("<I")
        self._seed = zlib.crc32(f"{run_id}/{shard}/{','.join(topics)}".encode())
        self.topics = len(topics)
        self.entry_bytes = self._struct.size + self._crc.size

    def encode(self, records: Sequence[int], ends: Sequence[int], crcs: Sequence[int]) -> bytes:
        """One entry.

        Each argument has one number per topic: records and bytes so far, CRC of the block.
        """
        columns = [number for column in zip(records, ends, crcs, strict=True) for number in column]
        body = self._struct.pack(sum(records), *columns)
        return body + self._crc.pack(zlib.crc32(body, self._seed))

    def is_valid(self, raw: bytes | bytearray, entry: int) -> bool:
        """Whether ``entry`` is complete in ``raw``, passes its CRC and follows its predecessor."""
        at = entry * self.entry_bytes
        if at + self.entry_bytes > len(raw):
            return False
        body = memoryview(raw)[at : at + self._struct.size]
        if zlib.crc32(body, self._seed) != self._crc.unpack_from(raw, at + self._struct.size)[0]:
            return False
        return entry == 0 or all(
            before <= after
            for before, after in zip(self._heights(raw, entry - 1), self._heights(raw, entry), strict=True)
        )

    def _heights(self, raw: bytes | bytearray, entry: int) -> tuple[int, ...]:
        numbers = self._struct.unpack_from(raw, entry * self.entry_bytes)
        return (numbers[0], *numbers[1::_COLUMN_FIELDS], *numbers[2::_COLUMN_FIELDS])

    def count_valid(self, raw: bytes | bytearray, path: str, first: int = 0) -> int:
        """How many entries are valid from the start; the first ``first`` are known to be.

        A damaged entry and everything after it are a torn tail. Raises LogCorruptError if an intact
        entry follows a damaged one.
        """
        whole = len(raw) // self.entry_bytes
        good = first
        while good < whole and self.is_valid(raw, good):
            good += 1
        for later in range(good + 1, whole):
            at = later * self.entry_bytes
            body = memoryview(raw)[at : at + self._struct.size]
            if zlib.crc32(body, self._seed) == self._crc.unpack_from(raw, at + self._struct.size)[0]:
                raise LogCorruptError(f"{path}: the index entry at byte {good * self.entry_bytes} is damaged")
        return good

    def seq_end(self, raw: bytes | bytearray, entry: int) -> int:
        """The shard's records up to and with ``entry``: the next ``seq``. 0 for entry -1."""
        return 0 if entry < 0 else self._struct.unpack_from(raw, entry * self.entry_bytes)[0]

    def column(self, raw: bytes | bytearray, entry: int, topic: int) -> tuple[int, int, int]:
        """A topic's records so far, bytes so far and block CRC at ``entry``; zeros for entry -1."""
        if entry < 0:
            return (0, 0, 0)
        at = entry * self.entry_bytes + 8 + topic * 20
        return _COLUMN.unpack_from(raw, at)

    def find(self, raw: bytes | bytearray, entries: int, topic: int, offset: int) -> int:
        """The entry whose block of ``topic`` has record ``offset``; ``entries`` if none has yet."""
        return bisect_right(range(entries), offset, key=lambda entry: self.column(raw, entry, topic)[0])


_COLUMN = struct.Struct("<QQI")
