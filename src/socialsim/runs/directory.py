"""A run's directory: its scenario, state, manifests and ground truth, in local files.

::

    <root>/<run_id>/run.json               the scenario, the URL of the event log, the run's state
    <root>/<run_id>/manifest-<shard>.json  the manifest of a shard, rewritten during the run
    <root>/<run_id>/kpis.json              the ground truth, written when the run has ended
    <root>/<run_id>/oracle/                the data that it is computed from, during the run
    <root>/<run_id>/verification.json      the result of the last ``verify``, if there was one
    <root>/<run_id>/.lock                  held by the process that leads the run

Only the simulating processes write manifests, neither the log nor the consumer. ``verify``
reconciles the stored rows with them, and ``run --resume`` starts after the last ``seq`` that they
call durable.
"""

import contextlib
import fcntl
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self, TypeVar

import msgspec

from socialsim.durable_files import replace_file, sync_path
from socialsim.errors import InputError, LogFullError, RunConflictError
from socialsim.oracle import Truth
from socialsim.runs.extent import LogExtent
from socialsim.runs.manifest import Manifest
from socialsim.scenario.model import Scenario

DEFAULT_ROOT: Final = Path("socialsim-data/runs")
_RUN_FILE: Final = "run.json"
_LOCK_FILE: Final = ".lock"
_VERIFICATION_FILE: Final = "verification.json"
_TRUTH_FILE: Final = "kpis.json"
_COLUMNS_DIRECTORY: Final = "oracle"

_T = TypeVar("_T")
RunState = Literal["running", "stopped", "complete"]


class ValueSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How a run's values are written: format, place of the schema's id, URL of the registry."""

    format: Literal["json", "json-registry", "avro"] = "json"
    schema_id: Literal["prefix", "header"] = "prefix"
    registry: str | None = None


PLAIN_VALUES: Final = ValueSettings()


class RunRecord(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The contents of ``run.json``. ``log`` is the URL of the event log."""

    format: Literal[1] = 1
    run_id: str
    log: str
    scenario: Scenario
    #: ``STREAM_VERSION`` at the run's start; files without it are older than the field
    stream_version: int = 1
    state: RunState = "running"
    topics: dict[str, str] = {}  #: identities of the topics of a log in Kafka; empty in older files
    extent: LogExtent | None = None  #: the run's extent in a log that can lose records
    values: ValueSettings = PLAIN_VALUES  #: a resumed run keeps them


class Verification(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The contents of ``verification.json``.

    ``checked_at`` is UTC; ``broken`` names the failed checks.
    """

    format: Literal[1] = 1
    run_id: str
    warehouse: str
    checked_at: datetime
    ok: bool
    broken: tuple[str, ...]


class RunDirectory:
    """One run's directory. ``lead`` takes the lock; reading needs no lock."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.path = root / run_id
        self.run_id = run_id
        self._lock: int | None = None

    # --- leading a run ----------------------------------------------------------------------------

    def lead(self) -> Self:
        """Become the only process that leads the run.

        Raises RunConflictError while another process leads it, InputError if the directory is
        unusable.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            sync_path(self.path.parent)
            lock = os.open(self.path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be used as the run's directory: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise RunConflictError(f"run {self.run_id} is being simulated by another process ({self.path})") from error
        self._lock = lock
        return self

    def release(self) -> None:
        """Release the lock. May be called twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write_record(self, record: RunRecord) -> None:
        """Replace ``run.json``, durably."""
        self._write(_RUN_FILE, msgspec.json.format(msgspec.json.encode(record)))

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace a shard's manifest, durably if it is sealed: any other can be computed again."""
        self._write(_manifest_file(manifest.shard), msgspec.json.encode(manifest), durably=manifest.sealed)

    def write_verification(self, verification: Verification) -> None:
        """Replace the result of the last verification.

        Needs no lock: it changes nothing of the run.
        """
        self._write(_VERIFICATION_FILE, msgspec.json.format(msgspec.json.encode(verification)))

    @property
    def columns_path(self) -> Path:
        """The directory of the data that the ground truth is computed from."""
        return self.path / _COLUMNS_DIRECTORY

    def write_truth(self, truth: Truth) -> None:
        """Replace the ground truth, durably."""
        self._write(_TRUTH_FILE, msgspec.json.encode(truth))

    def delete_truth(self) -> None:
        """Delete the ground truth of a previous attempt and the data that it was computed from."""
        with contextlib.suppress(OSError):
            (self.path / _TRUTH_FILE).unlink()
        self.delete_columns()

    def delete_manifests(self, shards: int) -> None:
        """Delete the manifests of a previous attempt, whose records are not in the current log."""
        for shard in range(shards):
            with contextlib.suppress(FileNotFoundError):
                (self.path / _manifest_file(shard)).unlink()

    def delete_columns(self) -> None:
        """Delete the data that the ground truth was computed from."""
        shutil.rmtree(self.columns_path, ignore_errors=True)

    def _write(self, name: str, data: bytes, *, durably: bool = True) -> None:
        path = self.path / name
        try:
            replace_file(path, data, durable=durably)
        except OSError as error:
            raise LogFullError(f"{path}: cannot be written: {error.strerror}") from error

    # --- reading ----------------------------------------------------------------------------------

    def read_record(self) -> RunRecord | None:
        """``run.json``, or None if there is no such run.

        Raises InputError if it cannot be decoded.
        """
        return self._read(_RUN_FILE, RunRecord)

    def read_manifest(self, shard: int) -> Manifest | None:
        """The manifest of ``shard``, or None before it is first written."""
        return self._read(_manifest_file(shard), Manifest)

    def read_truth(self) -> Truth | None:
        """The ground truth of a run that has ended, or None.

        Raises InputError if it cannot be decoded.
        """
        return self._read(_TRUTH_FILE, Truth)

    def read_verification(self) -> Verification | None:
        """The result of the last verification, or None before the first."""
        return self._read(_VERIFICATION_FILE, Verification)

    def is_led(self) -> bool:
        """Whether a process leads the run now. Checks by briefly taking a shared lock."""
        try:
            lock = os.open(self.path / _LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(lock)
        return False

    def _read(self, name: str, kind: type[_T]) -> _T | None:
        path = self.path / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise InputError(f"{path}: is not what socialsim writes there: {error}") from error


class RunManifests:
    """The manifests of a run as its processes read and write them.

    Picklable, for child processes.
    """

    def __init__(self, directory: RunDirectory, *, resumed: bool) -> None:
        self._root, self._run_id = directory.path.parent, directory.run_id
        self._directory = RunDirectory(self._root, self._run_id)
        self._resumed = resumed

    def resumed(self) -> Self:
        """The same manifests, for the run's next attempt."""
        return type(self)(self._directory, resumed=True)

    def acknowledged_seq(self, shard: int) -> int:
        """The last durable ``seq`` of ``shard`` in the run's previous attempt; -1 if unknown."""
        if not self._resumed:
            return -1
        try:
            manifest = self._directory.read_manifest(shard)
        except InputError:  # torn by a power failure: write all again; duplicates are harmless
            return -1
        return manifest.acknowledged_seq if manifest is not None else -1

    def write(self, manifest: Manifest) -> None:
        """Replace the shard's manifest. Raises LogFullError."""
        self._directory.write_manifest(manifest)


def list_runs(root: Path) -> list[str]:
    """The sorted ids of all runs under ``root``."""
    try:
        return sorted(entry.name for entry in root.iterdir() if (entry / _RUN_FILE).is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _manifest_file(shard: int) -> str:
    return f"manifest-{shard:05d}.json"
