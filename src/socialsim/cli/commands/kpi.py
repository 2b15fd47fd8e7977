"""``socialsim kpi``: KPIs of closed days."""

import functools
import logging
import signal
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from sqlalchemy import Engine, false, update

from socialsim.bootstrap.warehouse import computing
from socialsim.cli.commands.kpi_check import check_stored
from socialsim.cli.days import parse_day, parse_days
from socialsim.cli.json_output import show_json
from socialsim.cli.options import (
    METRICS_HOST_DEFAULT,
    WAREHOUSE_URL_DEFAULT,
    IntoOption,
    JsonOption,
    MetricsHostOption,
    MetricsPortOption,
    RunsDirOption,
    Session,
)
from socialsim.cli.output import show, show_data, table
from socialsim.cli.run_directories import find_run_directories
from socialsim.cli.serving import serving
from socialsim.cli.stop import StopRequest
from socialsim.errors import InputError
from socialsim.kpi import (
    CONNECTIONS,
    DayRange,
    StoredExtent,
    read_daily,
    read_scalars,
)
from socialsim.kpi.follow import Computed, KpiService
from socialsim.monitoring import KpiTelemetry
from socialsim.warehouse.engines import translated
from socialsim.warehouse.schema.tables import kpi_days

if TYPE_CHECKING:
    from socialsim.warehouse.urls import WarehouseTarget

logger = logging.getLogger(__name__)

_STOP_POLL_S: Final = 0.1  #: longest delay until a stop request is noticed
_DAYS_SHOWN: Final = 31

#: Columns of the printed tables: heading and metric.
_TABLES: Final[tuple[dict[str, str], ...]] = (
    {
        "dau": "dau", "wau": "wau", "mau": "mau", "stickiness": "stickiness", "sign-ups": "signups",
        "d1": "retention_d1", "d7": "retention_d7", "d30": "retention_d30", "activation": "activation_7d",
    },
    {
        "new": "growth_new", "retained": "growth_retained", "resurrected": "growth_resurrected",
        "churned": "growth_churned", "quick ratio": "quick_ratio", "friends/user": "friends_per_user",
        "accepted": "acceptance_7d", "median s": "acceptance_latency_median_s", "p90 s": "acceptance_latency_p90_s",
    },
    {
        "engagement/post": "engagement_per_post", "engagement/active": "engagement_per_active_user",
        "sessions/active": "sessions_per_active_user", "s/active": "time_per_active_user_s",
        "top 10's share": "top_creators_share", "viral": "viral_posts",
    },
)  # fmt: skip
_COUNTS: Final = frozenset(
    {
        "dau",
        "wau",
        "mau",
        "signups",
        "growth_new",
        "growth_retained",
        "growth_resurrected",
        "growth_churned",
        "viral_posts",
    }
)


def kpi(
    context: typer.Context,
    *,
    day: Annotated[str | None, typer.Option("--date", envvar="SOCIALSIM_KPI_DATE", help="recompute this day")] = None,
    since: Annotated[
        str | None, typer.Option("--since", envvar="SOCIALSIM_KPI_SINCE", help="recompute from this day, YYYY-MM-DD")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", envvar="SOCIALSIM_KPI_UNTIL", help="recompute up to this day, inclusive")
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", envvar="SOCIALSIM_KPI_FOLLOW", help="keep computing days as they are closed"),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="compare stored KPIs with the ground truth, compute nothing")
    ] = False,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="required if there are several runs")
    ] = None,
    runs_dir: RunsDirOption = None,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            envvar="SOCIALSIM_KPI_COMPLETE",
            help="treat the run as stored completely, so its last day is closed; not needed where its manifests are",
        ),
    ] = False,
    as_json: JsonOption = False,
    metrics_port: MetricsPortOption = 0,
    metrics_host: MetricsHostOption = METRICS_HOST_DEFAULT,
) -> None:
    """Compute the KPIs of closed days and store them."""
    session: Session = context.obj
    day_range = DayRange(*_range(day, since, until))
    if follow and not day_range.is_open:
        raise InputError("--follow computes every day: --date, --since and --until cannot be given with it")
    if check:
        if follow or not day_range.is_open:
            raise InputError(
                "--check compares every day: --date, --since, --until and --follow cannot be given with it"
            )
        check_stored(session, into=into, run_id=run_id, runs_dir=runs_dir, as_json=as_json)
        return
    directories = find_run_directories(runs_dir, None, into, session.settings)
    view = KpiTelemetry() if follow else None
    with (
        serving(view if metrics_port else None, metrics_port, metrics_host),
        computing(into, session.settings, connections=CONNECTIONS) as (engine, target),
        StopRequest() as stop,
    ):
        _require_writable(engine, target)
        service = KpiService(
            engine,
            str(target),
            directories.directory,
            complete=complete,
            translated=functools.partial(translated, target),
            stopped=stop.is_set,
            wait=functools.partial(_wait, stop.is_set),
        )
        if view is not None:
            service.follow(run_id, view, functools.partial(_show_day, engine, as_json=as_json))
        else:
            _show_computed(engine, target, service.once(run_id, day_range), day_range, as_json=as_json)
    # SIGTERM is the regular end of a service.
    ended_by_sigterm = follow and stop.exit_code == 128 + signal.SIGTERM
    session.exit_code = 0 if ended_by_sigterm else stop.exit_code


def _show_day(engine: Engine, run_id: str, run_key: int, day: date, *, as_json: bool) -> None:
    with engine.connect() as connection:
        scalars = read_scalars(connection, run_key, since=day, until=day)[day]
    if as_json:
        show_data(msgspec.json.encode({"run_id": run_id, "day": day, **scalars}))
    else:
        show(f"{run_id}  {day}  " + "  ".join(f"{name} {scalars[name]:,.0f}" for name in ("dau", "mau", "signups")))


def _show_computed(
    engine: Engine, target: "WarehouseTarget", computed: Computed, day_range: DayRange, *, as_json: bool
) -> None:
    with translated(target), engine.connect() as connection:
        if as_json:
            since = day_range.since or (None if day_range.is_open else computed.extent.first_day)
            rows = read_daily(connection, computed.run_key, since=since, until=day_range.until)
            daily = [row._asdict() for row in rows]
            show_json({"run_id": computed.run_id, "computed": computed.days, "kpi_daily": daily})
            return
        scalars = read_scalars(connection, computed.run_key, since=day_range.since, until=day_range.until)
    shown = dict(list(scalars.items())[-_DAYS_SHOWN:]) if day_range.is_open else scalars
    show(_as_text(computed.run_id, str(target), computed.extent, computed.days, shown))


def _wait(stopped: Callable[[], bool], for_s: float) -> None:
    """Sleep ``for_s``, or less if a stop is requested."""
    end_s = time.monotonic() + for_s
    while not stopped() and time.monotonic() < end_s:
        time.sleep(_STOP_POLL_S)


def _require_writable(engine: "Engine", target: "WarehouseTarget") -> None:
    """Raise early if the server is read-only or the user may not write."""

    with translated(target), engine.connect() as connection:
        connection.execute(update(kpi_days).where(false()).values(dirty=kpi_days.c.dirty))
        connection.rollback()


def _range(day: str | None, since: str | None, until: str | None) -> tuple[date | None, date | None]:
    if day is not None and (since is not None or until is not None):
        raise InputError("--date cannot be given with --since and --until")
    if day is not None:
        return (parse_day(day, "--date"),) * 2
    return parse_days(since, until)


def _as_text(
    run_id: str, warehouse: str, stream: "StoredExtent", days: list[date], scalars: Mapping[date, Mapping[str, float]]
) -> str:
    spans = f"{days[0]} to {days[-1]}" if days else "every closed day has its KPIs"
    lines = [
        f"run        {run_id}",
        f"warehouse  {warehouse}",
        f"stream     {stream.first_day} to {stream.last:%Y-%m-%d %H:%M}{', complete' if stream.complete else ''}",
        f"computed   {len(days)} days: {spans}" if days else f"computed   none: {spans}",
    ]
    if not scalars:
        lines[-1] = "computed   none: no day is closed yet"
    for columns in _TABLES if scalars else ():
        rows = [[str(day), *(_cell(values, metric) for metric in columns.values())] for day, values in scalars.items()]
        lines += ["", table(("day", *columns), rows)]
    return "\n".join(lines)


def _cell(values: Mapping[str, float], metric: str) -> str:
    value = values.get(metric)
    if value is None:
        return "-"
    if metric in _COUNTS:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if metric.endswith("_s") else f"{value:.3f}"
