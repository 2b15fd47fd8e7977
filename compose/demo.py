"""``make demo``: the README's commands into ``./socialsim-data``, with no service, down to a report to look at.

The directory is socialsim's default, so it may hold somebody's own runs. It is emptied only if the demo made it and it
still holds nothing else.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

_MARK: Final = ".made-by-demo"
_RUN_ID: Final = "demo"
#: Forty-two days: enough for retention by week, for the funnel's last sign-ups to be a week old, and for a usual day
#: beside which a flash mob stands out. With fewer the report has blank charts.
RUN: Final = ("--preset", "demo")


def commands(data: str, run: tuple[str, ...] = RUN) -> list[list[str]]:
    """What is typed, one after the other. The addresses are explicit: ``.env`` may lead to Kafka."""
    events, rows = f"file:./{data}/events", f"sqlite:///./{data}/socialsim.sqlite"
    return [
        ["run", *run, "--run-id", _RUN_ID, "--to", events],
        ["consume", "--drain", "--from", events, "--into", rows],
        ["kpi", "--into", rows],
        ["report", "--into", rows, "--out", f"{data}/report.html"],
    ]


def _prepare(data: Path) -> None:
    if data.exists():
        runs = {path.name for path in (data / "events").glob("*/")}
        if not (data / _MARK).exists() or runs - {_RUN_ID}:
            sys.exit(f"{data} holds data that the demo did not make; move it away or remove it, then try again")
        shutil.rmtree(data)
    data.mkdir(parents=True)
    (data / _MARK).touch()


def main(data: str) -> int:
    """Run the commands, then say where to look; the report last, since it is what people open."""
    _prepare(Path(data))
    socialsim = str(Path(sys.executable).with_name("socialsim"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SOCIALSIM_")}
    for command in commands(data):
        print(f"$ socialsim {' '.join(command)}", flush=True)
        output = subprocess.DEVNULL if command[0] == "kpi" else None  # a table of every figure of every day
        done = subprocess.run([socialsim, *command], env=environment, stdout=output, check=False)
        if done.returncode != 0:
            return done.returncode
    print(f"\nevents  {data}/events (for jq, DuckDB, Spark)\nrows    {data}/socialsim.sqlite (for any SQLite client)")
    print("next    .venv/bin/socialsim --help, or make up for a local Kafka and MySQL")
    print(f"open    {(Path(data) / 'report.html').resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
