"""Every command, option and variable is in the reference, and ``--help`` says of a command what it
says itself.
"""

import os
import subprocess
import sys

import pytest

from socialsim.cli.lazy import load
from socialsim.cli.main import COMMANDS
from tools.cli_reference import PATH, reference


def test_the_reference_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == reference(), "run: make docs"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_the_first_line_of_the_commands_own_help(name: str) -> None:
    assert COMMANDS[name] == load(name).help.partition("\n")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_help_text(name: str) -> None:
    command = load(name)
    for each in [command, *getattr(command, "commands", {}).values()]:
        for param in each.params:
            assert param.help, f"{name}: {param.name}"


@pytest.mark.processes
def test_the_shell_completes_commands_and_their_options() -> None:
    def completed(words: str) -> str:
        environment = {**os.environ, "_SOCIALSIM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "2"}
        if words.count(" ") == 1:
            environment["COMP_CWORD"] = "1"
        program = "import sys; from socialsim.cli.main import main; sys.exit(main())"
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    assert {"verify", "validate"} <= set(completed("socialsim v").split())
    assert "--drain" in completed("socialsim consume --d")
