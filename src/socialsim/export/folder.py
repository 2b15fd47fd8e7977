"""Files that appear all at once or not at all: written under other names, synced, renamed when all are whole."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from socialsim.errors import InputError, SocialsimError
from socialsim.platform_errors import unwritable

_PLACE: Final = "--to"


class Sink:
    """A new file as whoever writes to it sees it. Counts and hashes what goes by."""

    mode = "wb"

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.closed = False  #: never by the writer: the folder closes it when it is synced

    @property
    def sha256(self) -> str:
        """Of all that was written, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, data: bytes | memoryview) -> int:
        """Append ``data``."""
        self._hash.update(data)
        self.size_bytes += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        """Where the next byte goes."""
        return self.size_bytes

    def flush(self) -> None:
        """Nothing to do before the file is closed."""

    def close(self) -> None:
        """The same."""


class Folder:
    """A folder that this process alone exports into, made by ``taken``. Methods raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: list[str] = []

    def existing(self, names: Sequence[str]) -> str | None:
        """The first of ``names`` that is there already."""
        return next((name for name in names if os.path.lexists(self._path / name)), None)

    @contextmanager
    def creating(self, name: str) -> Iterator[Sink]:
        """A file that will be called ``name``. It is synced at the end."""
        self._written.append(name)
        with self._new(name).open("wb") as file:
            yield Sink(file)
            file.flush()
            os.fsync(file.fileno())

    def publish(self, last: str) -> None:
        """Give the new files their names; the one called ``last`` is not there while others are being replaced."""
        (self._path / last).unlink(missing_ok=True)
        self._sync()
        for name in self._written:
            if name != last:
                self._new(name).replace(self._path / name)
        self._sync()
        self._new(last).replace(self._path / last)
        self._written.clear()
        self._sync()

    def discard(self) -> None:
        """Remove the new files that have no names yet. Never raises."""
        for name in self._written:
            with suppress(OSError):  # whatever hindered the export is told already
                self._new(name).unlink(missing_ok=True)
        self._written.clear()

    def _new(self, name: str) -> Path:
        return self._path / f".{name}.new"

    def _sync(self) -> None:
        handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def taken(path: Path) -> Iterator[Folder]:
    """``path``, made where it is missing, as long as no other export is writing there.

    Raises InputError, LogFullError, also for an OSError of what is done within. What was not published is
    removed at the end.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _cannot(path, error) from error
    folder = Folder(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{_PLACE} {path}: another export is writing there") from error
        yield folder
    except OSError as error:
        raise _cannot(path, error) from error
    finally:
        folder.discard()
        os.close(handle)


def _cannot(path: Path, error: OSError) -> SocialsimError:
    return unwritable(f"{_PLACE} {path}", error)
