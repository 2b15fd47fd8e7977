"""``make demo``: runs the README's commands in ``./socialsim-data``, up to a report.

The directory is socialsim's default, so it may contain a user's runs. It is emptied only if the
demo created it and it contains nothing else.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

_MARK: Final = ".made-by-demo"
_RUN_ID: Final = "demo"
#: 42 days suffice for weekly retention, for a funnel whose last sign-ups are a week old, and for a
#: usual day from which a flash mob stands out. With fewer the report has blank charts.
RUN: Final = ("--preset", "demo")


def commands(data: str, run: tuple[str, ...] = RUN) -> list[list[str]]:
    """The commands in order, with explicit URLs because ``.env`` may name Kafka."""
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
            sys.exit(f"{data} contains data that the demo did not create; move it away or remove it, then try again")
        shutil.rmtree(data)
    data.mkdir(parents=True)
    (data / _MARK).touch()


def main(data: str) -> int:
    """Run the commands, then print the results' paths, with the report last."""
    _prepare(Path(data))
    socialsim = str(Path(sys.executable).with_name("socialsim"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SOCIALSIM_")}
    for command in commands(data):
        print(f"$ socialsim {' '.join(command)}", flush=True)
        # a table of every KPI of every day
        output = subprocess.DEVNULL if command[0] == "kpi" else None
        done = subprocess.run([socialsim, *command], env=environment, stdout=output, check=False)
        if done.returncode != 0:
            return done.returncode
    print(f"\nevents  {data}/events (for jq, DuckDB, Spark)\nrows    {data}/socialsim.sqlite (for any SQLite client)")
    print("next    .venv/bin/socialsim --help, or make up for a local Kafka and MySQL")
    print(f"open    {(Path(data) / 'report.html').resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
