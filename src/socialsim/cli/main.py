"""Parses arguments, runs commands, and reports every error in one line with an exit code."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from socialsim._version import __version__
from socialsim.cli.lazy import lazy_group
from socialsim.cli.logs import complain, configure_logs, log_uncaught_errors, wants_json
from socialsim.cli.options import Session
from socialsim.cli.output import show
from socialsim.cli.streams import prepare_streams, silence_stdout
from socialsim.errors import InputError, SocialsimError
from socialsim.platform_errors import explain_platform
from socialsim.settings import is_spelled, load_settings

_EVERYWHERE: Final = ("--quiet", "--json-logs")
_BROKEN_PIPE_CODE: Final = 141  # what a shell reports for a program killed by SIGPIPE

#: Command names with the first line of their help, in the order of ``--help``.
COMMANDS: Final = {
    "run": "Simulate a social network and write its events to the event log.",
    "scenario": "List presets and show the parameters of a scenario.",
    "consume": "Store the log's events in the warehouse, each exactly once.",
    "migrate": "Create the warehouse's tables or upgrade them.",
    "topics": "Create, alter or describe the Kafka topics of the event log.",
    "digest": "Print the SHA-256 of a run's events in canonical order; equal for equal runs in any log.",
    "schema": "Print the JSON Schema of an event, or list the events.",
    "validate": "Compare a run with published figures of real social networks.",
    "verify": "Reconcile the stored rows with the run's manifests, its log and the rules of the network.",
    "dead-letters": "List, show or replay records that could not become rows.",
    "runs": "List the runs with their state, events, rows and last verification.",
    "kpi": "Compute the KPIs of closed days and store them.",
    "report": "Write a run's KPIs to one HTML file that works offline.",
    "dashboard": "Serve a run's KPIs and the state of its ingestion as a live page.",
    "export": "Write a run's rows as Parquet or CSV from one snapshot, with a manifest.",
}

app = typer.Typer(
    name="socialsim",
    cls=lazy_group(COMMANDS),
    help="A deterministic simulated social network whose every event lands in Kafka and MySQL, or in files and SQLite.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        show(f"socialsim {__version__}")
        raise typer.Exit


@app.callback()
def _session(
    context: typer.Context,
    *,
    json_logs: Annotated[
        bool, typer.Option("--json-logs", envvar="SOCIALSIM_JSON_LOGS", help="log lines as JSON objects")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", envvar="SOCIALSIM_QUIET", help="log errors only")] = False,
    show_version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    session: Session = context.obj
    session.quiet = quiet
    session.json_logs = json_logs
    configure_logs(as_json=json_logs, quiet=quiet, debug=_is_debugging())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0, 1, 2 (input), 3 (service), 75 (not yet), 130 or 143 (signals).
    """
    if arguments is None:  # called as a program, not from a test
        prepare_streams()
        log_uncaught_errors()
    given = sys.argv[1:] if arguments is None else arguments
    as_json = wants_json(given, os.environ)
    try:
        check_encoding(given)
        settings = load_settings(os.environ, Path(".env"))
        as_json = wants_json(given, os.environ)  # .env may set it
        session = Session(settings)
        code = app(args=_hoisted(given), prog_name="socialsim", obj=session, standalone_mode=False)
        return code if isinstance(code, int) else session.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        silence_stdout()  # the reader of our output has closed it
        return _BROKEN_PIPE_CODE
    except Exception as error:  # noqa: BLE001 - every error is reported in one line
        text, exit_code = explain(error)
        is_ours = isinstance(error, typer.TyperException)
        shown = error if _is_debugging() and not is_ours else None
        complain(" ".join(text.split()), as_json=as_json, exit_code=exit_code, error=shown)
        return exit_code


def explain(error: Exception) -> tuple[str, int]:
    """One sentence for ``error`` and the exit code. Only unforeseen errors are called a bug."""
    if isinstance(error, typer.TyperException):
        return f"{error.format_message()} (socialsim --help lists what is allowed)", error.exit_code
    known = error if isinstance(error, SocialsimError) else explain_platform(error)
    if known is not None:
        return str(known), known.exit_code
    hint = "" if _is_debugging() else "; this is a bug: SOCIALSIM_DEBUG=1 shows the traceback to report"
    return f"unexpected {type(error).__name__}: {error}{hint}", 1


def _is_debugging() -> bool:
    return os.environ.get("SOCIALSIM_DEBUG") == "1"


def check_encoding(arguments: Sequence[str]) -> None:
    """Raise InputError for an argument that is not UTF-8, which a run's record cannot store."""
    for number, argument in enumerate(arguments, start=1):
        if not is_spelled(argument):
            raise InputError(f"argument {number} is {os.fsencode(argument)!r}, which is not UTF-8")


def _hoisted(arguments: Sequence[str]) -> list[str]:
    """``arguments`` with the global options first, so that they may also follow the command."""
    shared = [argument for argument in arguments if argument in _EVERYWHERE]
    return shared + [argument for argument in arguments if argument not in _EVERYWHERE]
