"""Starts the processes of a run, supervises them, and ends all of them when one dies.

A run with one process happens in the caller's process. Several are spawned (a fork would copy
threads and locks), ignore the terminal's signals and die with their parent. The parent only
supervises: shards exchange messages over pipes of their own.
"""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final, NamedTuple, NoReturn, Protocol

from socialsim.domain.population.name_pools import build_pools
from socialsim.errors import ServiceUnavailableError, ShardDiedError, ShardFailedError, SocialsimError
from socialsim.events import EVENT_TYPES
from socialsim.scenario.model import Scenario
from socialsim.simulation.event_sink import EventObserver, EventSink, ManifestStore
from socialsim.simulation.exchange import Exchange
from socialsim.simulation.log_relay import ForwardedRecord, ForwardedRecords, LogRelay
from socialsim.simulation.process import Pacer, Progress, Work, run_shards, shards_of_rank, users_of_shards
from socialsim.transport.base import EventWriter, WriterStats

_PR_SET_PDEATHSIG: Final = 1
_POLL_S: Final = 0.2  # the longest time until a stop request is noticed
_USERS_PER_PROCESS: Final = 2_500  # with fewer, a process waits for its peers longer than it works
_DRAIN_TIMEOUT_S: Final = 300.0  # of a run that has ended; a stop request brings its own timeout


class StopSignal(Protocol):
    """Says whether the run should end early; ``threading.Event`` satisfies it."""

    def is_set(self) -> bool:
        """Whether to stop."""


class RunResult(NamedTuple):
    """The outcome of a run."""

    run_id: str
    events: dict[str, int]  #: counts by wire name
    processes: int
    stopped: bool  #: a stop request came before everything was simulated and durable
    unwritten: int = 0  #: events that the log had not accepted before the drain timeout


class RunDependencies(NamedTuple):
    """What the simulation needs from outside, as it does no I/O.

    Picklable if there are several processes.
    """

    writer_factory: Callable[[range], EventWriter]  #: opens the log for the shards of a process
    manifests: ManifestStore
    pacer: Pacer | None = None
    #: makes one for the shards of a process
    observer_factory: Callable[[range], EventObserver] | None = None
    drain_timeout_s: float = 10.0  #: how long a stopped run waits for the log


class _Finished(NamedTuple):
    counts: dict[str, int]
    completed: bool
    unwritten: int


class _ChildSetup(NamedTuple):
    """What a child process needs to receive its job. Picklable during a spawn."""

    rank: int
    parent_pid: int
    control: Connection
    peers: dict[int, Connection]
    users: dict[int, range]


def choose_processes(users: int, cores: int) -> int:
    """How many processes suit a population: more of them make a tiny one slower."""
    return max(1, min(cores, users // _USERS_PER_PROCESS))


def run(
    scenario: Scenario,
    *,
    run_id: str,
    processes: int,
    equipment: RunDependencies,
    on_progress: Callable[[Progress], None],
    stop: StopSignal,
    restarts_max: int = 0,
    on_restart: Callable[[ShardDiedError], None] = lambda _: None,
) -> RunResult:
    """Simulate ``scenario`` into the writers made by ``equipment``, one per process.

    On return everything simulated is durable, except for the events that ``unwritten`` counts, and
    the manifests are sealed if the run reached its end. After a request to ``stop``, it waits for
    the log no longer than ``equipment.drain_timeout_s``. If a process dies (for example, is
    killed), all are started again, up to ``restarts_max`` times: they simulate from the seed and
    write only what is not durable yet. Raises ActorFailedError, ShardDiedError and whatever the
    writers raise.
    """
    processes = max(1, min(processes, scenario.shards))
    pools = build_pools(scenario.seed)
    works = [
        Work(scenario, run_id, pools, shards_of_rank(scenario.shards, rank, processes)) for rank in range(processes)
    ]
    if processes == 1:
        finished = _work(works[0], Exchange(0, {}, {}), equipment, asked_to_stop=stop.is_set, report=on_progress)
        return RunResult(run_id, finished.counts, 1, not finished.completed, finished.unwritten)
    for _ in range(restarts_max):
        try:
            return _supervise(works, equipment, on_progress, stop)
        except ShardDiedError as error:
            on_restart(error)
            equipment = equipment._replace(manifests=equipment.manifests.resumed())
    return _supervise(works, equipment, on_progress, stop)


def _work(
    work: Work,
    exchange: Exchange,
    equipment: RunDependencies,
    *,
    asked_to_stop: Callable[[], bool],
    report: Callable[[Progress], None],
) -> _Finished:
    """Run one process's share, from opening its writer to closing it."""
    writer = equipment.writer_factory(work.shards)
    # Actors are long-lived reference cycles: collecting garbage again and again takes two thirds of
    # the time and frees nothing.
    gc_was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        observer = None if equipment.observer_factory is None else equipment.observer_factory(work.shards)
        sink = EventSink(work.run_id, work.shards, writer, equipment.manifests, observer, should_abandon=asked_to_stop)
        simulated = run_shards(work, exchange, sink, equipment.pacer, asked_to_stop=asked_to_stop, report=report)
        drained = _drain(writer, asked_to_stop, equipment.drain_timeout_s)
        if observer is not None:
            observer.close()
        unwritten = sink.write_manifests(sealed=simulated and drained)
        return _Finished(sink.counts, simulated and drained, 0 if drained else unwritten)
    finally:
        writer.close()
        if gc_was_enabled:
            gc.enable()


def _drain(writer: EventWriter, asked_to_stop: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until everything is durable.

    False if a stop request came and ``timeout_s`` did not suffice.
    """
    if not asked_to_stop():
        try:
            writer.drain(_DRAIN_TIMEOUT_S, asked_to_stop)
        except ServiceUnavailableError:
            if not asked_to_stop():
                raise
        else:
            return True
    try:
        writer.drain(timeout_s)
    except ServiceUnavailableError:
        return False
    return True


def _supervise(
    works: list[Work],
    equipment: RunDependencies,
    on_progress: Callable[[Progress], None],
    stop: StopSignal,
) -> RunResult:
    context = multiprocessing.get_context("spawn")
    ranks = range(len(works))
    peers: list[dict[int, Connection]] = [{} for _ in ranks]
    for low in ranks:
        for high in ranks[low + 1 :]:
            peers[low][high], peers[high][low] = context.Pipe(duplex=True)
    users = {rank: users_of_shards(work.scenario, work.shards) for rank, work in enumerate(works)}
    children: list[SpawnProcess] = []
    controls: list[Connection] = []
    try:
        for rank in ranks:
            ours, theirs = context.Pipe(duplex=True)
            setup = _ChildSetup(rank, os.getpid(), theirs, peers[rank], users)
            child = context.Process(target=_child_main, args=(setup,), name=f"socialsim-shards-{rank}", daemon=True)
            child.start()
            children.append(child)
            controls.append(ours)
            theirs.close()
        for pipes in peers:
            for pipe in pipes.values():
                # only the children keep their ends open: when one dies, its peers notice
                pipe.close()
        for rank, work in enumerate(works):
            _send_job(children[rank], rank, controls[rank], work, equipment)
        finished = _watch(children, controls, on_progress, stop)
    finally:
        for child in children:
            if child.is_alive():
                child.kill()
            child.join()
            child.close()
        for control in controls:
            control.close()
    counts = {name: sum(part.counts[name] for part in finished) for name in finished[0].counts}
    completed = all(part.completed for part in finished)
    return RunResult(works[0].run_id, counts, len(works), not completed, sum(part.unwritten for part in finished))


def _send_job(child: SpawnProcess, rank: int, control: Connection, work: Work, equipment: RunDependencies) -> None:
    """Send a child its job. Raises ShardDiedError if it dies first.

    Not passed as arguments of the start: a pickle larger than the pipe's buffer would block forever
    if the child died before reading it.
    """
    try:
        control.send((work, equipment))
    except OSError:
        child.join()
        raise ShardDiedError(_exit_reason(child, rank)) from None


def _watch(
    children: list[SpawnProcess], controls: list[Connection], on_progress: Callable[[Progress], None], stop: StopSignal
) -> list[_Finished]:
    """Wait for all children to finish. Raises the first child's exception, or ShardDiedError."""
    progress: dict[int, Progress] = {}
    finished: dict[int, _Finished] = {}
    relay = ForwardedRecords()
    told_to_stop = False
    while len(finished) < len(children):
        if stop.is_set() and not told_to_stop:
            told_to_stop = True
            for control in controls:
                with contextlib.suppress(OSError):
                    control.send_bytes(b"stop")
        open_controls = {control: rank for rank, control in enumerate(controls) if rank not in finished}
        for ready in wait(list(open_controls), timeout=_POLL_S):
            rank = open_controls[ready]  # type: ignore[index]
            try:
                message = controls[rank].recv()
            except (EOFError, OSError):
                children[rank].join()
                raise ShardDiedError(_exit_reason(children[rank], rank)) from None
            if isinstance(message, Progress):
                progress[rank] = message
            elif isinstance(message, ForwardedRecord):
                relay.log(rank, message)
            elif isinstance(message, _Finished):
                finished[rank] = message
            else:
                raise _root_cause(message, controls, set(open_controls.values()) - {rank}, children)
        if progress:
            on_progress(_combined(progress))
    return [finished[rank] for rank in range(len(children))]


def _root_cause(
    error: BaseException, controls: list[Connection], others: set[int], children: list[SpawnProcess]
) -> BaseException:
    """The root cause of ``error``. A process that reports only a lost peer is itself a victim.

    So prefer a peer's own exception or exit code. Peers that report a lost peer as well are
    skipped: they too are victims.
    """
    if not isinstance(error, ShardDiedError):
        return error
    for rank in sorted(others):
        try:
            while controls[rank].poll(_POLL_S):
                message = controls[rank].recv()
                if isinstance(message, ShardDiedError):
                    break
                if isinstance(message, BaseException):
                    return message
        except (EOFError, OSError):
            children[rank].join()
            return ShardDiedError(_exit_reason(children[rank], rank))
    return error


def _combined(progress: dict[int, Progress]) -> Progress:
    parts = progress.values()
    return Progress(
        min(part.simulated_us for part in parts),
        sum(part.events for part in parts),
        sum(part.live_users for part in parts),
        {name: sum(part.counts[name] for part in parts) for name in EVENT_TYPES},
        WriterStats(*map(sum, zip(*(part.writers for part in parts), strict=True))),
    )


def _exit_reason(child: SpawnProcess, rank: int) -> str:
    code = child.exitcode
    how = (
        f"was killed by {signal.Signals(-code).name}"
        if code is not None and code < 0
        else f"ended with exit code {code}"
    )
    return f"shard process {rank} (pid {child.pid}) {how} before its work was done; nothing it had acknowledged is lost"


def _child_main(setup: _ChildSetup) -> NoReturn:
    """The main function of a spawned process: does its job, reports the outcome, exits."""
    _die_with_parent(setup.parent_pid)
    # the parent handles signals sent to the process group
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control = setup.control
    relay = LogRelay(control)
    relay.take_over()
    asked = False

    def asked_to_stop() -> bool:
        nonlocal asked
        asked = asked or control.poll()
        return asked

    exit_code = 1
    try:
        work, equipment = control.recv()
        exchange = Exchange(setup.rank, setup.peers, setup.users)
        relay.send(_work(work, exchange, equipment, asked_to_stop=asked_to_stop, report=relay.send))
        exit_code = 0
    except SocialsimError as error:
        with contextlib.suppress(OSError):
            relay.send(error)
    except Exception as error:  # noqa: BLE001 - the parent must learn of any error before this process exits
        with contextlib.suppress(OSError):
            relay.send(ShardFailedError(f"shard process {setup.rank} failed: {error!r}", traceback.format_exc()))
    finally:
        control.close()
        # Not sys.exit: no library's atexit handler may delay a process whose work is durable.
        os._exit(exit_code)


def _die_with_parent(parent_pid: int) -> None:
    """Have Linux kill this process when its parent dies, in whatever way.

    Elsewhere a closed pipe tells.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)
