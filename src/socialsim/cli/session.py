"""What the commands share: settings, and how they were asked to speak."""

import sys
from dataclasses import dataclass, field
from typing import Annotated, Final

import typer

from socialsim.settings import Settings

LOG_URL_DEFAULT: Final = "file:./socialsim-data/events"
WAREHOUSE_URL_DEFAULT: Final = "sqlite:///./socialsim-data/socialsim.sqlite"

ToOption = Annotated[
    str,
    typer.Option("--to", envvar="SOCIALSIM_TO", help="event log: file:DIRECTORY or kafka://HOST:PORT[,HOST:PORT]"),
]
FromOption = Annotated[
    str,
    typer.Option("--from", envvar="SOCIALSIM_FROM", help="event log: file:DIRECTORY or kafka://HOST:PORT[,HOST:PORT]"),
]
IntoOption = Annotated[
    str,
    typer.Option("--into", envvar="SOCIALSIM_INTO", help="warehouse: sqlite:///PATH or mysql://USER@HOST[:PORT]/DB"),
]
RunIdOption = Annotated[
    str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="default: derived from the scenario")
]


@dataclass(slots=True)
class Session:
    """One call of the command line. ``exit_code`` is what it ends with if nothing goes wrong."""

    settings: Settings
    quiet: bool = False
    json_logs: bool = False
    exit_code: int = field(default=0)

    @property
    def on_terminal(self) -> bool:
        """Whether to draw progress instead of logging it."""
        return sys.stderr.isatty() and not self.quiet and not self.json_logs
