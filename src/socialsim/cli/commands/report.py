"""``socialsim report``: writes a run's KPIs to one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from socialsim.bootstrap.warehouse import reading
from socialsim.cli.files import check_writable, write_whole
from socialsim.cli.options import WAREHOUSE_URL_DEFAULT, IntoOption, Session
from socialsim.cli.output import show
from socialsim.errors import InputError
from socialsim.report.build import build_content
from socialsim.report.html import render
from socialsim.report.plotly_js import load_plotly_js
from socialsim.report.rows import find_run, read_rows


def report(
    context: typer.Context,
    *,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="required if there are several runs")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", envvar="SOCIALSIM_REPORT_OUT", help="output file, replaced if it exists")
    ] = Path("socialsim-report.html"),
) -> None:
    """Write a run's KPIs to one HTML file that works offline."""
    session: Session = context.obj
    library = load_plotly_js()
    check_writable(out, "--out")
    with reading(into, session.settings) as connection:
        run = find_run(connection, run_id)
        if run is None:
            raise InputError(f"{into} holds no run; run: socialsim consume --into {into}")
        content = build_content(read_rows(connection, run))
    page = render(content, library).encode()
    write_whole(out, page, "--out")
    days = f"{len(content.days)} days" if content.days else "no day has its KPIs yet; run: socialsim kpi"
    show(f"run     {content.run_id} ({days})\nreport  {out} ({len(page) / 1e6:.1f} MB)")
