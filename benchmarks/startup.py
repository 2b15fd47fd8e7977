"""The cost of starting: CPU time of short commands as multiples of ``python -c pass``.

CPU time changes little on a busy machine, unlike wall time. The commands run in turn for several
rounds, after one that fills the file system's caches; the median counts.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.report import conditions, print_table

PROGRAM: Final = str(Path(sys.executable).with_name("socialsim"))
#: Commands with their target: the largest multiple of the interpreter's time.
COMMANDS: Final[Mapping[str, tuple[Sequence[str], float | None]]] = {
    "python -c pass": ((sys.executable, "-c", "pass"), None),
    "python -c 'import socialsim'": ((sys.executable, "-c", "import socialsim"), None),
    "socialsim --version": ((PROGRAM, "--version"), 3.0),
    "socialsim --help": ((PROGRAM, "--help"), 12.0),
    "socialsim runs": ((PROGRAM, "runs"), 22.0),  # 65 x when first measured
}
_RUN: Final = ("run", "--users", "20", "--days", "1", "--shards", "2", "--run-id", "startup")
ROUNDS_MIN: Final = 5  #: a start is short, so one disturbance weighs heavily


def cpu_s(command: Sequence[str], folder: Path) -> float:
    """User and system time of ``command`` and its children, run in ``folder``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOCIALSIM_")}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime


def measure(folder: Path, rounds: int) -> dict[str, float]:
    """The median CPU time of each command in seconds.

    Creates a small run in ``folder`` to be listed.
    """
    for words in (_RUN, ("consume", "--drain")):
        subprocess.run([PROGRAM, *words], cwd=folder, check=True, capture_output=True)
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(max(rounds, ROUNDS_MIN) + 1):
        for name, (command, _) in COMMANDS.items():
            taken[name].append(cpu_s(command, folder))
    return {name: median(values[1:]) for name, values in taken.items()}


def rows_of(taken: Mapping[str, float]) -> list[list[str]]:
    """One row per command: time, multiple of the first, and target."""
    alone = next(iter(taken.values()))
    return [
        [
            name,
            f"{1000 * seconds:.0f} ms",
            f"{seconds / alone:.1f} x",
            "" if (aim := COMMANDS[name][1]) is None else f"{aim:.0f} x",
        ]
        for name, seconds in taken.items()
    ]


def main(*, rounds: int) -> None:
    """Measure and print."""
    print(f"# Start\n\n{conditions('typer', 'sqlalchemy', 'msgspec')}")
    with tempfile.TemporaryDirectory() as folder:
        taken = measure(Path(folder), rounds)
    print_table("CPU time, user and system", ["command", "CPU time", "of python", "at most"], rows_of(taken))


if __name__ == "__main__":
    main(rounds=ROUNDS_MIN)
