"""The warehouse, the log's ends and the runs' directories as the commands that only read them need them.

The database's packages are imported where they are used: the other commands start sooner without them.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socialsim import bootstrap
from socialsim.cli.session import LOG_URL_DEFAULT
from socialsim.settings import Settings
from socialsim.transport.base import TopicPartition

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from socialsim.analytics.offsets import LogEnds

# ruff: noqa: PLC0415 - see the module's text

RunsDirOption = Annotated[
    Path | None,
    typer.Option(
        "--runs-dir",
        envvar="SOCIALSIM_RUNS",
        help="where run keeps its books; default: runs beside the files of --from, else ./socialsim-data/runs",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


def runs_root(given: Path | None, log_url: str | None, settings: Settings) -> Path:
    """The directory ``given``, or where ``run`` keeps the books of the log at ``log_url`` (None: the default log)."""
    return given or bootstrap.runs_root(bootstrap.parse_log(log_url or LOG_URL_DEFAULT, "--from"), settings)


@contextmanager
def reading(url: str, settings: Settings) -> Iterator["Connection"]:
    """A connection to the warehouse that cannot write, whose statements see one moment.

    Raises InputError, SchemaOutdatedError, ServiceUnavailableError.
    """
    from socialsim.warehouse.engines import read_engine, translated
    from socialsim.warehouse.migrate import check_revision, current_revision
    from socialsim.warehouse.urls import parse_warehouse_url

    target = parse_warehouse_url(url)
    url, password = bootstrap.warehouse_access(url, settings)
    engine = read_engine(url, password)
    try:
        check_revision(current_revision(url, password), target)
        with translated(target), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def read_log_ends(url: str, settings: Settings, run_id: str) -> "LogEnds":
    """Ask the log where it ends. Raises InputError (of files: also if the run is not there), ServiceUnavailableError."""
    from socialsim.analytics.offsets import LogEnds

    reader = bootstrap.open_reader(bootstrap.parse_log(url, "--from"), settings, group=None, run_id=run_id)

    async def ask() -> "LogEnds":
        try:
            await reader.start(_from_the_beginning, _keep_going)
            ends = await reader.end_offsets()
            return LogEnds(
                reader.log_id,
                {(topic, number): end for (topic, number), end in ends.items()},
                {topic: reader.identity(topic) for topic, _ in ends},
            )
        finally:
            await reader.close()

    return asyncio.run(ask())


async def _from_the_beginning(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    return dict.fromkeys(partitions, 0)


async def _keep_going(partitions: Sequence[TopicPartition]) -> None:
    """Nothing is kept per partition that could become void."""
