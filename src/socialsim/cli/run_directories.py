"""Finds the directories of runs for the commands that read them."""

import logging
from dataclasses import dataclass
from pathlib import Path

from socialsim.bootstrap.log import runs_root
from socialsim.cli.options import LOG_URL_DEFAULT
from socialsim.errors import InputError
from socialsim.runs.directory import RunDirectory, list_runs
from socialsim.settings import Settings
from socialsim.transport.urls import parse_log_url
from socialsim.warehouse.urls import SqliteTarget, parse_warehouse_url

logger = logging.getLogger(__name__)

_REMEDY = "--runs-dir names the directory that contains them"


@dataclass(frozen=True, slots=True)
class RunDirectories:
    """The directories that may contain runs, the likeliest first."""

    roots: tuple[Path, ...]

    def runs(self) -> list[str]:
        """The ids of the runs in all of them, sorted."""
        return sorted({run_id for root in self.roots for run_id in list_runs(root)})

    def directory(self, run_id: str) -> RunDirectory:
        """The existing directory of the run, else the one where it is expected."""
        found = next((root for root in self.roots if run_id in list_runs(root)), self.roots[0])
        return RunDirectory(found, run_id)

    def require(self, run_id: str) -> RunDirectory:
        """The directory of the run.

        Raises InputError with the searched directories and the option.
        """
        directory = self.directory(run_id)
        if directory.read_record() is None:
            raise InputError(f"no manifests of run {run_id} in {self}: {_REMEDY}")
        return directory

    def warn_if_missing(self, run_id: str) -> None:
        """Log a warning with the searched directories if the run is in none of them."""
        if self.directory(run_id).read_record() is None:
            logger.warning("no manifests of run %s in %s: %s", run_id, self, _REMEDY)

    def warn_if_partial(self, run_id: str, events: int, where: str) -> None:
        """Log a warning if the run is incomplete, or ``where`` and its manifests differ in events.

        The result for a part must not be taken for that of the whole run. A run without manifests
        is not judged.
        """
        directory = self.directory(run_id)
        record = directory.read_record()
        if record is None:
            return
        manifests = [directory.read_manifest(shard) for shard in range(record.scenario.shards)]
        emitted = sum(totals.count for each in manifests if each is not None for totals in each.tallies.values())
        sealed = record.state == "complete" and all(each is not None and each.sealed for each in manifests)
        if not sealed:
            logger.warning("run %s is not complete: %s holds %d of its events so far", run_id, where, events)
        elif events != emitted:
            logger.warning("run %s: %s holds %d events, its manifests count %d", run_id, where, events, emitted)

    def __str__(self) -> str:
        return " or ".join(str(root) for root in self.roots)


def find_run_directories(
    given: Path | None, log_url: str | None, into: str | None, settings: Settings
) -> RunDirectories:
    """Only ``given``, if it is given, else all directories that ``run`` may have used.

    These are beside the event files (of ``log_url``, SOCIALSIM_FROM and SOCIALSIM_TO), beside the
    warehouse ``into`` if it is a file, beside the default log, and ``runs``.
    """
    if given is not None:
        return RunDirectories((given,))
    urls = [log_url, settings.text("FROM"), settings.text("TO"), LOG_URL_DEFAULT]
    logs = [parse_log_url(url, "--from") for url in urls if url is not None]
    roots = [runs_root(log, settings) for log in logs]
    if settings.text("RUNS") is None:
        target = None if into is None else parse_warehouse_url(into)
        beside = [target.path.parent / "runs"] if isinstance(target, SqliteTarget) else []
        roots = [*roots[:-1], *beside, roots[-1], Path("runs")]
    return RunDirectories(tuple(dict.fromkeys(roots)))
