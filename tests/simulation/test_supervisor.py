"""The processes of a run: they end together and with their parent, and their exceptions arrive."""

import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event as Flag

import msgspec
import pytest

from socialsim import simulate
from socialsim.errors import (
    ActorFailedError,
    LogFullError,
    ServiceUnavailableError,
    ShardDiedError,
    ShardFailedError,
)
from socialsim.events import WIRE_NAMES, Event
from socialsim.scenario.model import Scenario
from socialsim.simulation.log_relay import ForwardedRecord, ForwardedRecords, LogRelay
from socialsim.simulation.process import Progress, shards_of_rank, users_of_shards
from socialsim.simulation.supervisor import RunDependencies, choose_processes, run
from socialsim.transport.base import never_abandon
from tests.support.patience import eventually
from tests.support.streams import (
    BUSY,
    ROOT,
    IntoDirectory,
    KeepingBooks,
    KeepingWriter,
    Raising,
    StandingStill,
    assert_same_stream,
    read_directory,
    run_into,
)

pytestmark = pytest.mark.processes

#: Longer than any test waits: the tests end it from outside.
LONG = msgspec.structs.replace(BUSY, users=400, days=3_000, shards=8)


def pids_in(directory: Path) -> list[int]:
    return [int(path.stem) for path in directory.glob("*.pid")]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


class Assassin:
    """Kills one process of a run on its first progress report."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.victims: list[int] = []

    def __call__(self, progress: Progress) -> None:
        if self.victims:
            return
        names = {child.name: child.pid for child in multiprocessing.active_children()}
        pid = names[f"socialsim-shards-{self.rank}"]
        assert pid is not None
        self.victims.append(pid)
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(("processes", "rank"), [(2, 0), (4, 3)])
def test_the_death_of_a_process_ends_the_run_and_names_it(processes: int, rank: int, tmp_path: Path) -> None:
    assassin = Assassin(rank)
    with pytest.raises(ShardDiedError) as caught:
        run_into(tmp_path, LONG, processes, on_progress=assassin)
    assert len(assassin.victims) == 1
    assert f"shard process {rank} (pid {assassin.victims[0]}) was killed by SIGKILL" in str(caught.value)
    pids = pids_in(tmp_path)
    assert assassin.victims[0] in pids
    assert not [pid for pid in pids if is_alive(pid)], "the other processes must not outlive the run"


def test_a_dead_process_is_restarted_and_the_stream_is_complete(tmp_path: Path) -> None:
    scenario = msgspec.structs.replace(BUSY, users=60, days=12)
    assassin = Assassin(1)
    restarts: list[str] = []
    result = run_into(
        tmp_path,
        scenario,
        2,
        on_progress=assassin,
        restarts_max=1,
        on_restart=lambda error: restarts.append(str(error)),
    )
    assert len(assassin.victims) == 1
    assert len(restarts) == 1
    assert "was killed by SIGKILL" in restarts[0]
    assert not result.stopped
    assert_same_stream(simulate(scenario), read_directory(tmp_path), scenario)


def test_no_process_outlives_its_parent(tmp_path: Path) -> None:
    scenario = json.dumps(msgspec.to_builtins(BUSY))
    command = [sys.executable, "-m", "tests.support.streams", str(tmp_path), "3", scenario, "still"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as parent:
        try:
            eventually(lambda: len(pids_in(tmp_path)) == 3, "three processes have begun")
            family = children_of(parent.pid)
            assert set(pids_in(tmp_path)) <= set(family)
            assert all(is_alive(pid) for pid in family)
        finally:
            parent.kill()
    eventually(lambda: not [pid for pid in family if is_alive(pid)], "every child is gone")


def prefix(scenario: Scenario, events: list[Event]) -> list[Event]:
    """The first events of each shard, as many as ``events`` holds of it."""
    wanted = dict.fromkeys(range(scenario.shards), 0)
    for event in events:
        wanted[event.shard] += 1
    missing = len(events)
    found = []
    for event in simulate(scenario):
        if wanted[event.shard]:
            wanted[event.shard] -= 1
            missing -= 1
            found.append(event)
        if not missing:
            break
    return found


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("paced", [False, True])
def test_a_stopped_run_leaves_a_prefix_of_each_shard_without_gaps(processes: int, paced: bool, tmp_path: Path) -> None:
    stop = Flag()
    pacer = None
    if paced:
        pacer = NeverAgain()
        stop.set()  # before the first step: the run must not wait for the pacer
    result = run_into(tmp_path, LONG, processes, pacer=pacer, on_progress=lambda _: stop.set(), stop=stop)
    events = read_directory(tmp_path)
    assert result.stopped
    assert result.processes == processes
    counts = dict.fromkeys(WIRE_NAMES.values(), 0)
    for event in events:
        counts[WIRE_NAMES[type(event)]] += 1
    assert result.events == counts
    assert paced or events
    assert_same_stream(prefix(LONG, events), events, LONG)


class NeverAgain(StandingStill):
    """Waits briefly at each step, which takes forever in a run of years."""

    def wait_until(self, simulated_us: int) -> None:
        Flag().wait(0.001)


def test_an_exception_of_a_writer_in_a_child_process_arrives_unchanged(tmp_path: Path) -> None:
    factory = Raising(tmp_path, 4, LogFullError("the disk under events is full"))
    with pytest.raises(LogFullError, match="the disk under events is full"):
        run_into(tmp_path, LONG, 2, factory=factory)
    assert not [pid for pid in pids_in(tmp_path) if is_alive(pid)]


def test_an_unexpected_exception_of_a_writer_arrives_with_its_traceback(tmp_path: Path) -> None:
    factory = Raising(tmp_path, 7, KeyError("on purpose"))
    with pytest.raises(ShardFailedError, match=r"shard process 1 failed: KeyError\('on purpose'\)") as caught:
        run_into(tmp_path, LONG, 2, factory=factory)
    assert "Traceback" in caught.value.trace
    assert "append" in caught.value.trace


def test_a_writer_that_raises_is_closed(tmp_path: Path) -> None:
    class Full(KeepingWriter):
        def throttle(self, should_abandon: Callable[[], bool] = never_abandon) -> None:
            raise LogFullError("full")

    writer = Full()
    with pytest.raises(LogFullError, match="full"):
        run_into(tmp_path, LONG, 1, factory=lambda _: writer)
    assert writer.closed
    assert not writer.drained


class Deaf(KeepingWriter):
    """A log that accepts nothing.

    A wait in ``throttle`` or ``drain`` sets ``stop``, like a signal.
    """

    def __init__(self, stop: Flag, place: str) -> None:
        super().__init__()
        self._stop = stop
        self._place = place
        self.timeouts_s: list[float] = []

    def throttle(self, should_abandon: Callable[[], bool] = never_abandon) -> None:
        if self._place == "throttle":
            self._stop.set()
            while not should_abandon():
                pass

    def drain(self, timeout_s: float, should_abandon: Callable[[], bool] = never_abandon) -> None:
        self.timeouts_s.append(timeout_s)
        if self._place == "drain":
            self._stop.set()
        raise ServiceUnavailableError("the log", timeout_s, "it never_abandon will")

    def acknowledged_seq(self, shard: int) -> int:
        return -1


@pytest.mark.parametrize(("place", "timeouts_s"), [("throttle", [3.0]), ("drain", [300.0, 3.0])])
def test_a_stop_waits_for_the_drain_timeout_and_reports_unwritten_events(place: str, timeouts_s: list[float]) -> None:
    stop, books = Flag(), KeepingBooks()
    writer = Deaf(stop, place)
    result = run(
        BUSY if place == "drain" else LONG,
        run_id="r",
        processes=1,
        equipment=RunDependencies(lambda _: writer, books, drain_timeout_s=3.0),
        on_progress=lambda _: None,
        stop=stop,
    )
    assert writer.timeouts_s == timeouts_s
    assert result.stopped
    assert result.unwritten == sum(result.events.values()) > 0
    assert not any(manifest.sealed for manifest in books.manifests.values())
    assert writer.closed


def test_a_record_that_every_child_sends_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    relay = ForwardedRecords()
    away, back = ForwardedRecord(30, "it does not answer"), ForwardedRecord(30, "it answers again")
    for rank, record in [(0, away), (1, away), (1, back), (0, back), (1, away), (2, away), (0, away)]:
        relay.log(rank, record)
    assert [logged.getMessage() for logged in caplog.records] == [away.text, back.text, away.text]


def test_a_child_forwards_our_own_records_and_exceptions_of_drivers() -> None:
    ours, theirs = multiprocessing.Pipe()
    relay = LogRelay(theirs)
    boom = KeyError("boom")

    def tell(logger: str, text: str, fault: Exception | None = None) -> None:
        trace = None if fault is None else (type(fault), fault, None)
        relay.emit(logging.LogRecord(logger, logging.WARNING, "", 0, text, (), trace))

    tell("aiokafka.client", "Unable connect to node with id 1")
    tell("socialsim.transport.kafka.writer", "Kafka at x:1 does not answer")
    tell("aiokafka.producer.sender", "Unexpected error in sender routine", boom)
    assert ours.recv() == ForwardedRecord(logging.WARNING, "Kafka at x:1 does not answer")
    assert ours.recv() == ForwardedRecord(
        logging.WARNING, "aiokafka.producer.sender: Unexpected error in sender routine: KeyError('boom')"
    )
    assert not ours.poll()
    theirs.close()
    relay.emit(logging.LogRecord("socialsim", logging.ERROR, "", 0, "nobody listens", (), None))


def test_a_failing_actor_is_named_with_simulated_time_and_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, quality: int) -> list[int]:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("socialsim.domain.actors.user.User.audience", fail)
    with pytest.raises(ActorFailedError) as caught:
        run_into(tmp_path, BUSY, 1, factory=IntoDirectory(tmp_path))
    message = str(caught.value)
    assert "User(" in message
    assert f"with seed {BUSY.seed}" in message
    assert BUSY.run_id in message
    assert "ZeroDivisionError('on purpose')" in message
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("users", "cores", "processes"),
    [(1, 64, 1), (2_499, 4, 1), (5_000, 4, 2), (10_000, 4, 4), (1_000_000, 4, 4), (1_000_000, 1, 1)],
)
def test_the_number_of_processes_suits_the_population(users: int, cores: int, processes: int) -> None:
    assert choose_processes(users, cores) == processes


def test_no_more_processes_than_shards_are_started(tmp_path: Path) -> None:
    one_shard = msgspec.structs.replace(BUSY, shards=1, users=3, days=1)
    assert run_into(tmp_path, one_shard, 8).processes == 1


@pytest.mark.parametrize(("shards", "processes"), [(1, 1), (5, 2), (64, 4), (7, 7)])
def test_processes_partition_shards_and_users(shards: int, processes: int) -> None:
    scenario = Scenario(users=23, shards=shards)
    parts = [shards_of_rank(shards, rank, processes) for rank in range(processes)]
    assert [shard for part in parts for shard in part] == list(range(shards))
    assert all(parts)
    assert [user for part in parts for user in users_of_shards(scenario, part)] == list(range(23))
