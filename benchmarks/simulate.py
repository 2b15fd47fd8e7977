"""Events per second of one core to files, against SimPy; memory; several processes."""

import subprocess
import sys
from collections import defaultdict
from statistics import median

import msgspec

from benchmarks.report import conditions, print_table
from benchmarks.simulate_worker import Outcome, Task

_KERNELS = ("socialsim", "simpy lean", "simpy idiomatic")


def measure(task: Task) -> Outcome:
    """One measurement in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.simulate_worker", msgspec.json.encode(task).decode()]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Outcome)


def main(*, rounds: int, users: int, days: int, large_users: int) -> None:
    """Measure and print. Rounds are interleaved, so a busy minute affects all kernels alike."""
    print(conditions("socialsim", "simpy", "msgspec"))
    outcomes = defaultdict(list)
    for _ in range(rounds):
        for kernel in _KERNELS:
            outcomes[kernel].append(measure(Task(kernel=kernel, users=users, days=days)))  # type: ignore[arg-type]
    _compare(outcomes, users, days)
    scaled = defaultdict(list)
    for _ in range(rounds):
        for processes in (1, 2, 4):
            task = Task(kernel="socialsim", users=large_users, days=1, processes=processes)
            scaled[processes].append(measure(task))
    _scale(scaled, large_users)
    memory = measure(Task(kernel="memory", users=large_users, days=1))
    print_table(
        "Memory: resident bytes added by a population, at the end of a simulated day",
        ("users", "bytes per live user", "events"),
        [(f"{memory.live_users:,}", f"{memory.bytes_per_user:,.0f}", f"{memory.events:,}")],
    )


def _compare(outcomes: dict[str, list[Outcome]], users: int, days: int) -> None:
    digests = {outcome.digest for kernel in outcomes.values() for outcome in kernel}
    if len(digests) != 1:
        raise SystemExit("the kernels did not write the same bytes, so they did not do the same work")
    speeds = {
        kernel: median(outcome.events / outcome.cpu_s for outcome in measured) for kernel, measured in outcomes.items()
    }
    rows = [
        (kernel, f"{speed:,.0f}", f"{1e6 / speed:.1f}", f"{speeds['socialsim'] / speed:.2f}")
        for kernel, speed in speeds.items()
    ]
    events = outcomes["socialsim"][0].events
    print_table(
        f"One core, {users:,} users, {days} days, {events:,} events to files, the same bytes from all (medians)",
        ("kernel", "events per CPU-second", "µs per event", "socialsim is faster by"),
        rows,
    )


def _scale(scaled: dict[int, list[Outcome]], users: int) -> None:
    speeds = {
        processes: median(outcome.events / outcome.wall_s for outcome in measured)
        for processes, measured in scaled.items()
    }
    rows = [(str(processes), f"{speed:,.0f}", f"{speed / speeds[1]:.2f}") for processes, speed in speeds.items()]
    print_table(
        f"Processes, {users:,} users, one day, to files, start of the processes included (medians)",
        ("processes", "events per second", "ratio to one"),
        rows,
    )
