"""The layout of an event log's directory, and the two small JSON files that describe it.

::

    <root>/log.json                               the log's identity
    <root>/<run_id>/run.json                      scenario, shards, topics, state, final counts
    <root>/<run_id>/<topic>/<shard:05d>.ndjson    the records, pure newline-delimited JSON
    <root>/<run_id>/_index/<shard:05d>.idx        which bytes of them are valid, see ``index``
    <root>/<run_id>/.lock, .writers               locks: the leader's, and the writers' shared one

Spark, and globs such as ``<root>/*/pictures/*.ndjson``, skip names that begin with an underscore or
a dot.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from socialsim.durable_files import sync_path
from socialsim.errors import InputError, LogCorruptError, LogFullError
from socialsim.platform_errors import unwritable
from socialsim.transport.base import RunInfo

RUN_FILE: Final = "run.json"
LOG_FILE: Final = "log.json"
LOCK_FILE: Final = ".lock"
WRITERS_FILE: Final = ".writers"
INDEX_DIRECTORY: Final = "_index"


class RunMeta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of ``run.json``."""

    format: Literal[1] = 1
    run_id: str
    version: int
    shards: int
    topics: tuple[str, ...]
    types: dict[str, str]
    scenario: msgspec.Raw
    stream_version: int = 1  #: files without it are older than version 2
    scenario_digest: str = ""  #: empty in older logs
    identity: str = ""  #: random, distinguishes a later run with the same id; empty in older logs
    state: Literal["writing", "complete"] = "writing"
    records: dict[str, list[int]] | None = None  #: of a complete run: records by topic and shard

    def describes(self, info: RunInfo) -> bool:
        """Whether ``info`` has the same run id, version, shards, topics and types."""
        return (self.run_id, self.version, self.shards, self.topics, self.types) == (
            info.run_id,
            info.version,
            info.shards,
            info.topics,
            dict(info.types),
        )


class _LogMeta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Literal[1] = 1
    log_id: str


class RunPaths:
    """The paths of one run's files, as strings for the hot path."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.directory = root / run_id
        self._text = str(self.directory)

    def data(self, topic: str, shard: int) -> str:
        """The path of the records of one topic and shard."""
        return f"{self._text}/{topic}/{shard:05d}.ndjson"

    def index(self, shard: int) -> str:
        """The path of one shard's commit index."""
        return f"{self._text}/{INDEX_DIRECTORY}/{shard:05d}.idx"

    def directories(self, topics: tuple[str, ...]) -> list[Path]:
        """All directories with files of the run."""
        return [*(self.directory / topic for topic in topics), self.directory / INDEX_DIRECTORY]


_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextlib.contextmanager
def writing_to(path: Path | str) -> Iterator[None]:
    """Translate an OSError of a write under ``path`` to LogFullError: the data is not durable.

    A missing permission is an InputError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FORBIDDEN:
            raise unwritable(f"{error.filename or path}", error) from error
        raise LogFullError(f"{error.filename or path}: cannot be written: {error.strerror or error}") from error


def read_run_meta(root: Path, run_id: str) -> RunMeta | None:
    """``run.json`` of a run, None if there is none.

    Raises LogCorruptError if it cannot be decoded.
    """
    path = root / run_id / RUN_FILE
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return msgspec.json.decode(raw, type=RunMeta)
    except msgspec.DecodeError as error:
        raise LogCorruptError(f"{path}: not the metadata of a run: {error}") from error


def list_run_ids(root: Path) -> list[str]:
    """The sorted ids of all runs in a log. A missing directory has none."""
    try:
        return sorted(entry.name for entry in os.scandir(root) if (root / entry.name / RUN_FILE).is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def ensure_log_id(root: Path) -> str:
    """The log's id, created if the directory has none.

    Safe when several processes do it at once.
    """
    path = root / LOG_FILE
    if not path.exists():
        temporary = root / f".{LOG_FILE}.{secrets.token_hex(8)}.tmp"
        temporary.write_bytes(msgspec.json.encode(_LogMeta(log_id="file-" + secrets.token_hex(16))))
        sync_path(temporary)
        with contextlib.suppress(FileExistsError):  # another process was faster: use its id
            os.link(temporary, path)
        temporary.unlink()
        sync_path(root)
    return read_log_id(root)


def read_log_id(root: Path) -> str:
    """The log's id. Raises InputError if the directory is not an event log."""
    path = root / LOG_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=_LogMeta).log_id
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{root}: holds no event log; `socialsim run --to file:{root}` writes one") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise LogCorruptError(f"{path}: not the metadata of a log: {error}") from error
