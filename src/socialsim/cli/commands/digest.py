"""``socialsim digest``: whether two logs hold the same run."""

import asyncio
import logging
from typing import Annotated

import typer

from socialsim import bootstrap
from socialsim.cli.options import LOG_URL_DEFAULT, FromOption, Session
from socialsim.cli.output import show_data
from socialsim.cli.reading import find_books
from socialsim.runs.choice import choose_run
from socialsim.runs.digest import RunDigest, identify
from socialsim.transport.base import EventReader

log = logging.getLogger(__name__)

_POLL_RECORDS = 10_000
_POLL_TIMEOUT_S = 0.5


def digest(
    context: typer.Context,
    *,
    from_: FromOption = LOG_URL_DEFAULT,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="needed if the log holds several runs")
    ] = None,
) -> None:
    """Print the SHA-256 of a run's events in canonical order: equal for equal runs, whatever log holds them."""
    session: Session = context.obj
    source = bootstrap.parse_log(from_, "--from")
    reader = bootstrap.open_reader(source, session.settings, group=None, run_id=run_id)
    result = asyncio.run(read_digest(reader, run_id))
    digest_text = result.hexdigest()
    find_books(None, from_, None, session.settings).tell_partial(result.run_id, result.events, from_)
    show_data(f"{digest_text}  {result.run_id}")


async def read_digest(reader: EventReader, run_id: str | None) -> RunDigest:
    """Read everything that is in the log now and digest the run ``run_id``, or the only one.

    Raises InputError if there is no such run, or several to choose from; DigestError. Closes the reader.
    """
    runs: dict[str, RunDigest] = {}
    unknown = 0
    try:
        await reader.start(bootstrap.from_the_beginning, bootstrap.pass_over)
        left = {partition: end for partition, end in (await reader.end_offsets()).items() if end > 0}
        while left:
            for part in await reader.poll(_POLL_RECORDS, _POLL_TIMEOUT_S):
                end = left.get(part.partition, 0)
                for value in part.values[: max(0, end - part.first_offset)]:
                    event = identify(value)
                    if event is None:
                        unknown += 1
                    elif run_id is None or event.run_id == run_id:
                        run = runs.setdefault(event.run_id, RunDigest(event.run_id))
                        if len(runs) == 1:  # with several there is nothing to tell but their names
                            run.add(event.shard, event.seq, value)
                if part.first_offset + len(part.values) >= end:
                    left.pop(part.partition, None)
    finally:
        await reader.close()
    if unknown:
        log.warning("%d records are no events and were passed over", unknown)
    return runs[choose_run(run_id, list(runs), "the log")]
