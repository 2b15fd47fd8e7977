import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]
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
            timeout=120,
            check=False,
        )

    return call
