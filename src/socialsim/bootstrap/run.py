"""Opens a run, simulates it into its log, and writes its ground truth."""

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from socialsim.bootstrap.adapters import log_adapter
from socialsim.bootstrap.log import TOPICS, TYPES, runs_root
from socialsim.bootstrap.opening import LeadOptions, OpenedRun, RunState
from socialsim.errors import InputError, LogCorruptError, RunConflictError, SocialsimError
from socialsim.oracle import make_truth
from socialsim.oracle.files import SpillingCollector, read_chunks
from socialsim.runs.directory import RunDirectory, RunManifests, RunRecord, list_runs
from socialsim.scenario.model import STREAM_VERSION, Scenario
from socialsim.settings import Settings
from socialsim.simulation.event_sink import EventObserver
from socialsim.simulation.pacing import LivePacer, WallPacer
from socialsim.simulation.process import Pacer, Progress
from socialsim.simulation.supervisor import RunDependencies, RunResult, StopSignal, run
from socialsim.transport.base import EventWriter, RunInfo
from socialsim.transport.urls import LogUrl, parse_log_url

__all__ = ["LeadOptions", "LedRun", "begun_run", "lead_run", "make_pacer", "run_simulation"]

logger = logging.getLogger(__name__)

_RESTARTS_MAX: Final = 3  #: more deaths than this are no coincidence
#: Whether a log is that of a run, another one, or that of the run with its topics deleted since.
_LogMatch = Literal["same", "replaced", "other"]


@dataclass(frozen=True, slots=True)
class LedRun:
    """A run that only this process may write until the end of the ``with`` statement."""

    state: RunState
    writer_factory: Callable[[range], EventWriter]  #: opens the log for some shards; picklable
    manifests: RunManifests
    complete: Callable[[], None]  #: to call once everything is durable
    #: for the process that simulates these shards
    observer_factory: Callable[[range], EventObserver]


def begun_run(log: LogUrl, settings: Settings, run_id: str) -> tuple[Scenario, LogUrl]:
    """Scenario and log of the existing run ``run_id``, found beside ``log``. Raises InputError."""
    root = runs_root(log, settings)
    record = RunDirectory(root, run_id).read_record()
    if record is None:
        known = ", ".join(list_runs(root)) or "no runs"
        raise InputError(f"--resume is {run_id!r}, but {root} has {known}")
    _check_stream(record, root / run_id)
    return record.scenario, parse_log_url(record.log, f"log in {root / run_id}")


def _check_stream(record: RunRecord, path: Path) -> None:
    """Raise RunConflictError if this version would emit other bytes than the run has."""
    if record.stream_version != STREAM_VERSION:
        raise RunConflictError(
            f"run {record.run_id}: {path} has stream version {record.stream_version}, this socialsim emits version "
            f"{STREAM_VERSION}, other bytes from the same scenario; resume it with the socialsim that started it, or "
            "simulate it again under another --run-id"
        )


@contextmanager
def lead_run(
    log: LogUrl, settings: Settings, run_id: str, scenario: Scenario, options: LeadOptions
) -> Iterator[LedRun]:
    """Lock the run and open it, to start or to resume it.

    Its manifests are in the directory ``SOCIALSIM_RUNS``, by default ``runs`` beside the event
    files. Raises RunConflictError if the id belongs to another scenario or the run is being
    written, InputError, also for unfit topics, and TerminalError for a complete run whose log has
    lost records.
    """
    directory = RunDirectory(runs_root(log, settings), run_id).lead()
    try:
        record = directory.read_record()
        if record is not None and record.scenario != scenario:
            raise RunConflictError(
                f"run {run_id}: {directory.path} holds the manifests of another scenario; choose another --run-id"
            )
        if record is not None:
            _check_stream(record, directory.path)
        adapter = log_adapter(log)
        topics: dict[str, str] = adapter.read_identities(log, settings, TOPICS)
        match: _LogMatch = "other" if record is None else _match_log(record, log, topics)
        known = None if match == "other" else record
        info = RunInfo(
            run_id,
            scenario.shards,
            TOPICS,
            TYPES,
            stream_version=STREAM_VERSION,
            scenario_digest=scenario.digest,
        )
        opening: AbstractContextManager[OpenedRun] = adapter.open_run(
            log, settings, info, scenario, directory, known=known, replaced=match == "replaced", options=options
        )
        with opening as opened:
            state = opened.state
            began = RunRecord(
                run_id=run_id,
                log=str(log),
                scenario=scenario,
                stream_version=STREAM_VERSION,
                topics=topics,
                extent=opened.extent,
            )
            if state == "complete":
                _require_manifests(directory, scenario, log)
            else:
                directory.write_record(began)
                directory.delete_truth()
            if state == "new":
                # Only after the record: until then the old manifests match the old record.
                directory.delete_manifests(scenario.shards)
            manifests = RunManifests(directory, resumed=state == "unfinished" and known is not None)
            done = False

            def complete() -> None:
                nonlocal done
                _write_truth(directory, scenario, sealed=True)
                directory.write_record(msgspec.structs.replace(began, state="complete", extent=opened.seal()))
                directory.delete_columns()
                done = True

            observer_factory = functools.partial(SpillingCollector, directory.columns_path)
            yield LedRun(state, functools.partial(opened.make_writer, manifests), manifests, complete, observer_factory)
            if state != "complete" and not done:
                _write_truth(directory, scenario, sealed=False)
                directory.delete_columns()
                directory.write_record(msgspec.structs.replace(began, state="stopped"))
    finally:
        directory.release()


def _match_log(record: RunRecord, log: LogUrl, topics: Mapping[str, str]) -> _LogMatch:
    """Whether ``log`` is the one of ``record``, by the topics' identities if they are known."""
    if not record.topics or record.topics == topics:
        return "same" if record.topics or record.log == str(log) else "other"
    return "replaced" if record.log == str(log) else "other"


def _require_manifests(directory: RunDirectory, scenario: Scenario, log: LogUrl) -> None:
    """Raise RunConflictError unless a run that is complete in its log has sealed manifests."""
    record = directory.read_record()
    manifests = [directory.read_manifest(shard) for shard in range(scenario.shards)]
    if record is None or any(each is None or not each.sealed for each in manifests):
        raise RunConflictError(
            f"run {directory.run_id} is complete in {log}, but its manifests are not in {directory.path}: it cannot "
            "be verified. Simulate it under another --run-id, or set SOCIALSIM_RUNS to their directory"
        )
    if record.state != "complete":  # the process died after sealing the log, before writing this
        directory.write_record(msgspec.structs.replace(record, state="complete"))


def _write_truth(directory: RunDirectory, scenario: Scenario, *, sealed: bool) -> None:
    """Merge the columns of all processes into the run's ground truth."""
    truth = make_truth(scenario, directory.run_id, read_chunks(directory.columns_path), sealed=sealed)
    manifests = [directory.read_manifest(shard) for shard in range(scenario.shards)]
    emitted = sum(totals.count for each in manifests if each is not None for totals in each.tallies.values())
    if truth.events != emitted:
        raise LogCorruptError(
            f"{directory.columns_path} holds {truth.events} events and the manifests {emitted}; "
            f"the run's ground truth cannot be computed: run --resume {directory.run_id} simulates it again"
        )
    directory.write_truth(truth)


def run_simulation(
    scenario: Scenario,
    run_id: str,
    led: LedRun,
    *,
    processes: int,
    pacer: Pacer | None,
    on_progress: Callable[[Progress], None],
    stop: StopSignal,
    drain_timeout_s: float,
    on_restart: Callable[[], None] = lambda: None,
) -> RunResult:
    """Simulate into the run's writers. ``on_restart`` is called when all processes are restarted.

    After a request to ``stop`` it waits up to ``drain_timeout_s`` for the log.
    """

    def note_restart(error: SocialsimError) -> None:
        logger.warning("%s; restarting all processes after the last durable event", error)
        on_restart()

    return run(
        scenario,
        run_id=run_id,
        processes=processes,
        equipment=RunDependencies(
            led.writer_factory,
            led.manifests,
            pacer,
            led.observer_factory,
            drain_timeout_s,
        ),
        on_progress=on_progress,
        stop=stop,
        restarts_max=_RESTARTS_MAX,
        on_restart=note_restart,
    )


def make_pacer(scenario: Scenario, speed: float | None, *, then_live: bool) -> Pacer | None:
    """The pacer that ties a run to the wall clock; None for full speed."""
    if then_live:
        return LivePacer()
    return None if speed is None else WallPacer(speed, scenario.start_us)
