import gc
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from socialsim.cli.main import main
from tests.support.own_logs import own_logs
from tests.support.patience import HANG_S, eventually

Cli = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
DEADLINE_S = HANG_S
COMMAND = [sys.executable, "-c", "import sys; from socialsim.cli.main import main; sys.exit(main())"]


def clean_environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SOCIALSIM_")}
    return kept | variables


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs the command line in a directory of its own, with no setting but those given."""

    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=clean_environment(**variables),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    return call


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """As ``cli``, in this process: for many calls, of which each would spend a second on its
    imports.
    """

    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err), own_logs():
            for name in os.environ.keys() - clean_environment().keys():
                patch.delenv(name)
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            with warnings.catch_warnings():
                # A command that is refused ends its loop before the socket of its half-made
                # connection is closed.
                warnings.simplefilter("ignore", ResourceWarning)
                code = main(arguments)
                gc.collect()
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], object]) -> None:
    eventually(condition, "what the test waits for")


def has_written(directory: Path) -> bool:
    return any(path.stat().st_size for path in directory.glob("socialsim-data/events/*/*/*.ndjson"))
