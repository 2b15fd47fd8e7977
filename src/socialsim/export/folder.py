"""Files that appear all at once or not at all: written under other names, synced, then renamed."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from socialsim.durable_files import sync_path
from socialsim.errors import InputError, SocialsimError
from socialsim.platform_errors import unwritable

_OPTION: Final = "--to"


class Sink:
    """A new file as its writer sees it. Counts and hashes the bytes written."""

    mode = "wb"

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.closed = False  #: never by the writer: the folder closes it after syncing

    @property
    def sha256(self) -> str:
        """The hash of everything written, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, data: bytes | memoryview) -> int:
        """Append ``data``."""
        self._hash.update(data)
        self.size_bytes += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        """The position of the next byte."""
        return self.size_bytes

    def flush(self) -> None:
        """Nothing to do until the file is closed."""

    def close(self) -> None:
        """Nothing to do either."""


class Folder:
    """A folder that only this process exports to, created by ``locked_folder``.

    Methods raise OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: list[str] = []

    def existing(self, names: Sequence[str]) -> str | None:
        """The first of ``names`` that exists already."""
        return next((name for name in names if os.path.lexists(self._path / name)), None)

    @contextmanager
    def creating(self, name: str) -> Iterator[Sink]:
        """A new file that will be named ``name``. It is synced at the end."""
        self._written.append(name)
        with self._new(name).open("wb") as file:
            yield Sink(file)
            file.flush()
            os.fsync(file.fileno())

    def publish(self, last: str) -> None:
        """Rename the new files.

        The one named ``last`` is absent while the others are being replaced.
        """
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
        """Remove the new files that are not published yet. Never raises."""
        for name in self._written:
            with suppress(OSError):  # whatever prevented the export is reported already
                self._new(name).unlink(missing_ok=True)
        self._written.clear()

    def _new(self, name: str) -> Path:
        return self._path / f".{name}.new"

    def _sync(self) -> None:
        sync_path(self._path)


@contextmanager
def locked_folder(path: Path) -> Iterator[Folder]:
    """Lock ``path``, created if missing, against other exports.

    Raises InputError, LogFullError, also for an OSError raised within. Files that were not
    published are removed at the end.
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
            raise InputError(f"{_OPTION} {path}: another export is writing there") from error
        yield folder
    except OSError as error:
        raise _cannot(path, error) from error
    finally:
        folder.discard()
        os.close(handle)


def _cannot(path: Path, error: OSError) -> SocialsimError:
    return unwritable(f"{_OPTION} {path}", error)
