"""Chunks in a run's directory: one file per process, appended to during the run and read at its
end.

A file is a sequence of frames, each the length of a chunk followed by the chunk. It is written and
read on one machine by one attempt: a resumed run observes everything again, so it replaces the file
of a previous attempt and never appends to it.
"""

import heapq
import struct
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Final

import msgspec

from socialsim.errors import LogCorruptError, LogFullError
from socialsim.events import Event
from socialsim.oracle.columns import ColumnChunk, KpiCollector

_SUFFIX: Final = ".columns"
_LENGTH: Final = struct.Struct("<Q")
_day: Final = attrgetter("day")


class SpillingCollector:
    """An observer that writes its chunks to a file of its own in ``directory``.

    Raises LogFullError.
    """

    def __init__(self, directory: Path, shards: range) -> None:
        self._path = directory / f"{shards.start:05}-{shards.stop:05}{_SUFFIX}"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb")
        except OSError as error:
            raise self._full(error) from error
        self._collector = KpiCollector(self._append)

    def observe(self, events: Sequence[Event]) -> None:
        """Add the next events, in time order."""
        self._collector.observe(events)

    def close(self) -> None:
        """Write what is left. Called after the last event."""
        self._collector.flush()
        try:
            self._file.close()
        except OSError as error:
            raise self._full(error) from error

    def _append(self, chunk: ColumnChunk) -> None:
        data = msgspec.msgpack.encode(chunk)
        try:
            self._file.write(_LENGTH.pack(len(data)))
            self._file.write(data)
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> LogFullError:
        return LogFullError(f"{self._path}: cannot be written: {error.strerror}")


def read_chunks(directory: Path) -> Iterator[ColumnChunk]:
    """The chunks of all processes by day. Raises LogCorruptError if a file is truncated."""
    return heapq.merge(*map(_read, sorted(directory.glob(f"*{_SUFFIX}"))), key=_day)


def _read(path: Path) -> Iterator[ColumnChunk]:
    decoder = msgspec.msgpack.Decoder(ColumnChunk)
    try:
        with path.open("rb") as file:
            while head := file.read(_LENGTH.size):
                yield decoder.decode(file.read(_LENGTH.unpack(head)[0]))
    except (OSError, struct.error, msgspec.DecodeError) as error:
        raise LogCorruptError(f"{path}: cannot be read back: {error}") from error
