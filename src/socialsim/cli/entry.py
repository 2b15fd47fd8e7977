"""Entry point of ``socialsim``: answers ``--version`` at once, else loads the command line."""

import sys

from socialsim._version import __version__


def main() -> int:
    """Run the command line and return its exit code; see ``socialsim.cli.main``."""
    if sys.argv[1:] == ["--version"] and sys.stdout is not None:
        print(f"socialsim {__version__}")  # noqa: T201 - the answer
        return 0
    from socialsim.cli import main as command_line  # noqa: PLC0415 - loads typer

    return command_line.main()
