"""A run in an event log's directory, for the process that leads it: create, lock, complete.

The leading process holds the run's lock while the ``FileRun`` is open; its shard processes (or it
itself) write through ``FileWriter``, each its own shards. A writer of an unfinished run truncates
torn tails and skips records that are in the log already, so a run is resumed by simulating it
again.
"""

import fcntl
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from socialsim.durable_files import replace_file, sync_path
from socialsim.errors import InputError, LogCorruptError, RunConflictError
from socialsim.transport.base import RunInfo
from socialsim.transport.files.blocks import check_final_counts, read_index
from socialsim.transport.files.index import IndexFormat
from socialsim.transport.files.layout import (
    LOCK_FILE,
    RUN_FILE,
    WRITERS_FILE,
    RunMeta,
    RunPaths,
    ensure_log_id,
    read_run_meta,
    writing_to,
)

RunState = Literal["new", "unfinished", "complete"]


class FileRun:
    """One run, locked by this process until ``close``. Returned by ``create_run``."""

    def __init__(self, paths: RunPaths, meta: RunMeta, state: RunState, lock: int) -> None:
        self._paths = paths
        self._meta = meta
        self._state = state
        self._lock: int | None = lock

    def __repr__(self) -> str:
        return f"<FileRun {str(self._paths.directory)!r} {self._state}>"

    @property
    def directory(self) -> Path:
        """The run's directory."""
        return self._paths.directory

    @property
    def state(self) -> RunState:
        """``new`` has no records, ``unfinished`` can be resumed, ``complete`` is final."""
        return self._state

    @property
    def identity(self) -> str:
        """Distinguishes the run from a later one with its id; empty in logs of older versions."""
        return self._meta.identity

    def complete(self) -> None:
        """Mark the run complete and store its counts. All its writers must be drained and closed.

        Raises RunConflictError if one is still open, LogCorruptError if files and index differ,
        LogFullError.
        """
        with _locked(self._paths.directory / WRITERS_FILE, fcntl.LOCK_EX, self._meta.run_id):
            counts = self._final_counts()
            records = {topic: [shard[i] for shard in counts] for i, topic in enumerate(self._meta.topics)}
            meta = msgspec.structs.replace(self._meta, state="complete", records=records)
            with writing_to(self._paths.directory):
                replace_file(self._paths.directory / RUN_FILE, msgspec.json.encode(meta))
        self._meta, self._state = meta, "complete"

    def check_complete(self) -> None:
        """Check that all files of a complete run exist. Raises LogCorruptError."""
        counts = self._final_counts()
        for shard in range(self._meta.shards):
            check_final_counts(self._meta, shard, counts[shard])

    def _final_counts(self) -> list[list[int]]:
        """By shard, the records of each topic.

        Checks that data files are as long as the index says.
        """
        counts = []
        for shard in range(self._meta.shards):
            form = IndexFormat(self._meta.run_id, shard, self._meta.topics)
            raw = read_index(self._paths.index(shard))
            last = form.count_valid(raw, self._paths.index(shard)) - 1
            columns = [form.column(raw, last, i) for i in range(form.topics)]
            for topic, (_, end, _) in zip(self._meta.topics, columns, strict=True):
                path = Path(self._paths.data(topic, shard))
                if end and (not path.exists() or path.stat().st_size < end):
                    raise LogCorruptError(f"{path}: ends before byte {end}, which its index calls written")
            counts.append([records for records, _, _ in columns])
        return counts

    def close(self) -> None:
        """Release the lock. May be called twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def create_run(root: Path, info: RunInfo, scenario: bytes) -> FileRun:
    """Create a run or open the existing one, and lock it. ``scenario`` is its canonical JSON.

    An existing run is not changed: see ``FileRun.state``. Raises RunConflictError if another
    process leads the run or its scenario or shape differs, InputError if ``root`` cannot be used,
    LogFullError.
    """
    paths = RunPaths(root, info.run_id)
    try:
        paths.directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"{error.filename}: cannot be used as an event log: {error.strerror}") from error
    except OSError:
        with writing_to(root):
            raise
    with writing_to(root):
        ensure_log_id(root)
        lock = _lock(paths.directory / LOCK_FILE, fcntl.LOCK_EX, info.run_id)
    try:
        meta = read_run_meta(root, info.run_id)
        if meta is None:
            meta = _create(paths, info, scenario)
            return FileRun(paths, meta, "new", lock)
        _check_same(paths, meta, info, scenario)
        # Writers may briefly outlive a leader that died.
        with _locked(paths.directory / WRITERS_FILE, fcntl.LOCK_EX, info.run_id):
            pass
        run = FileRun(paths, meta, "complete" if meta.state == "complete" else "unfinished", lock)
        if run.state == "complete":
            run.check_complete()
        if run.state == "unfinished" and not any(Path(paths.index(shard)).exists() for shard in range(meta.shards)):
            run = FileRun(paths, meta, "new", lock)
    except BaseException:
        os.close(lock)
        raise
    return run


def _check_same(paths: RunPaths, meta: RunMeta, info: RunInfo, scenario: bytes) -> None:
    if not meta.describes(info) or bytes(meta.scenario) != scenario:
        raise RunConflictError(
            f"run {info.run_id}: {paths.directory} holds a run of another scenario under this id; "
            "choose another --run-id or another --to"
        )
    if meta.stream_version != info.stream_version:
        raise RunConflictError(
            f"run {info.run_id}: {paths.directory} holds events of stream version {meta.stream_version}, this socialsim "
            f"makes version {info.stream_version}; choose another --run-id or another --to"
        )


def _create(paths: RunPaths, info: RunInfo, scenario: bytes) -> RunMeta:
    meta = RunMeta(
        run_id=info.run_id,
        version=info.version,
        shards=info.shards,
        topics=info.topics,
        types=dict(info.types),
        scenario=msgspec.Raw(scenario),
        stream_version=info.stream_version,
        scenario_digest=info.scenario_digest,
        identity="run-" + secrets.token_hex(16),
    )
    with writing_to(paths.directory):
        for directory in paths.directories(info.topics):
            directory.mkdir(exist_ok=True)
        (paths.directory / WRITERS_FILE).touch()
        # Last, because a run exists once this file does.
        replace_file(paths.directory / RUN_FILE, msgspec.json.encode(meta))
        sync_path(paths.directory.parent)
    return meta


def share_writers_lock(paths: RunPaths, run_id: str) -> int:
    """A file descriptor whose shared lock shows, while it is open, that the run has a writer."""
    return _lock(paths.directory / WRITERS_FILE, fcntl.LOCK_SH, run_id)


def _lock(path: Path, kind: int, run_id: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise RunConflictError(f"run {run_id}: {path.parent} is being written by another process") from error
    return descriptor


class _locked:  # noqa: N801 - reads as a function
    """Holds a lock during a ``with`` statement."""

    def __init__(self, path: Path, kind: int, run_id: str) -> None:
        self._descriptor = _lock(path, kind, run_id)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
