"""``socialsim kpi --check``: compares the stored KPIs with the ground truth."""

from pathlib import Path

from socialsim.bootstrap.warehouse import reading
from socialsim.cli.json_output import show_json
from socialsim.cli.options import Session
from socialsim.cli.output import show
from socialsim.cli.run_directories import find_run_directories
from socialsim.errors import InputError
from socialsim.kpi import read_cohorts, read_daily
from socialsim.kpi.check import as_text, check_kpis, require_truth
from socialsim.runs.catalog import choose_known_run, stored_runs


def check_stored(
    session: Session, *, into: str, run_id: str | None, runs_dir: Path | None, as_json: bool = False
) -> None:
    """Compare the stored KPIs with ``kpis.json`` and show the first differences.

    The exit code is 0 only if there are none.
    Raises InputError if the run, its ground truth or its KPIs are missing, ServiceUnavailableError.
    """

    directories = find_run_directories(runs_dir, None, into, session.settings)
    with reading(into, session.settings) as connection:
        chosen = choose_known_run(connection, directories.runs(), run_id)
        truth = require_truth(directories.require(chosen))
        run_key = stored_runs(connection).get(chosen)
        daily = [] if run_key is None else read_daily(connection, run_key)
        cohorts = [] if run_key is None else read_cohorts(connection, run_key)
    if not daily:
        raise InputError(f"no KPIs of run {chosen} are stored in {into}: socialsim kpi --into {into} computes them")
    comparison = check_kpis(
        truth,
        {(row.day, row.metric, row.dimension, row.dimension_value): (row.numerator, row.denominator) for row in daily},
        {(row.cohort_week, row.week_number): (row.users, row.active) for row in cohorts},
    )
    session.exit_code = 0 if comparison.ok else 1
    if as_json:
        show_json({"ok": comparison.ok, **comparison._asdict(), "first": [each._asdict() for each in comparison.first]})
    else:
        show(as_text(comparison))
