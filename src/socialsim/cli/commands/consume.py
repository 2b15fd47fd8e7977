"""``socialsim consume``: stores the event log in the warehouse."""

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated, Final

import typer

from socialsim.bootstrap.log import SESSION_TIMEOUT_S, check_group, open_reader
from socialsim.bootstrap.migration import open_warehouse
from socialsim.bootstrap.registry import SCHEMA_WAIT_S, open_value_reader
from socialsim.bootstrap.warehouse import example_query_command, is_new_warehouse
from socialsim.cli.options import (
    LOG_URL_DEFAULT,
    METRICS_HOST_DEFAULT,
    WAREHOUSE_URL_DEFAULT,
    FromOption,
    IntoOption,
    MetricsHostOption,
    MetricsPortOption,
    RegistryOption,
    Session,
)
from socialsim.cli.output import Cell, show, table
from socialsim.cli.progress import Live
from socialsim.cli.serving import serving
from socialsim.cli.stop import StopRequest
from socialsim.consumer import Consumer, ConsumerSettings, ConsumerStats
from socialsim.errors import InputError
from socialsim.events import EVENT_TYPES
from socialsim.formats import ValueReader
from socialsim.monitoring import ConsumerTelemetry
from socialsim.transport.base import EventReader
from socialsim.transport.urls import parse_log_url
from socialsim.warehouse.base import Warehouse

logger = logging.getLogger(__name__)

_DEFAULTS: Final = ConsumerSettings()
#: A drain waits this much longer than a group waits for a killed member.
_DRAIN_MORE_S: Final = _DEFAULTS.drain_wait_s - SESSION_TIMEOUT_S
_PROBE_TIMEOUT_S: Final = 15.0


def consume(
    context: typer.Context,
    *,
    from_: FromOption = LOG_URL_DEFAULT,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    drain: Annotated[
        bool,
        typer.Option(
            "--drain", envvar="SOCIALSIM_DRAIN", help="stop when the whole log is stored; default: follow the log"
        ),
    ] = False,
    batch_rows: Annotated[
        int,
        typer.Option("--batch-rows", envvar="SOCIALSIM_BATCH_ROWS", min=1, max=1_000_000, help="rows per transaction"),
    ] = _DEFAULTS.batch_rows,
    group: Annotated[
        str, typer.Option("--group", envvar="SOCIALSIM_GROUP", help="consumers of one group share the partitions")
    ] = _DEFAULTS.group,
    stall_timeout_s: Annotated[
        float,
        typer.Option(
            "--stall-timeout-s",
            envvar="SOCIALSIM_STALL_TIMEOUT_S",
            min=1,
            max=86_400,
            help="exit with an error after this time without progress while records wait",
        ),
    ] = _DEFAULTS.stuck_after_s,
    session_timeout_s: Annotated[
        float,
        typer.Option(
            "--session-timeout-s",
            envvar="SOCIALSIM_SESSION_TIMEOUT_S",
            min=1,
            max=1800,
            help="after this silence Kafka reassigns a consumer's partitions; brokers allow 6 s or more",
        ),
    ] = SESSION_TIMEOUT_S,
    drain_wait_s: Annotated[
        float | None,
        typer.Option(
            "--drain-wait-s",
            envvar="SOCIALSIM_DRAIN_WAIT_S",
            min=1,
            max=86_400,
            help="with --drain: exit with 75 after this time without progress in partitions that others hold; "
            f"default: --session-timeout-s plus {_DRAIN_MORE_S:g} s",
        ),
    ] = None,
    restart_replaced: Annotated[
        bool,
        typer.Option("--restart-replaced", help="read recreated topics and rewritten runs from their start"),
    ] = False,
    registry: RegistryOption = None,
    schema_wait_s: Annotated[
        float,
        typer.Option(
            "--schema-wait-s",
            envvar="SOCIALSIM_SCHEMA_WAIT_S",
            min=0,
            max=3600,
            help="with --registry: a record whose schema is unknown waits this long, then becomes a dead letter",
        ),
    ] = SCHEMA_WAIT_S,
    metrics_port: MetricsPortOption = 0,
    metrics_host: MetricsHostOption = METRICS_HOST_DEFAULT,
) -> None:
    """Store the log's events in the warehouse, each exactly once."""
    session: Session = context.obj
    source = parse_log_url(from_, "--from")
    if drain_wait_s is not None and drain_wait_s <= session_timeout_s:
        raise InputError(
            f"--drain-wait-s is {drain_wait_s:g}, it must be more than --session-timeout-s, {session_timeout_s:g}: the "
            "partitions of a killed consumer are reassigned only then"
        )
    settings = ConsumerSettings(
        group=check_group(group),
        drain=drain,
        batch_rows=batch_rows,
        stuck_after_s=stall_timeout_s,
        drain_wait_s=session_timeout_s + _DRAIN_MORE_S if drain_wait_s is None else drain_wait_s,
        restart_replaced=restart_replaced,
    )
    reader = open_reader(source, session.settings, group=group, run_id=None, session_timeout_s=session_timeout_s)
    if is_new_warehouse(into, session.settings):
        asyncio.run(reader.probe(_PROBE_TIMEOUT_S))  # create no file if the log is unavailable
    decoder = open_value_reader(registry, session.settings, source, wait_s=schema_wait_s)
    warehouse = open_warehouse(into, session.settings)
    view = ConsumerTelemetry() if metrics_port else None
    with (
        serving(view, metrics_port, metrics_host),
        StopRequest() as stop,
        Live(on_terminal=session.on_terminal) as live,
    ):

        def progress(stats: ConsumerStats) -> None:
            _show_progress(live, stats)
            if view is not None:
                view.update(stats)

        stats = asyncio.run(_consume(reader, warehouse, settings, stop, progress, decoder=decoder))
    session.exit_code = stop.exit_code
    if decoder.lacking_registry:
        logger.warning(
            "%d records name a schema of a registry and became dead letters; to store them, run: "
            "socialsim dead-letters replay --all --into %s --registry URL",
            decoder.lacking_registry,
            into,
        )
    show(_report(stats, into))


def _show_progress(live: Live, stats: ConsumerStats) -> None:
    lag = "unknown" if stats.lag is None else f"{stats.lag:,}"
    others = f", {stats.elsewhere:,} with other consumers" if stats.elsewhere else ""
    live.update(
        f"{stats.rows:,} rows, {stats.rows_per_s:,.0f} rows/s, lag {lag}{others}",
        rows=stats.rows,
        rows_per_s=round(stats.rows_per_s),
        lag=stats.lag,
        lag_elsewhere=stats.elsewhere,
        dead_letters=stats.dead_letters,
        retries=stats.retries,
    )


async def _consume(
    reader: EventReader,
    warehouse: Warehouse,
    settings: ConsumerSettings,
    stop: StopRequest,
    progress: Callable[[ConsumerStats], None],
    *,
    decoder: ValueReader,
) -> ConsumerStats:
    consumer = Consumer(reader, warehouse, settings, progress, decoder)
    loop = asyncio.get_running_loop()

    def wake_and_stop() -> None:
        loop.call_soon_threadsafe(consumer.stop)

    stop.notify(wake_and_stop)
    try:
        await warehouse.open()
        return await consumer.run()
    finally:
        await decoder.close()
        await reader.close()
        await warehouse.close()


def _report(stats: ConsumerStats, into: str) -> str:
    columns = {"inserted": stats.inserted, "duplicates": stats.duplicates}
    if any(stats.recovered.values()):
        columns["confirmed"] = stats.recovered  # stored, although the commit's answer was lost
    rows: list[list[Cell]] = [[name, *(kind.get(name, 0) for kind in columns.values())] for name in EVENT_TYPES]
    rows.append(["total", *(sum(kind.values()) for kind in columns.values())])
    conflicts = f", {stats.identity_conflicts:,} of them identity conflicts" if stats.identity_conflicts else ""
    return "\n".join(
        [
            table(["event", *columns], rows),
            f"dead letters  {stats.dead_letters:,}{conflicts}",
            f"rows/s        {stats.rows_per_s:,.0f}",
            f"warehouse     {into}",
            f"next          {example_query_command(into)}",
        ]
    )
