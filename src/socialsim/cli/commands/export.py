"""``socialsim export``: writes a run's rows to files."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socialsim.bootstrap.warehouse import reading
from socialsim.cli.days import parse_days
from socialsim.cli.options import WAREHOUSE_URL_DEFAULT, Session
from socialsim.cli.output import show, table
from socialsim.cli.run_directories import find_run_directories
from socialsim.cli.stop import StopRequest
from socialsim.errors import InputError
from socialsim.events import PLURALS
from socialsim.export import FORMATS, ExportManifest, ExportPeriod, choose_tables, export_run
from socialsim.report.rows import find_run

if TYPE_CHECKING:
    from socialsim.export.manifest import FormatName, TableEntry

logger = logging.getLogger(__name__)


def export(
    context: typer.Context,
    *,
    from_: Annotated[
        str,
        typer.Option(
            "--from", "--into", envvar="SOCIALSIM_INTO", help="warehouse: sqlite:PATH or mysql://USER@HOST[:PORT]/DB"
        ),
    ] = WAREHOUSE_URL_DEFAULT,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="required if there are several runs")
    ] = None,
    tables: Annotated[
        str | None,
        typer.Option(
            "--tables", envvar="SOCIALSIM_EXPORT_TABLES", help="comma-separated, such as users,pictures; default: all"
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", envvar="SOCIALSIM_EXPORT_SINCE", help="first UTC day, YYYY-MM-DD")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", envvar="SOCIALSIM_EXPORT_UNTIL", help="last UTC day, inclusive")
    ] = None,
    format_name: Annotated[
        str, typer.Option("--format", envvar="SOCIALSIM_EXPORT_FORMAT", help="parquet (extra export) or csv")
    ] = "parquet",
    to: Annotated[
        Path, typer.Option("--to", envvar="SOCIALSIM_EXPORT_TO", help="output directory, created if missing")
    ] = Path("socialsim-export"),
    force: Annotated[bool, typer.Option("--force", help="replace an earlier export")] = False,
) -> None:
    """Write a run's rows as Parquet or CSV from one snapshot, with a manifest."""
    session: Session = context.obj
    chosen, span, kind = choose_tables(tables), ExportPeriod(*parse_days(since, until)), _format(format_name)
    with StopRequest() as stop, reading(from_, session.settings) as connection:
        run = find_run(connection, run_id)
        if run is None:
            raise InputError(f"{from_} holds no run; run: socialsim consume --into {from_}")
        manifest = export_run(
            connection,
            run_id=run.run_id,
            run_key=run.key,
            tables=chosen,
            span=span,
            format_name=kind,
            path=to,
            replace=force,
            on_table=_log_table,
            is_stopping=stop.is_set,
        )
        session.exit_code = 0 if manifest is not None else stop.exit_code
    if manifest is not None and tables is None and since is None and until is None:
        rows = sum(entry.rows for entry in manifest.tables if entry.table in PLURALS.values())
        find_run_directories(None, None, from_, session.settings).warn_if_partial(run.run_id, rows, from_)
    show(f"stopped; {to} is unchanged" if manifest is None else _as_text(manifest, to))


def _format(text: str) -> "FormatName":

    for name in FORMATS:
        if name == text:
            return name
    raise InputError(f"--format is {text!r}, allowed are {' and '.join(FORMATS)}")


def _log_table(entry: "TableEntry") -> None:
    logger.info("%s: %d rows", entry.table, entry.rows)


def _as_text(manifest: "ExportManifest", to: Path) -> str:
    rows = [(entry.table, entry.rows, entry.bytes, str(to / entry.file)) for entry in manifest.tables]
    total = ("total", sum(row[1] for row in rows), sum(row[2] for row in rows), str(to / "export.json"))
    return f"run  {manifest.run_id}\n\n" + table(("table", "rows", "bytes", "file"), [*rows, total])
