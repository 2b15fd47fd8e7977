import subprocess
from pathlib import Path

import pytest

from benchmarks import startup


def test_ratios_are_of_the_interpreter_alone() -> None:
    taken = dict(zip(startup.COMMANDS, (0.010, 0.050, 0.025, 0.120, 0.300), strict=True))
    assert startup.rows_of(taken) == [
        ["python -c pass", "10 ms", "1.0 x", ""],
        ["python -c 'import socialsim'", "50 ms", "5.0 x", ""],
        ["socialsim --version", "25 ms", "2.5 x", "3 x"],
        ["socialsim --help", "120 ms", "12.0 x", "12 x"],
        ["socialsim runs", "300 ms", "30.0 x", "22 x"],
    ]


def test_cpu_time_is_that_of_the_command_and_a_failure_is_none(tmp_path: Path) -> None:
    assert startup.cpu_s(["true"], tmp_path) < startup.cpu_s([startup.PROGRAM, "--version"], tmp_path)
    with pytest.raises(subprocess.CalledProcessError):
        startup.cpu_s(["false"], tmp_path)
