"""``socialsim digest``: shows whether two logs hold the same run."""

import asyncio
import logging
from typing import Annotated

import typer

from socialsim.bootstrap.registry import open_plain_reader
from socialsim.cli.options import LOG_URL_DEFAULT, FromOption, RegistryOption, Session
from socialsim.cli.output import show_data
from socialsim.cli.run_directories import find_run_directories
from socialsim.runs.choice import choose_run
from socialsim.runs.digest import RunDigest, identify
from socialsim.transport.base import EventReader, Fetched
from socialsim.transport.replay import read_to_end
from socialsim.transport.urls import parse_log_url

log = logging.getLogger(__name__)


def digest(
    context: typer.Context,
    *,
    from_: FromOption = LOG_URL_DEFAULT,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="required if the log holds several runs")
    ] = None,
    registry: RegistryOption = None,
) -> None:
    """Print the SHA-256 of a run's events in canonical order; equal for equal runs in any log."""
    session: Session = context.obj
    source = parse_log_url(from_, "--from")
    reader = open_plain_reader(source, session.settings, run_id=run_id, registry=registry)
    result = asyncio.run(read_digest(reader, run_id))
    digest_text = result.hexdigest()
    find_run_directories(None, from_, None, session.settings).warn_if_partial(result.run_id, result.events, from_)
    show_data(f"{digest_text}  {result.run_id}")


async def read_digest(reader: EventReader, run_id: str | None) -> RunDigest:
    """Read the log to its present end and digest the run ``run_id``, or the only one.

    Raises InputError if there is no such run, or there are several; DigestError. Closes the reader.
    """
    runs: dict[str, RunDigest] = {}
    unknown = lacking_registry = 0

    def take(part: Fetched) -> None:
        nonlocal unknown, lacking_registry
        for value in part.values:
            event = identify(value)
            if event is None and value[:1] == b"\0":
                lacking_registry += 1
            elif event is None:
                unknown += 1
            elif run_id is None or event.run_id == run_id:
                run = runs.setdefault(event.run_id, RunDigest(event.run_id))
                if len(runs) == 1:  # with several runs only their ids are needed
                    run.add(event.shard, event.seq, value)

    await read_to_end(reader, take)
    if lacking_registry:
        log.warning("%d records name a schema of a registry: give its address with --registry", lacking_registry)
    if unknown:
        log.warning("%d records are no events and were skipped", unknown)
    return runs[choose_run(run_id, list(runs), "the log")]
