"""``socialsim topics``: the event log's topics."""

import asyncio
from typing import Annotated

import typer

from socialsim import bootstrap
from socialsim.cli.options import LOG_URL_DEFAULT, Session, ToOption
from socialsim.cli.output import show, table

app = typer.Typer(help="Make or describe the event log's topics.", no_args_is_help=True, rich_markup_mode=None)


@app.command("create")
def create(
    context: typer.Context,
    *,
    to: ToOption = LOG_URL_DEFAULT,
    partitions: Annotated[
        int, typer.Option("--partitions", envvar="SOCIALSIM_PARTITIONS", min=1, max=10_000, help="of each topic")
    ] = 16,
    replication: Annotated[
        int | None,
        typer.Option("--replication", envvar="SOCIALSIM_REPLICATION", min=1, help="copies; default 3, or all brokers"),
    ] = None,
) -> None:
    """Make the topics that are not there yet."""
    session: Session = context.obj
    log = bootstrap.parse_log(to, "--to")
    created = asyncio.run(
        bootstrap.create_topics(log, session.settings, partitions=partitions, replication=replication)
    )
    if created is None:
        show(f"{log} needs no topics: run makes its files")
    else:
        show(f"created {len(created)}: {', '.join(created)}" if created else "created none: all were there already")


@app.command("describe")
def describe(context: typer.Context, *, to: ToOption = LOG_URL_DEFAULT) -> None:
    """List the topics with their partitions, copies and records."""
    session: Session = context.obj
    described = asyncio.run(bootstrap.describe_topics(bootstrap.parse_log(to, "--to"), session.settings))
    show(table(("topic", "partitions", "replication", "records"), described))
