"""Where the directories of runs are, as the commands that read them look for them."""

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

_TELL_PLACE = "--runs-dir names the directory in which run has put them"


@dataclass(frozen=True, slots=True)
class RunDirectories:
    """The directories in which the books of runs may lie, the likeliest first."""

    roots: tuple[Path, ...]

    def runs(self) -> list[str]:
        """The ids of the runs that have books in any of them, sorted."""
        return sorted({run_id for root in self.roots for run_id in list_runs(root)})

    def directory(self, run_id: str) -> RunDirectory:
        """The directory of the run: the first that is there, else where it would be expected."""
        found = next((root for root in self.roots if run_id in list_runs(root)), self.roots[0])
        return RunDirectory(found, run_id)

    def require(self, run_id: str) -> RunDirectory:
        """The directory of the run. Raises InputError saying where it was looked for, and which option says it."""
        directory = self.directory(run_id)
        if directory.read_record() is None:
            raise InputError(f"no books of run {run_id} in {self}: {_TELL_PLACE}")
        return directory

    def tell_missing(self, run_id: str) -> None:
        """Log where the books of the run were looked for, if they are nowhere."""
        if self.directory(run_id).read_record() is None:
            logger.warning("no books of run %s in %s: %s", run_id, self, _TELL_PLACE)

    def tell_partial(self, run_id: str, events: int, where: str) -> None:
        """Log it if ``where`` holds another number of the run's events than its manifests name, or the run goes on.

        A figure of a part must not pass for one of the whole. A run without books cannot be judged.
        """
        directory = self.directory(run_id)
        record = directory.read_record()
        if record is None:
            return
        manifests = [directory.read_manifest(shard) for shard in range(record.scenario.shards)]
        emitted = sum(tally.count for each in manifests if each is not None for tally in each.tallies.values())
        sealed = record.state == "complete" and all(each is not None and each.sealed for each in manifests)
        if not sealed:
            logger.warning("run %s is not complete: %s holds %d of its events so far", run_id, where, events)
        elif events != emitted:
            logger.warning("run %s: %s holds %d events, its manifests name %d", run_id, where, events, emitted)

    def __str__(self) -> str:
        return " or ".join(str(root) for root in self.roots)


def find_run_directories(
    given: Path | None, log_url: str | None, into: str | None, settings: Settings
) -> RunDirectories:
    """``given`` and nothing else, or wherever ``run`` may have put them.

    Beside the event files: of the log at ``log_url``, or that SOCIALSIM_FROM or SOCIALSIM_TO names; beside the warehouse
    ``into``, if it is a file; at the place of the default log; in ``runs``.
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
