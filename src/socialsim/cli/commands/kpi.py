"""``socialsim kpi``: key figures of closed days."""

import logging
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from socialsim import bootstrap
from socialsim.cli.commands.kpi_check import check_stored
from socialsim.cli.options import (
    METRICS_HOST_DEFAULT,
    WAREHOUSE_URL_DEFAULT,
    IntoOption,
    MetricsHostOption,
    MetricsPortOption,
    Session,
    serving,
)
from socialsim.cli.output import show, show_data, table
from socialsim.cli.reading import JsonOption, RunsDirOption, Shelves, find_books
from socialsim.cli.stop import StopRequest
from socialsim.errors import InputError, ServiceUnavailableError, TransientError
from socialsim.runs.choice import choose_run

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from socialsim.kpi import DayRange, KpiRow, StoredExtent
    from socialsim.monitoring import KpiTelemetry
    from socialsim.settings import Settings
    from socialsim.warehouse.urls import WarehouseTarget

# ruff: noqa: PLC0415 - the database's packages are imported where they are used: other commands start sooner

logger = logging.getLogger(__name__)

_POLL_S: Final = 1.0
_GLANCE_S: Final = 0.1  #: how long a request to stop may wait
_DAYS_SHOWN: Final = 31
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

#: Columns of the tables that are printed, by their headings.
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
    day: Annotated[
        str | None, typer.Option("--date", envvar="SOCIALSIM_KPI_DATE", help="compute this day anew")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", envvar="SOCIALSIM_KPI_SINCE", help="... or from this day on, YYYY-MM-DD")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", envvar="SOCIALSIM_KPI_UNTIL", help="... or to this day, that included")
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", envvar="SOCIALSIM_KPI_FOLLOW", help="compute each day as it is closed, until told"),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="compute nothing: compare what is stored with the run's true KPIs")
    ] = False,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="needed if there are several runs")
    ] = None,
    runs_dir: RunsDirOption = None,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            envvar="SOCIALSIM_KPI_COMPLETE",
            help="the run is stored to its end, so its last day is closed too; known where the run's books are",
        ),
    ] = False,
    as_json: JsonOption = False,
    metrics_port: MetricsPortOption = 0,
    metrics_host: MetricsHostOption = METRICS_HOST_DEFAULT,
) -> None:
    """Compute the key figures of closed days and store them; without a day, of those that are missing or out of date."""
    from socialsim.kpi import DayRange

    session: Session = context.obj
    wish = DayRange(*_range(day, since, until))
    if follow and not wish.is_open:
        raise InputError("--follow computes every day: --date, --since and --until do not go with it")
    if check:
        if follow or not wish.is_open:
            raise InputError("--check compares every day: --date, --since, --until and --follow do not go with it")
        check_stored(session, into=into, run_id=run_id, runs_dir=runs_dir, as_json=as_json)
        return
    books = find_books(runs_dir, None, into, session.settings)
    view = bootstrap.kpi_view() if follow else None
    with (
        serving(view if metrics_port else None, metrics_port, metrics_host),
        _writing(into, session.settings) as (engine, target),
        StopRequest() as stop,
    ):
        service = _Service(engine, target, books, stop, complete=complete)
        if view is not None:
            service.follow(run_id, view, as_json=as_json)
        else:
            (show_data if as_json else show)(service.once(run_id, wish, as_json=as_json))
    # For a service, being told to end is how it ends well.
    told_to_end = follow and stop.exit_code == 128 + signal.SIGTERM
    session.exit_code = 0 if told_to_end else stop.exit_code


class _Service:
    """Computes for one call of the command."""

    def __init__(
        self, engine: "Engine", target: "WarehouseTarget", books: Shelves, stop: StopRequest, *, complete: bool
    ) -> None:
        self._engine = engine
        self._target = target
        self._books = books
        self._stop = stop
        self._complete = complete
        self._seen: dict[str, StoredExtent] = {}  # by run, as of the last look
        self._count_at_s: dict[str, float] = {}  # by run, when it may be counted again

    def once(self, run_id: str | None, wish: "DayRange", *, as_json: bool) -> str:
        """Compute what is wished for, and tell of it."""
        from socialsim.kpi import compute, read_daily, read_scalars
        from socialsim.warehouse.engines import translated

        with translated(self._target):
            runs = self._runs()
            chosen = choose_run(run_id, list(runs), str(self._target), remedy="socialsim consume stores one")
            run_key = runs[chosen]
            stream = self._stream(chosen, run_key, is_last_look=True)
            if stream is None:
                raise InputError(f"run {chosen} has no events in {self._target}")
            days = compute(self._engine, run_key, stream, wish, stopped=self._stop.is_set)
            with self._engine.connect() as connection:
                if as_json:
                    since = wish.since or (None if wish.is_open else stream.first_day)
                    return _as_json(chosen, days, read_daily(connection, run_key, since=since, until=wish.until))
                scalars = read_scalars(connection, run_key, since=wish.since, until=wish.until)
        shown = dict(list(scalars.items())[-_DAYS_SHOWN:]) if wish.is_open else scalars
        return _as_text(chosen, str(self._target), stream, days, shown)

    def follow(self, run_id: str | None, view: "KpiTelemetry", *, as_json: bool) -> None:
        """Compute what is missing, again and again, until it is told to stop."""
        from socialsim.warehouse.engines import translated

        connected = False
        while not self._stop.is_set():
            try:
                with translated(self._target):
                    for each, run_key in self._runs().items():
                        if run_id in (None, each):
                            self._catch_up(each, run_key, view, as_json=as_json)
                connected = True
                view.looked()
            except (TransientError, ServiceUnavailableError) as error:
                if not connected:
                    raise
                logger.warning("%s; trying again", error)
                view.failed()
            for _ in range(round(_POLL_S / _GLANCE_S)):
                if not self._stop.is_set():
                    time.sleep(_GLANCE_S)

    def _catch_up(self, run_id: str, run_key: int, view: "KpiTelemetry", *, as_json: bool) -> None:
        from socialsim.kpi import DayRange, compute, read_scalars

        def stopped() -> bool:
            view.beat()
            return self._stop.is_set()

        def tell(day: date) -> None:
            view.computed()
            with self._engine.connect() as connection:
                scalars = read_scalars(connection, run_key, since=day, until=day)[day]
            if as_json:
                show_data(msgspec.json.encode({"run_id": run_id, "day": day, **scalars}))
            else:
                show(
                    f"{run_id}  {day}  "
                    + "  ".join(f"{name} {scalars[name]:,.0f}" for name in ("dau", "mau", "signups"))
                )

        stream = self._stream(run_id, run_key)
        if stream is not None:
            compute(self._engine, run_key, stream, DayRange(), on_day=tell, stopped=stopped)

    def _runs(self) -> dict[str, int]:
        from socialsim.runs.catalog import stored_runs

        with self._engine.connect() as connection:
            return stored_runs(connection)

    def _stream(self, run_id: str, run_key: int, *, is_last_look: bool = False) -> "StoredExtent | None":
        """How far the run is stored. Whether that is all of it takes counting: asked when it stands still."""
        from dataclasses import replace

        from socialsim.kpi import is_whole, read_stream

        with self._engine.connect() as connection:
            stream = read_stream(connection, run_key, complete=self._complete)
            if stream is None or stream.complete:
                return stream
            before = self._seen.get(run_id)
            if before is not None and (before.first, before.last) == (stream.first, stream.last) and before.complete:
                return before
            if is_last_look or (before == stream and time.monotonic() >= self._count_at_s.get(run_id, 0.0)):
                began_s = time.monotonic()
                stream = replace(stream, complete=is_whole(connection, run_key, self._books.directory(run_id)))
                # Rows may be missing for long, and counting many takes long: it gets a tenth of the time at most.
                self._count_at_s[run_id] = time.monotonic() + 9 * (time.monotonic() - began_s)
        self._seen[run_id] = stream
        return stream


@contextmanager
def _writing(url: str, settings: "Settings") -> Iterator[tuple["Engine", "WarehouseTarget"]]:
    """An engine for the warehouse, which has the tables that are needed."""
    from socialsim.kpi import CONNECTIONS
    from socialsim.warehouse.engines import writing_engine
    from socialsim.warehouse.schema.revision import check_revision, current_revision
    from socialsim.warehouse.urls import parse_warehouse_url

    url, password = bootstrap.warehouse_access(url, settings)
    target = parse_warehouse_url(url)
    check_revision(current_revision(url, password), target)
    engine = writing_engine(target, password, connections=CONNECTIONS)
    try:
        _require_writable(engine, target)
        yield engine, target
    finally:
        engine.dispose()


def _require_writable(engine: "Engine", target: "WarehouseTarget") -> None:
    """Raise what the first day's figures would, before they are computed: a server may be read-only, a user too."""
    from sqlalchemy import false, update

    from socialsim.warehouse.engines import translated
    from socialsim.warehouse.schema.tables import kpi_days

    with translated(target), engine.connect() as connection:
        connection.execute(update(kpi_days).where(false()).values(dirty=kpi_days.c.dirty))
        connection.rollback()


def _range(day: str | None, since: str | None, until: str | None) -> tuple[date | None, date | None]:
    if day is not None and (since is not None or until is not None):
        raise InputError("--date does not go with --since and --until")
    if day is not None:
        return (_date(day, "--date"),) * 2
    first = None if since is None else _date(since, "--since")
    last = None if until is None else _date(until, "--until")
    if first is not None and last is not None and first > last:
        raise InputError(f"--since is {first}, which is after --until {last}")
    return first, last


def _date(text: str, place: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InputError(f"{place} is {text!r}, allowed is a day as YYYY-MM-DD")


def _as_json(run_id: str, days: list[date], rows: "list[KpiRow]") -> str:
    whole = {"run_id": run_id, "computed": days, "kpi_daily": [row._asdict() for row in rows]}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()


def _as_text(
    run_id: str, warehouse: str, stream: "StoredExtent", days: list[date], scalars: Mapping[date, Mapping[str, float]]
) -> str:
    spans = f"{days[0]} to {days[-1]}" if days else "every closed day has its figures"
    lines = [
        f"run        {run_id}",
        f"warehouse  {warehouse}",
        f"stream     {stream.first_day} to {stream.last:%Y-%m-%d %H:%M}{', complete' if stream.complete else ''}",
        f"computed   {len(days)} days: {spans}" if days else f"computed   none: {spans}",
    ]
    if not scalars:
        lines[-1] = "computed   none: no day is closed yet"
    for columns in _TABLES if scalars else ():
        rows = [
            [str(day), *(_cell(figures, metric) for metric in columns.values())] for day, figures in scalars.items()
        ]
        lines += ["", table(("day", *columns), rows)]
    return "\n".join(lines)


def _cell(figures: Mapping[str, float], metric: str) -> str:
    value = figures.get(metric)
    if value is None:
        return "-"
    if metric in _COUNTS:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if metric.endswith("_s") else f"{value:.3f}"
