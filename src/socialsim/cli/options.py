"""What the commands share: common options, the settings, and the output mode."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
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
    typer.Option("--into", envvar="SOCIALSIM_INTO", help="warehouse: sqlite:PATH or mysql://USER@HOST[:PORT]/DB"),
]
RunIdOption = Annotated[
    str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="default: derived from the scenario")
]


MetricsPortOption = Annotated[
    int,
    typer.Option(
        "--metrics-port",
        envvar="SOCIALSIM_METRICS_PORT",
        min=0,
        max=65_535,
        help="serve /metrics, /healthz and /readyz; 0 is off",
    ),
]
MetricsHostOption = Annotated[
    str, typer.Option("--metrics-host", envvar="SOCIALSIM_METRICS_HOST", help="address to serve them on")
]
METRICS_HOST_DEFAULT: Final = "127.0.0.1"


RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry",
        envvar="SOCIALSIM_REGISTRY",
        metavar="URL",
        help="schema registry: http[s]://HOST[:PORT][/PATH]; without it, values are plain JSON",
    ),
]
ValueFormatOption = Annotated[
    str | None,
    typer.Option(
        "--value-format",
        envvar="SOCIALSIM_VALUE_FORMAT",
        metavar="FORMAT",
        help="json, json-registry or avro: format of values in Kafka; default json-registry with --registry, else json",
    ),
]
SchemaFormatOption = Annotated[
    str | None,
    typer.Option(
        "--value-format",
        envvar="SOCIALSIM_VALUE_FORMAT",
        metavar="FORMAT",
        help="json-registry (default) or avro: format of the values that the schemas describe",
    ),
]
SchemaIdOption = Annotated[
    str | None,
    typer.Option(
        "--schema-id",
        envvar="SOCIALSIM_SCHEMA_ID",
        metavar="PLACE",
        help="prefix (default): id in 5 bytes before each value; header: GUID in a header, value unchanged",
    ),
]
RunsDirOption = Annotated[
    Path | None,
    typer.Option(
        "--runs-dir",
        envvar="SOCIALSIM_RUNS",
        help="directory of runs; default: runs beside the event files or the warehouse, or ./socialsim-data/runs",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@dataclass(slots=True)
class Session:
    """One call of the command line. ``exit_code`` applies if no error is raised."""

    settings: Settings
    quiet: bool = False
    json_logs: bool = False
    exit_code: int = field(default=0)

    @property
    def on_terminal(self) -> bool:
        """Whether to draw progress instead of logging it."""
        return sys.stderr.isatty() and not self.quiet and not self.json_logs
