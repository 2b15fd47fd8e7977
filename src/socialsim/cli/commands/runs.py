"""``socialsim runs``: lists the known runs."""

import typer

from socialsim.bootstrap.adapters import count_stored_rows
from socialsim.cli.json_output import show_json
from socialsim.cli.options import WAREHOUSE_URL_DEFAULT, IntoOption, JsonOption, RunsDirOption, Session
from socialsim.cli.output import show, table
from socialsim.cli.run_directories import find_run_directories
from socialsim.runs.summary import RunSummary, summarize_runs
from socialsim.warehouse.urls import SqliteTarget, parse_warehouse_url


def runs(
    context: typer.Context,
    *,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    runs_dir: RunsDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs with their state, events, rows and last verification."""
    session: Session = context.obj
    run_directories = find_run_directories(runs_dir, None, into, session.settings)
    directories = [run_directories.directory(run_id) for run_id in run_directories.runs()]
    target = parse_warehouse_url(into)
    # nothing was consumed yet
    is_new = isinstance(target, SqliteTarget) and not target.path.exists()
    summaries = summarize_runs(directories, None if is_new else count_stored_rows(into, session.settings))
    if as_json:
        show_json(summaries)
    elif summaries:
        headers = ("run", "state", "users", "days", "seed", "events", "rows", "last verification")
        show(table(headers, [_row(each) for each in summaries]))
    else:
        show(f"no runs: neither in {run_directories} nor in {target}")


def _row(run: "RunSummary") -> tuple[str, ...]:
    numbers = (run.users, run.days, run.seed, run.events, run.rows)
    sealed = "" if run.sealed or run.state != "complete" else ", not sealed"
    return run.run_id, run.state + sealed, *("-" if each is None else f"{each:,}" for each in numbers), _last(run)


def _last(run: "RunSummary") -> str:
    last = run.verification
    if last is None:
        return "never"
    return f"{'ok' if last.ok else 'BROKEN: ' + ', '.join(last.broken)}, {last.checked_at:%Y-%m-%d %H:%M}"
