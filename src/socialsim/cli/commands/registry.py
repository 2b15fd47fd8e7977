"""``socialsim registry``: registers and compares the schemas of the log's topics."""

from typing import Annotated

import typer

from socialsim.bootstrap.registry import check_value_format, inspect_subjects, push_subjects
from socialsim.cli.options import LOG_URL_DEFAULT, RegistryOption, SchemaFormatOption, Session
from socialsim.cli.output import Cell, show, table
from socialsim.errors import InputError
from socialsim.transport.urls import KafkaUrl, parse_log_url

app = typer.Typer(
    help="Register or compare the schemas of the log's topics in a schema registry.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_LogOption = Annotated[
    str,
    typer.Option("--to", envvar="SOCIALSIM_TO", help="event log, whose topic prefix names the subjects"),
]


@app.command("push")
def push(
    context: typer.Context,
    *,
    registry: RegistryOption = None,
    value_format: SchemaFormatOption = None,
    to: _LogOption = LOG_URL_DEFAULT,
) -> None:
    """Register the schemas of all topics; register none if the registry would refuse one."""
    session: Session = context.obj
    subjects = push_subjects(*_chosen(to, registry, value_format), session.settings)
    rows: list[list[Cell]] = [
        [each.name, str(each.registered.schema_id), "registered" if each.is_new else "was registered"]
        for each in subjects
    ]
    show(table(("subject", "schema id", "state"), rows))


@app.command("check")
def check(
    context: typer.Context,
    *,
    registry: RegistryOption = None,
    value_format: SchemaFormatOption = None,
    to: _LogOption = LOG_URL_DEFAULT,
) -> None:
    """Show whether the registry holds each schema or would accept it; exit 1 if it would not."""
    session: Session = context.obj
    checks = inspect_subjects(*_chosen(to, registry, value_format), session.settings)
    rows: list[list[Cell]] = [
        [each.name, "" if each.registered is None else str(each.registered.schema_id), each.state, each.reason]
        for each in checks
    ]
    show(table(("subject", "schema id", "state", "reason"), rows))
    if any(each.state == "incompatible" for each in checks):
        session.exit_code = 1


def _chosen(to: str, registry: str | None, value_format: str | None) -> tuple[KafkaUrl, str, str]:
    """The log, the registry and the format that the options name. Raises InputError."""
    log = parse_log_url(to, "--to")
    if not isinstance(log, KafkaUrl):
        raise InputError(f"--to is {to}: only topics in Kafka have subjects; give kafka://HOST:PORT")
    if registry is None:
        raise InputError("--registry is missing: give the URL of a schema registry, as http://127.0.0.1:8081")
    return log, registry, check_value_format(value_format)
