"""One measurement in its own process: ``python -m benchmarks.simulate_worker '{"kernel": ...}'``.

Prints JSON.
"""

import gc
import hashlib
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from benchmarks.simpy_network import IdiomaticUser, LeanUser, Network
from socialsim.domain.population.name_pools import Pools, build_pools
from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.scenario.model import Scenario
from socialsim.simulation.event_sink import EventSink
from socialsim.simulation.exchange import Exchange
from socialsim.simulation.process import Work, run_shards
from socialsim.simulation.shard_group import ShardGroup
from socialsim.simulation.supervisor import RunDependencies, run
from socialsim.testing.manifests import MemoryManifests
from socialsim.transport.base import EventWriter, RunInfo
from socialsim.transport.files import FileWriter, create_run

_SIMPY_USERS: Final = {"simpy idiomatic": IdiomaticUser, "simpy lean": LeanUser}


class Task(msgspec.Struct, kw_only=True):
    """What to measure."""

    kernel: Literal["socialsim", "simpy idiomatic", "simpy lean", "memory"]
    users: int
    days: int
    processes: int = 1


class Outcome(msgspec.Struct, kw_only=True):
    """Measured values.

    ``cpu_s`` covers all processes, without building the name pools, which happens once.
    """

    events: int
    cpu_s: float
    wall_s: float
    digest: str = ""
    bytes_per_user: float = 0.0
    live_users: int = 0


def _info(scenario: Scenario) -> RunInfo:
    return RunInfo(
        scenario.run_id, scenario.shards, tuple(PLURALS.values()), {PLURALS[name]: name for name in EVENT_TYPES}
    )


def _open(root: Path, info: RunInfo, shards: range) -> EventWriter:
    return FileWriter(root, info, shards)


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.ndjson")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Spent(NamedTuple):
    cpu_s: float
    wall_s: float

    def __sub__(self, other: "_Spent") -> "_Spent":
        return _Spent(self.cpu_s - other.cpu_s, self.wall_s - other.wall_s)


def _spent() -> _Spent:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return _Spent(cpu_s, time.perf_counter())


def _run_one_process(
    task: Task, scenario: Scenario, pools: Pools, writer_factory: Callable[[range], EventWriter]
) -> int:
    """The same path to the files on every kernel."""
    shards = range(scenario.shards)
    writer = writer_factory(shards)
    gc.collect()
    gc.disable()  # as the supervisor does; SimPy benefits as much
    sink = EventSink(scenario.run_id, shards, writer, MemoryManifests())
    if task.kernel == "socialsim":
        work = Work(scenario, scenario.run_id, pools, shards)
        exchange = Exchange(0, {}, {})
        run_shards(work, exchange, sink, None, asked_to_stop=lambda: False, report=lambda _: None)
    else:
        for events in Network(scenario, scenario.run_id, pools, _SIMPY_USERS[task.kernel]).windows():
            sink.add(events)
        sink.flush()
    writer.drain(300)
    writer.close()
    return sink.events


def _run_processes(task: Task, scenario: Scenario, writer_factory: Callable[[range], EventWriter]) -> int:
    result = run(
        scenario,
        run_id=scenario.run_id,
        processes=task.processes,
        equipment=RunDependencies(writer_factory, MemoryManifests()),
        on_progress=lambda _: None,
        stop=threading.Event(),
    )
    return sum(result.events.values())


def _to_files(task: Task, scenario: Scenario, root: Path) -> Outcome:
    info = _info(scenario)
    writer_factory = partial(_open, root, info)
    with create_run(root, info, scenario.to_json()):
        before_pools = _spent()
        pools = build_pools(scenario.seed)
        begin = _spent()
        if task.processes == 1:
            events = _run_one_process(task, scenario, pools, writer_factory)
            spent = _spent() - begin
        else:
            events = _run_processes(task, scenario, writer_factory)
            # the supervisor built the pools again
            spent = _spent() - begin - (begin - before_pools)
    return Outcome(events=events, cpu_s=spent.cpu_s, wall_s=spent.wall_s, digest=_digest(root))


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def _memory(scenario: Scenario) -> Outcome:
    """Resident bytes added by a population at the end of a run that discards its events."""
    pools = build_pools(scenario.seed)
    gc.collect()
    gc.disable()
    before = _resident_bytes()
    host = ShardGroup(scenario, scenario.run_id, pools, range(scenario.shards))
    events = 0
    begin = _spent()
    for end_us in range(scenario.start_us + scenario.window_us, scenario.end_us + 1, scenario.window_us):
        host.run_until(end_us)
        events += len(host.take_events())
        host.deliver(host.take_envelopes())
    spent = _spent() - begin
    users = host.live_users
    per_user = (_resident_bytes() - before) / users
    return Outcome(events=events, cpu_s=spent.cpu_s, wall_s=spent.wall_s, bytes_per_user=per_user, live_users=users)


def main() -> None:
    task = msgspec.json.decode(sys.argv[1], type=Task)
    scenario = Scenario(users=task.users, days=task.days)
    if task.kernel == "memory":
        outcome = _memory(scenario)
    else:
        with tempfile.TemporaryDirectory(prefix="socialsim-bench-") as root:
            outcome = _to_files(task, scenario, Path(root))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
