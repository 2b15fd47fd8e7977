"""``socialsim dashboard``: serves a run's KPIs and its ingestion as a live page."""

import functools
import os
from pathlib import Path
from typing import Annotated

import typer

from socialsim.bootstrap.warehouse import reading
from socialsim.cli.log_ends import read_log_ends
from socialsim.cli.options import LOG_URL_DEFAULT, WAREHOUSE_URL_DEFAULT, IntoOption, Session
from socialsim.cli.output import show
from socialsim.cli.stop import StopRequest
from socialsim.monitoring.http import WebServer
from socialsim.report.dashboard import check_access, responder
from socialsim.report.plotly_js import load_plotly_js
from socialsim.report.poller import AskLog, SnapshotPoller
from socialsim.report.rows import find_run
from socialsim.settings import Settings
from socialsim.transport.urls import FileUrl, parse_log_url


def dashboard(
    context: typer.Context,
    *,
    from_: Annotated[
        str | None, typer.Option("--from", envvar="SOCIALSIM_FROM", help="event log whose lag is shown")
    ] = None,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="required if there are several runs")
    ] = None,
    port: Annotated[
        int,
        typer.Option("--port", envvar="SOCIALSIM_DASHBOARD_PORT", min=0, max=65_535, help="0 picks a free port"),
    ] = 8050,
    host: Annotated[
        str,
        typer.Option(
            "--host", envvar="SOCIALSIM_DASHBOARD_HOST", help="beyond loopback only with SOCIALSIM_DASHBOARD_TOKEN"
        ),
    ] = "127.0.0.1",
) -> None:
    """Serve a run's KPIs and the state of its ingestion as a live page."""
    session: Session = context.obj
    secret = session.settings.secret("DASHBOARD_TOKEN")
    token = None if secret is None else secret.reveal()
    check_access(host, token)
    library = load_plotly_js()
    connect = functools.partial(reading, into, session.settings)
    with connect() as connection:
        find_run(connection, run_id)  # report errors before the page is served
    # A pipe, not a lock: the signal handler may run while the main thread holds the lock.
    wake_reader, wake_writer = os.pipe()

    def wake() -> None:
        os.write(wake_writer, b".")

    with (
        StopRequest(wake) as stop,
        SnapshotPoller(connect, run_id, _log_ends_reader(from_, into, session.settings)) as poller,
    ):
        with WebServer(responder(lambda: poller.snapshot, library, token), port, host, option="--port") as server:
            show(f"dashboard at http://{server.address}/ (Ctrl-C ends it)")
            os.read(wake_reader, 1)
        session.exit_code = stop.exit_code


def _log_ends_reader(from_: str | None, into: str, settings: Settings) -> "AskLog | None":
    """By default the log beside the default warehouse, if it exists."""
    if from_ is None:
        log = parse_log_url(LOG_URL_DEFAULT, "--from")
        beside = into == WAREHOUSE_URL_DEFAULT and isinstance(log, FileUrl) and Path(log.path).is_dir()
        if not beside:
            return None
    url = from_ or LOG_URL_DEFAULT
    parse_log_url(url, "--from")
    return functools.partial(read_log_ends, url, settings)
