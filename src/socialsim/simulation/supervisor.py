"""Starts the processes of a run, watches over them, and ends them all when one dies.

With one process the run happens in the caller's. With more they are spawned (a fork would copy threads and locks),
ignore the terminal's signals, and die with their parent. The parent only watches: what the shards have to say to each other
goes over their own pipes.
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
from socialsim.simulation.process import Pacer, Progress, Work, hosted_shards, hosted_users, run_shards
from socialsim.transport.base import EventWriter, WriterStats

_PR_SET_PDEATHSIG: Final = 1
_POLL_S: Final = 0.2  # how soon a request to stop is noticed
_USERS_PER_PROCESS: Final = 2_500  # below it a process waits more for the others than it works
_DRAIN_TIMEOUT_S: Final = 300.0  # at the end of a run; one that is asked to stop says how long it may take


class StopSignal(Protocol):
    """Says whether the run is asked to end early; ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """Whether to stop."""


class RunResult(NamedTuple):
    """What a run did."""

    run_id: str
    events: dict[str, int]  #: how many, by wire name
    processes: int
    stopped: bool  #: asked to stop before everything was simulated and durable
    unwritten: int = 0  #: events that the log had not taken when the time to stop was over


class RunDependencies(NamedTuple):
    """What a process is handed from outside, for the simulation itself does no I/O. Picklable for several processes."""

    writer_factory: Callable[[range], EventWriter]  #: opens the log for the shards that a process hosts
    books: ManifestStore
    pacer: Pacer | None = None
    observer_factory: Callable[[range], EventObserver] | None = None  #: makes one for the shards that a process hosts
    drain_timeout_s: float = 10.0  #: how long a run that is asked to stop waits for the log


class _Finished(NamedTuple):
    counts: dict[str, int]
    completed: bool
    unwritten: int


class _ChildSetup(NamedTuple):
    """What a child process needs beside its work, which it is told later. Picklable in a spawn."""

    rank: int
    parent_pid: int
    control: Connection
    peers: dict[int, Connection]
    users: dict[int, range]


def choose_processes(users: int, cores: int) -> int:
    """How many processes suit a population: a tiny one gets slower with more."""
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
    """Simulate ``scenario`` into the writers that the equipment makes, one in each process, for its shards.

    Everything that was simulated is durable when this returns, but for what ``unwritten`` counts, and the manifests are
    sealed if it came to the end. Asked to ``stop``, it waits for the log no longer than the equipment says. When a
    process dies (is killed, say), all are started again, up to ``restarts_max`` times: they simulate from the seed and
    stay silent up to what was durable. Raises ActorFailedError, ShardDiedError, and whatever the writers raise.
    """
    processes = max(1, min(processes, scenario.shards))
    pools = build_pools(scenario.seed)
    works = [
        Work(scenario, run_id, pools, hosted_shards(scenario.shards, rank, processes)) for rank in range(processes)
    ]
    if processes == 1:
        finished = _work(works[0], Exchange(0, {}, {}), equipment, asked_to_stop=stop.is_set, report=on_progress)
        return RunResult(run_id, finished.counts, 1, not finished.completed, finished.unwritten)
    for _ in range(restarts_max):
        try:
            return _supervise(works, equipment, on_progress, stop)
        except ShardDiedError as error:
            on_restart(error)
            equipment = equipment._replace(books=equipment.books.resumed())
    return _supervise(works, equipment, on_progress, stop)


def _work(
    work: Work,
    exchange: Exchange,
    equipment: RunDependencies,
    *,
    asked_to_stop: Callable[[], bool],
    report: Callable[[Progress], None],
) -> _Finished:
    """One process's share, from the writer's opening to its close."""
    writer = equipment.writer_factory(work.shards)
    # The actors are long-lived cycles: collecting them again and again costs two thirds of the time, and frees nothing.
    gc_was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        observer = None if equipment.observer_factory is None else equipment.observer_factory(work.shards)
        outbox = EventSink(work.run_id, work.shards, writer, equipment.books, observer, leave=asked_to_stop)
        simulated = run_shards(work, exchange, outbox, equipment.pacer, asked_to_stop=asked_to_stop, report=report)
        drained = _drain(writer, asked_to_stop, equipment.drain_timeout_s)
        if observer is not None:
            observer.close()
        unwritten = outbox.write_books(sealed=simulated and drained)
        return _Finished(outbox.counts, simulated and drained, 0 if drained else unwritten)
    finally:
        writer.close()
        if gc_was_enabled:
            gc.enable()


def _drain(writer: EventWriter, asked_to_stop: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until everything is durable. False if that was not so within ``timeout_s`` after a request to stop."""
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
    users = {rank: hosted_users(work.scenario, work.shards) for rank, work in enumerate(works)}
    children: list[SpawnProcess] = []
    controls: list[Connection] = []
    try:
        for rank in ranks:
            ours, theirs = context.Pipe(duplex=True)
            wiring = _ChildSetup(rank, os.getpid(), theirs, peers[rank], users)
            child = context.Process(target=_child_main, args=(wiring,), name=f"socialsim-shards-{rank}", daemon=True)
            child.start()
            children.append(child)
            controls.append(ours)
            theirs.close()
        for pipes in peers:
            for pipe in pipes.values():
                pipe.close()  # the children hold their own ends: when one dies, its peers notice
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
    """Tell a process what to do. Raises ShardDiedError if it does not live to hear it.

    Not by the arguments of its start: what is larger than a pipe's buffer would be waited for, without an end, if the
    process died before it had read it.
    """
    try:
        control.send((work, equipment))
    except OSError:
        child.join()
        raise ShardDiedError(_exit_reason(child, rank)) from None


def _watch(
    children: list[SpawnProcess], controls: list[Connection], on_progress: Callable[[Progress], None], stop: StopSignal
) -> list[_Finished]:
    """Wait for all children to finish. Raises what the first of them raised, or ShardDiedError."""
    progress: dict[int, Progress] = {}
    finished: dict[int, _Finished] = {}
    notices = ForwardedRecords()
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
                notices.log(rank, message)
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
    """When a process only says that a peer is gone, the peer's own words or death tell more.

    Its peers' peers notice too and end: those who have said so are not the ones to mourn.
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


def _child_main(wiring: _ChildSetup) -> NoReturn:
    """A spawned process: does its work, says how it went, ends."""
    _die_with_parent(wiring.parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what a signal to the group means
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control = wiring.control
    voice = LogRelay(control)
    voice.take_over()
    asked = False

    def asked_to_stop() -> bool:
        nonlocal asked
        asked = asked or control.poll()
        return asked

    exit_code = 1
    try:
        work, equipment = control.recv()
        exchange = Exchange(wiring.rank, wiring.peers, wiring.users)
        voice.say(_work(work, exchange, equipment, asked_to_stop=asked_to_stop, report=voice.say))
        exit_code = 0
    except SocialsimError as error:
        with contextlib.suppress(OSError):
            voice.say(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it before this process ends
        with contextlib.suppress(OSError):
            voice.say(ShardFailedError(f"shard process {wiring.rank} failed: {error!r}", traceback.format_exc()))
    finally:
        control.close()
        # Not sys.exit: no atexit handler of an inherited library may hold up a process whose work is durable.
        os._exit(exit_code)


def _die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies, however it dies. Linux only; elsewhere pipes tell."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)
