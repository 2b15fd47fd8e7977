"""Whole streams for tests: simulated in this process over any partition of the shards, or by
spawned processes.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import zip_longest
from operator import attrgetter
from pathlib import Path
from threading import Event as Flag
from typing import Final, Self

from socialsim.domain.actors.context import Envelope
from socialsim.domain.population.name_pools import Pools, build_pools
from socialsim.errors import ShardDiedError
from socialsim.events import Event, decode, encode
from socialsim.runs.manifest import Manifest
from socialsim.scenario.model import Scenario, make_scenario
from socialsim.simulation.process import Pacer, Progress
from socialsim.simulation.shard_group import ShardGroup
from socialsim.simulation.supervisor import RunDependencies, RunResult, run
from socialsim.transport.base import EventWriter, Record, never_abandon

ROOT: Final = Path(__file__).parents[2]

by_time: Final = attrgetter("time_us", "shard", "seq")
by_identity: Final = attrgetter("shard", "seq")
# some tens of milliseconds for each seed
pools_of: Final[Callable[[int], Pools]] = cache(build_pools)

#: Small, busy, and with everything in it: friends over shards, crossing requests, suggestions,
#: likes of both kinds of friends' posts and of popular ones, comments.
BUSY: Final = Scenario(
    users=40, days=2, seed=11, shards=5, window_s=600, adoption_midpoint=0.05, adoption_steepness=30.0,
    active_day_alpha=100.0, active_day_beta=0.05, sessions_per_active_day=8.0, action_gap_median_s=15,
    friends_mean=14.0, circle_share=0.3, closure_share=0.5, accept_delay_median_s=60,
    post_share=0.12, video_share=0.4, recency_s=20_000, popular_share=0.2,
)  # fmt: skip


def simulate_hosts(
    scenario: Scenario,
    partition: Sequence[Sequence[int]],
    *,
    skip_windows: bool = True,
    kept: Callable[[Envelope], bool] = lambda _: False,
) -> list[Event]:
    """The events, in order of time, if each part of ``partition`` has a host of its own. Names are
    those of seed 1.

    Letters that are ``kept`` do not leave their host.
    """
    hosts = [ShardGroup(scenario, scenario.run_id, pools_of(1), shards) for shards in partition]
    events: list[Event] = []
    try:
        next_us = scenario.start_us
        while next_us < scenario.end_us:
            windows = (next_us - scenario.start_us) // scenario.window_us + 1
            end_us = min(scenario.start_us + windows * scenario.window_us, scenario.end_us)
            for host in hosts:
                host.run_until(end_us)
                events += host.take_events()
            letters = sorted(
                (letter for host in hosts for letter in host.take_envelopes()), key=lambda letter: letter[0]
            )
            for host, shards in zip(hosts, partition, strict=True):
                host.deliver([letter for letter in letters if letter[0] in shards or not kept(letter)])
            next_us = min(host.next_us for host in hosts) if skip_windows else end_us
    finally:
        for host in hosts:
            host.close()
    return sorted(events, key=by_time)


def simulate_whole(scenario: Scenario) -> list[Event]:
    """All of a scenario on one host."""
    return simulate_hosts(scenario, [range(scenario.shards)])


def first_difference(expected: Iterable[Event], actual: Iterable[Event], scenario: Scenario) -> str | None:
    """Where two streams part: both events with simulated time and seed, or None where they are
    equal byte for byte.
    """
    pairs = zip_longest(sorted(expected, key=by_time), sorted(actual, key=by_time))
    for number, (one, other) in enumerate(pairs):
        if one is None or other is None or encode(one) != encode(other):
            times_us = [event.time_us for event in (one, other) if event is not None]
            return (
                f"event {number} is the first that differs, at simulated time {min(times_us)} us with seed "
                f"{scenario.seed}:\n  expected {one}\n  got      {other}\n  in {scenario}"
            )
    return None


def assert_same_stream(expected: Iterable[Event], actual: Iterable[Event], scenario: Scenario) -> None:
    """Fails at the first event that differs."""
    difference = first_difference(expected, actual, scenario)
    assert difference is None, difference


class KeepingWriter(EventWriter):
    """Keeps the encoded events of each shard in a list; everything is durable at once."""

    def __init__(self, kept: dict[int, list[bytes]] | None = None) -> None:
        self.kept: dict[int, list[bytes]] = {} if kept is None else kept
        self.drained = False
        self.closed = False

    def append(self, shard: int, records: Sequence[Record]) -> None:
        """Keep them."""
        self.kept.setdefault(shard, []).extend(record.value for record in records)

    def throttle(self, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Never behind."""

    def flush(self) -> None:
        """Nothing is buffered."""

    def drain(self, timeout_s: float, should_abandon: Callable[[], bool] = never_abandon) -> None:
        """Nothing to wait for."""
        self.drained = True

    def acknowledged_seq(self, shard: int) -> int:
        """The last."""
        return len(self.kept.get(shard, [])) - 1

    def close(self) -> None:
        """Nothing to release."""
        self.closed = True

    def events(self) -> list[Event]:
        """What was kept, by shard."""
        return [decode(value) for _, values in sorted(self.kept.items()) for value in values]


class DirectoryWriter(KeepingWriter):
    """Writes each shard's events, when it is closed, into ``<directory>/<shard>.ndjson``, for
    another process to read.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        (directory / f"{os.getpid()}.pid").touch()

    def close(self) -> None:
        """Write."""
        for shard, values in self.kept.items():
            (self._directory / f"{shard}.ndjson").write_bytes(b"\n".join(values))


class KeepingBooks:
    """Keeps the last manifest of each shard, and the progress of a previous attempt."""

    def __init__(self, acknowledged: dict[int, int] | None = None) -> None:
        self.manifests: dict[int, Manifest] = {}
        self._acknowledged = acknowledged or {}

    def acknowledged_seq(self, shard: int) -> int:
        """As told."""
        return self._acknowledged.get(shard, -1)

    def write(self, manifest: Manifest) -> None:
        """Keep it."""
        self.manifests[manifest.shard] = manifest

    def resumed(self) -> Self:
        """The same."""
        return self


class IntoDirectory:
    """A picklable factory of DirectoryWriter."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, shards: range) -> EventWriter:
        """The writer of one process."""
        return DirectoryWriter(self.directory)


class Raising(IntoDirectory):
    """The process that hosts ``shard`` has a writer that raises ``error`` when it is given
    something.
    """

    def __init__(self, directory: Path, shard: int, error: Exception) -> None:
        super().__init__(directory)
        self._shard = shard
        self._error = error

    def __call__(self, shards: range) -> EventWriter:
        """The writer of one process."""
        return _RaisingWriter(self._error) if self._shard in shards else super().__call__(shards)


class _RaisingWriter(KeepingWriter):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def append(self, shard: int, records: Sequence[Record]) -> None:
        """Raise."""
        raise self._error


class StandingStill:
    """A pacer under which simulated time never_abandon goes on: the run lasts until it is ended
    from outside.
    """

    slice_us = 1_000_000

    def is_past(self, simulated_us: int) -> bool:
        """Never."""
        return False

    def wait_until(self, simulated_us: int) -> None:
        """Wait for ever."""
        Flag().wait()


def read_directory(directory: Path) -> list[Event]:
    """What the writers of a run have written, by shard."""
    files = sorted(directory.glob("*.ndjson"), key=lambda path: int(path.stem))
    return [decode(line) for path in files for line in path.read_bytes().split(b"\n") if line]


def run_into(
    directory: Path,
    scenario: Scenario,
    processes: int,
    *,
    pacer: Pacer | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    stop: Flag | None = None,
    factory: Callable[[range], EventWriter] | None = None,
    restarts_max: int = 0,
    on_restart: Callable[[ShardDiedError], None] = lambda _: None,
) -> RunResult:
    """``run`` with the scenario's own run id and a directory for its events."""
    return run(
        scenario,
        run_id=scenario.run_id,
        processes=processes,
        equipment=RunDependencies(factory or IntoDirectory(directory), KeepingBooks(), pacer),
        on_progress=on_progress,
        stop=stop or Flag(),
        restarts_max=restarts_max,
        on_restart=on_restart,
    )


if __name__ == "__main__":
    # python -m tests.support.streams DIRECTORY PROCESSES SCENARIO [still]: a run in a process that
    # a test may kill.
    run_into(
        Path(sys.argv[1]),
        make_scenario(**json.loads(sys.argv[3])),
        int(sys.argv[2]),
        pacer=StandingStill() if sys.argv[4:] else None,
    )
