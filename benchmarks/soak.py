"""``make soak``: samples the memory of a run and a consumer over several million events.

    python -m benchmarks.soak [--users 6000] [--days 400] [--processes 2] [--to URL] [--into URL]

Without URLs events go to files and SQLite in a temporary directory. A run's state grows with its
users and with what they know (nobody likes a post twice), so its size is reported with their
number. The consumer's memory must stay flat.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from compose.native.ports import free_port

SAMPLE_EVERY_S = 1.0
START_TIMEOUT_S = 60.0
QUIET_LOOKS = 3
MIB = 1024 * 1024


class Sample(NamedTuple):
    """One sample: ``done`` is the number of events simulated, or rows stored."""

    done: int
    resident_bytes: int


@dataclass
class Watched:
    """A running command and its samples."""

    process: subprocess.Popen[bytes]
    port: int
    metric: str
    samples: list[Sample]

    def look(self) -> None:
        metrics = read_metrics(self.port)
        if metrics is not None:
            self.samples.append(Sample(int(metrics.get(self.metric, 0)), resident_bytes(self.process.pid)))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.split("\n")[0])
    parser.add_argument("--users", type=int, default=4_000)
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--to", help="event log; default: files")
    parser.add_argument("--into", help="warehouse; default: SQLite")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="socialsim-soak-") as directory:
        log = arguments.to or f"file:{directory}/events"
        warehouse = arguments.into or f"sqlite:///{directory}/soak.sqlite"
        size = ("--users", str(arguments.users), "--days", str(arguments.days))
        began_s = time.monotonic()
        run = started(
            directory, "socialsim_events_total", "run", *size, "--processes", str(arguments.processes), "--to", log
        )
        consume = None
        try:
            wait_for_events(run)
            consume = started(directory, "socialsim_rows_total", "consume", "--from", log, "--into", warehouse)
            watch(run, consume)
        finally:
            for each in filter(None, (run, consume)):
                each.process.send_signal(signal.SIGTERM)
                each.process.wait(30)
        print(report(run, consume, arguments, time.monotonic() - began_s))
        return 0 if is_flat(consume.samples) else 1


def started(directory: str, metric: str, *arguments: str) -> Watched:
    """Start ``socialsim`` with these arguments and its own metrics port.

    Passwords are in the environment.
    """
    port = free_port()
    command = [str(Path(sys.executable).with_name("socialsim")), *arguments, "--metrics-port", str(port), "--quiet"]
    return Watched(subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL), port, metric, [])


def wait_for_events(run: Watched) -> None:
    """Wait for the log, which is created with the first events."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not (metrics := read_metrics(run.port)) or not metrics.get("socialsim_events_total"):
        if run.process.poll() is not None or time.monotonic() > deadline_s:
            sys.exit("the run did not begin")
        time.sleep(0.1)


def watch(run: Watched, consume: Watched) -> None:
    """Sample both until the run has ended and everything is stored."""
    quiet = 0
    while True:
        time.sleep(SAMPLE_EVERY_S)
        if consume.process.poll() is not None:
            sys.exit(f"the consumer ended with exit code {consume.process.returncode}")
        consume.look()
        if run.process.poll() is None:
            run.look()
        elif run.process.returncode != 0:
            sys.exit(f"the run ended with exit code {run.process.returncode}")
        elif (metrics := read_metrics(consume.port)) is not None and metrics.get("socialsim_lag") == 0:
            quiet += 1
            if quiet > QUIET_LOOKS:  # the log end was read after the run's end
                return
        else:
            quiet = 0


def read_metrics(port: int) -> dict[str, float] | None:
    """Metrics by name, summed over labels; None without an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            name = name.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


def resident_bytes(pid: int) -> int:
    """Resident bytes of a process and its descendants, with shared pages counted in each."""
    return sum(map(_resident_bytes, _family(pid)))


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return
    for child in " ".join(children).split():
        yield from _family(int(child))


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def is_flat(samples: Sequence[Sample]) -> bool:
    """Whether the second half needed at most 10 % or 32 MiB more than the first."""
    half = samples[-1].done / 2
    first = max((sample.resident_bytes for sample in samples if sample.done <= half), default=0)
    second = max(sample.resident_bytes for sample in samples if sample.done > half)
    return second <= max(1.1 * first, first + 32 * MIB)


def report(run: Watched, consume: Watched, arguments: argparse.Namespace, wall_s: float) -> str:
    """The sizes after each quarter of the work."""
    size = f"{arguments.users:,} users, {arguments.days} days, {arguments.processes} processes"
    pipeline = f"{arguments.to or 'files'} into {arguments.into or 'SQLite'}"
    lines = [
        f"{consume.samples[-1].done:,} events in {wall_s:.0f} s: {size}, {pipeline}",
        "",
        "| resident MiB after | 1/8 | 1/4 | 1/2 | 3/4 | all | largest |",
        "|---|---|---|---|---|---|---|",
        row("`run`, all processes", run.samples),
        row("`consume`", consume.samples),
        "",
        f"`consume` is {'flat' if is_flat(consume.samples) else 'NOT FLAT'}",
    ]
    return "\n".join(lines)


def row(name: str, samples: Sequence[Sample]) -> str:
    """One line of the table."""
    total = samples[-1].done
    sizes = [
        next(sample.resident_bytes for sample in samples if sample.done >= share * total)
        for share in (0.125, 0.25, 0.5, 0.75, 1.0)
    ]
    return (
        f"| {name} | "
        + " | ".join(f"{size / MIB:.0f}" for size in [*sizes, max(s.resident_bytes for s in samples)])
        + " |"
    )


if __name__ == "__main__":
    sys.exit(main())
