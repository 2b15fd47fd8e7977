"""The life of a run: leading it, keeping its truth, simulating into its log."""

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

_RESTARTS_MAX: Final = 3  #: a process that dies more often than that does not die by chance
#: Whether a log is the one that a run was written into, another, or one whose topics were deleted since.
_Holding = Literal["same", "replaced", "other"]


@dataclass(frozen=True, slots=True)
class LedRun:
    """A run that this process, and no other, may write until the end of the ``with`` statement."""

    state: RunState
    writer_factory: Callable[[range], EventWriter]  #: opens the log for some of the shards, in any process
    books: RunManifests
    complete: Callable[[], None]  #: to be called once everything is durable
    observer_factory: Callable[[range], EventObserver]  #: for the process that hosts some of the shards


def begun_run(log: LogUrl, settings: Settings, run_id: str) -> tuple[Scenario, LogUrl]:
    """What the run ``run_id`` simulates, and into which log. ``log`` tells where its books are. Raises InputError."""
    root = runs_root(log, settings)
    record = RunDirectory(root, run_id).read_record()
    if record is None:
        known = ", ".join(list_runs(root)) or "no run at all"
        raise InputError(f"--resume is {run_id!r}, but {root} knows {known}")
    _check_stream(record, root / run_id)
    return record.scenario, parse_log_url(record.log, f"log in {root / run_id}")


def _check_stream(record: RunRecord, path: Path) -> None:
    """Only who makes the same bytes can go on with a run. Raises RunConflictError."""
    if record.stream_version != STREAM_VERSION:
        raise RunConflictError(
            f"run {record.run_id}: {path} is of stream version {record.stream_version}, this socialsim makes version "
            f"{STREAM_VERSION}, other bytes from the same scenario; go on with the socialsim that began it, or simulate "
            "anew under another --run-id"
        )


@contextmanager
def lead_run(
    log: LogUrl, settings: Settings, run_id: str, scenario: Scenario, options: LeadOptions
) -> Iterator[LedRun]:
    """Make the run ready to be written, or to be gone on with.

    Its books lie in the directory ``SOCIALSIM_RUNS``, by default ``runs`` beside the event files. Raises
    RunConflictError if the id is of another scenario or being written, InputError, also for topics that are unfit, and
    TerminalError for a complete run of which the log has lost records.
    """
    directory = RunDirectory(runs_root(log, settings), run_id).lead()
    try:
        record = directory.read_record()
        if record is not None and record.scenario != scenario:
            raise RunConflictError(
                f"run {run_id}: {directory.path} holds the books of another scenario; choose another --run-id"
            )
        if record is not None:
            _check_stream(record, directory.path)
        adapter = log_adapter(log)
        topics: dict[str, str] = adapter.read_identities(log, settings, TOPICS)
        holding: _Holding = "other" if record is None else _holds(record, log, topics)
        known = None if holding == "other" else record
        info = RunInfo(
            run_id,
            scenario.shards,
            TOPICS,
            TYPES,
            stream_version=STREAM_VERSION,
            scenario_digest=scenario.digest,
        )
        opening: AbstractContextManager[OpenedRun] = adapter.open_run(
            log, settings, info, scenario, directory, known=known, replaced=holding == "replaced", options=options
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
                _require_books(directory, scenario, log)
            else:
                directory.write_record(began)
                directory.delete_truth()
            if state == "new":
                # After the record: books of another life beside this life's record would tell of what is not there.
                directory.delete_manifests(scenario.shards)
            books = RunManifests(directory, resumed=state == "unfinished" and known is not None)
            done = False

            def complete() -> None:
                nonlocal done
                _keep_truth(directory, scenario, sealed=True)
                directory.write_record(msgspec.structs.replace(began, state="complete", extent=opened.seal()))
                directory.delete_columns()
                done = True

            observer_factory = functools.partial(SpillingCollector, directory.columns_path)
            yield LedRun(state, functools.partial(opened.make_writer, books), books, complete, observer_factory)
            if state != "complete" and not done:
                _keep_truth(directory, scenario, sealed=False)
                directory.delete_columns()
                directory.write_record(msgspec.structs.replace(began, state="stopped"))
    finally:
        directory.release()


def _holds(record: RunRecord, log: LogUrl, topics: Mapping[str, str]) -> _Holding:
    """Whether ``log`` is the one that the run was written into, by the topics' identities where they are known."""
    if not record.topics or record.topics == topics:
        return "same" if record.topics or record.log == str(log) else "other"
    return "replaced" if record.log == str(log) else "other"


def _require_books(directory: RunDirectory, scenario: Scenario, log: LogUrl) -> None:
    """A run that its log calls complete must have its books too. Raises RunConflictError."""
    record = directory.read_record()
    manifests = [directory.read_manifest(shard) for shard in range(scenario.shards)]
    if record is None or any(each is None or not each.sealed for each in manifests):
        raise RunConflictError(
            f"run {directory.run_id} is complete in {log}, but its books are not in {directory.path}: it cannot be "
            "verified. Simulate it under another --run-id, or point SOCIALSIM_RUNS to its books"
        )
    if record.state != "complete":  # its process died between the two
        directory.write_record(msgspec.structs.replace(record, state="complete"))


def _keep_truth(directory: RunDirectory, scenario: Scenario, *, sealed: bool) -> None:
    """Join what the processes have seen to the run's true KPIs."""
    truth = make_truth(scenario, directory.run_id, read_chunks(directory.columns_path), sealed=sealed)
    books = [directory.read_manifest(shard) for shard in range(scenario.shards)]
    booked = sum(tally.count for each in books if each is not None for tally in each.tallies.values())
    if truth.events != booked:
        raise LogCorruptError(
            f"{directory.columns_path} holds {truth.events} events and the manifests {booked}; "
            f"the run's true KPIs cannot be told: run --resume {directory.run_id} simulates it again"
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
    """Simulate into the run's writers. ``on_restart`` is called when a process died and all begin again.

    Asked to ``stop``, it waits for the log no longer than ``drain_timeout_s``.
    """

    def note_restart(error: SocialsimError) -> None:
        logger.warning("%s; starting all again from what is durable", error)
        on_restart()

    return run(
        scenario,
        run_id=run_id,
        processes=processes,
        equipment=RunDependencies(
            led.writer_factory,
            led.books,
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
    """What ties a run to the wall clock; None: nothing does, it goes at full speed."""
    if then_live:
        return LivePacer()
    return None if speed is None else WallPacer(speed, scenario.start_us)
