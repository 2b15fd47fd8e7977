"""``make demo``: the two commands of the README into ``./socialsim-data``, with no service.

The directory is socialsim's default, so it may hold somebody's own runs. It is emptied only if the demo made it and it
still holds nothing else.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_MARK = ".made-by-demo"
_RUN_ID = "demo"


def _prepare(data: Path) -> None:
    if data.exists():
        runs = {path.name for path in (data / "events").glob("*/")}
        if not (data / _MARK).exists() or runs - {_RUN_ID}:
            sys.exit(f"{data} holds data that the demo did not make; move it away or remove it, then try again")
        shutil.rmtree(data)
    data.mkdir(parents=True)
    (data / _MARK).touch()


def main() -> None:
    """Simulate, consume, say where to look next. The addresses are explicit: ``.env`` may lead to Kafka."""
    data = Path(sys.argv[1])
    _prepare(data)
    socialsim = str(Path(sys.executable).with_name("socialsim"))
    events = f"file:./{data}/events"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SOCIALSIM_")}
    commands = (
        ["run", "--users", "10000", "--run-id", _RUN_ID, "--to", events],
        ["consume", "--drain", "--from", events, "--into", f"sqlite:///./{data}/socialsim.sqlite"],
    )
    for command in commands:
        print(f"$ socialsim {' '.join(command)}", flush=True)
        done = subprocess.run([socialsim, *command], env=environment, check=False)
        if done.returncode != 0:
            sys.exit(done.returncode)
    print(f"\nevents  {data}/events (for jq, DuckDB, Spark)\nrows    {data}/socialsim.sqlite (for any SQLite client)")
    print("next    socialsim --help, or make up for a local Kafka and MySQL")


main()
