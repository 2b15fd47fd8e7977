"""A run's own directory: what was simulated, how far it is, and its books. Local files, whatever the event log is.

::

    <root>/<run_id>/run.json               the scenario, where the events go, the run's state
    <root>/<run_id>/manifest-<shard>.json  the books of a shard, rewritten as the run goes on
    <root>/<run_id>/kpis.json              the true KPIs of the run, written when it has ended
    <root>/<run_id>/oracle/                what they are made of, while the run lasts
    <root>/<run_id>/verification.json      how the last ``verify`` ended, if there was one
    <root>/<run_id>/.lock                  held by the process that leads the run, for as long as it lives

The books are written by the simulating processes and by nobody else: not by the log, not by the consumer. ``verify``
holds what is stored against them, ``run --resume`` begins where they say that everything was durable.
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


class RunRecord(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The contents of ``run.json``. ``log`` is the URL of the event log."""

    format: Literal[1] = 1
    run_id: str
    log: str
    scenario: Scenario
    stream_version: int = 1  #: ``scenario.STREAM_VERSION`` of who began it; files that do not say it are older than it
    state: RunState = "running"
    topics: dict[str, str] = {}  #: of a log in Kafka, the identities of its topics; empty in older books
    extent: LogExtent | None = None  #: where the run lies in a log that can lose records


class Verification(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The contents of ``verification.json``: ``checked_at`` is UTC by the wall clock, ``broken`` names checks."""

    format: Literal[1] = 1
    run_id: str
    warehouse: str
    checked_at: datetime
    ok: bool
    broken: tuple[str, ...]


class RunDirectory:
    """One run's directory. ``lead`` takes the lock, reading takes none."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.path = root / run_id
        self.run_id = run_id
        self._lock: int | None = None

    # --- leading a run ----------------------------------------------------------------------------------------------------

    def lead(self) -> Self:
        """Become the only process that leads the run. Raises RunConflictError while another lives, InputError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            sync_path(self.path.parent)
            lock = os.open(self.path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be used for the run's books: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise RunConflictError(f"run {self.run_id} is being simulated by another process ({self.path})") from error
        self._lock = lock
        return self

    def release(self) -> None:
        """Give the lead up. May be called twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write_record(self, record: RunRecord) -> None:
        """Replace ``run.json``, durably."""
        self._write(_RUN_FILE, msgspec.json.format(msgspec.json.encode(record)))

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the books of one shard; durably when they are sealed, for what is not can be simulated again."""
        self._write(_manifest_file(manifest.shard), msgspec.json.encode(manifest), durably=manifest.sealed)

    def write_verification(self, verification: Verification) -> None:
        """Replace what the last verification found. The lead is not needed: it changes nothing of the run."""
        self._write(_VERIFICATION_FILE, msgspec.json.format(msgspec.json.encode(verification)))

    @property
    def columns_path(self) -> Path:
        """The directory of what the truth is made of."""
        return self.path / _COLUMNS_DIRECTORY

    def write_truth(self, truth: Truth) -> None:
        """Replace the true KPIs, durably."""
        self._write(_TRUTH_FILE, msgspec.json.encode(truth))

    def delete_truth(self) -> None:
        """Take the true KPIs of an earlier life of the run away, and what it left behind of making them."""
        with contextlib.suppress(OSError):
            (self.path / _TRUTH_FILE).unlink()
        self.delete_columns()

    def forget_manifests(self, shards: int) -> None:
        """Take the books of an earlier life away: what was durable then is not where the run is written now."""
        for shard in range(shards):
            with contextlib.suppress(FileNotFoundError):
                (self.path / _manifest_file(shard)).unlink()

    def delete_columns(self) -> None:
        """Take away what the truth was made of."""
        shutil.rmtree(self.columns_path, ignore_errors=True)

    def _write(self, name: str, data: bytes, *, durably: bool = True) -> None:
        path = self.path / name
        try:
            replace_file(path, data, durable=durably)
        except OSError as error:
            raise LogFullError(f"{path}: cannot be written: {error.strerror}") from error

    # --- reading ----------------------------------------------------------------------------------------------------------

    def read_record(self) -> RunRecord | None:
        """``run.json``, or None if there is no such run. Raises InputError when it cannot be understood."""
        return self._read(_RUN_FILE, RunRecord)

    def read_manifest(self, shard: int) -> Manifest | None:
        """The books of ``shard``, or None before they were first written."""
        return self._read(_manifest_file(shard), Manifest)

    def read_truth(self) -> Truth | None:
        """The true KPIs of a run that has ended, or None. Raises InputError when they cannot be understood."""
        return self._read(_TRUTH_FILE, Truth)

    def read_verification(self) -> Verification | None:
        """How the last verification ended, or None before the first."""
        return self._read(_VERIFICATION_FILE, Verification)

    def is_led(self) -> bool:
        """Whether a process leads the run now. Looks by taking the lock for a moment, shared."""
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
    """The books of a run as its processes keep them. Picklable: it is opened anew in each."""

    def __init__(self, directory: RunDirectory, *, resumed: bool) -> None:
        self._root, self._run_id = directory.path.parent, directory.run_id
        self._directory = RunDirectory(self._root, self._run_id)
        self._resumed = resumed

    def resumed(self) -> Self:
        """The same books, for the run's next life."""
        return type(self)(self._directory, resumed=True)

    def acknowledged_seq(self, shard: int) -> int:
        """What an earlier life of a resumed run had made durable of ``shard``; -1 if nothing, or if it is not known."""
        if not self._resumed:
            return -1
        try:
            manifest = self._directory.read_manifest(shard)
        except InputError:  # torn by a power failure: then everything is written again, and doubles are harmless
            return -1
        return manifest.acknowledged_seq if manifest is not None else -1

    def write(self, manifest: Manifest) -> None:
        """Keep ``manifest`` in the place of the shard's last one. Raises LogFullError."""
        self._directory.write_manifest(manifest)


def list_runs(root: Path) -> list[str]:
    """The ids of all runs under ``root``, sorted."""
    try:
        return sorted(entry.name for entry in root.iterdir() if (entry / _RUN_FILE).is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _manifest_file(shard: int) -> str:
    return f"manifest-{shard:05d}.json"
