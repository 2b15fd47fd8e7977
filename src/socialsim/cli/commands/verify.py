"""``socialsim verify``: reconciles the stored rows with the run's manifests."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from socialsim.bootstrap.warehouse import reading
from socialsim.cli.json_output import show_json
from socialsim.cli.log_ends import read_log_ends
from socialsim.cli.options import WAREHOUSE_URL_DEFAULT, IntoOption, JsonOption, RunsDirOption, Session
from socialsim.cli.output import show, table
from socialsim.cli.run_directories import find_run_directories
from socialsim.errors import NOT_YET, LogFullError
from socialsim.runs.catalog import choose_known_run
from socialsim.runs.directory import Verification
from socialsim.verification.result import CheckResult, VerificationReport
from socialsim.verification.verify import read_manifests, verify_run
from socialsim.warehouse.urls import parse_warehouse_url

logger = logging.getLogger(__name__)


def verify(
    context: typer.Context,
    *,
    from_: Annotated[
        str | None,
        typer.Option("--from", envvar="SOCIALSIM_FROM", help="event log, to check that it was consumed to its end"),
    ] = None,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="required if there are several runs")
    ] = None,
    runs_dir: RunsDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reconcile the stored rows with the run's manifests, its log and the rules of the network.

    Exits with 0 only if every check passes, with 75 while the run is being simulated."""
    session: Session = context.obj
    directories = find_run_directories(runs_dir, from_, into, session.settings)
    with reading(into, session.settings) as connection:
        chosen = choose_known_run(connection, directories.runs(), run_id)
        directory = directories.directory(chosen)
        directories.warn_if_missing(chosen)
        record = directory.read_record()
        # before the manifests are read: a run that ends now is judged next time
        is_growing = directory.is_led()
        scenario = None if record is None else record.scenario
        # Read after the snapshot of the rows: no stored offset can be beyond this end.
        log = None if from_ is None else read_log_ends(from_, session.settings, chosen)
        report = verify_run(connection, read_manifests(directory, scenario), scenario, log)
    target = str(parse_warehouse_url(into))
    verification = Verification(
        run_id=chosen,
        warehouse=target,
        checked_at=datetime.now(UTC).replace(microsecond=0),
        ok=report.ok,
        broken=tuple(check.name for check in report.checks if check.state == "broken"),
    )
    session.exit_code = 0 if report.ok else NOT_YET if is_growing else 1
    if record is not None:
        try:
            directory.write_verification(verification)
        except LogFullError as error:  # verifying needs no write permission: the verdict is valid
            logger.warning("%s; socialsim runs will not show this verification", error)
    if as_json:
        head = {"warehouse": verification.warehouse, "checked_at": verification.checked_at}
        show_json(msgspec.to_builtins(head) | msgspec.to_builtins(report))
    else:
        show(as_text(report, target, directory.path))
    if session.exit_code == NOT_YET:
        logger.warning("run %s is being simulated: it can be verified when it has ended", chosen)


def as_text(report: VerificationReport, warehouse: str, directory: Path) -> str:
    """The report for people: event counts, checks, and the first violations."""
    numbers = [
        (each.manifest, each.stored, each.dead_letters, each.manifest - each.stored - each.dead_letters)
        for each in report.accounts
    ]
    totals = tuple(map(sum, zip(*numbers, strict=True)))
    rows = [(each.event, *row) for each, row in zip(report.accounts, numbers, strict=True)]
    broken = [check for check in report.checks if check.state == "broken"]
    left_out = [check.name for check in report.checks if check.state == "not checked"]
    verdict = f"NOT verified: {', '.join(check.name for check in broken)}" if broken else "verified"
    if left_out:
        verdict += f" (not checked: {', '.join(left_out)})"
    return "\n".join(
        [
            f"run        {report.run_id} ({directory})",
            f"warehouse  {warehouse}",
            "",
            table(("event", "manifest", "stored", "dead letters", "difference"), [*rows, ("total", *totals)]),
            "",
            table(("check", "result", "what it proves"), [_row(check) for check in report.checks]),
            "",
            *(line for check in broken for line in _violations(check)),
            verdict,
        ]
    )


def _row(check: CheckResult) -> tuple[str, str, str]:
    state = check.state.upper() if check.state == "broken" else check.state
    return check.name, state, f"{check.proves}; {check.note}" if check.state == "not checked" else check.proves


def _violations(check: CheckResult) -> list[str]:
    more = ["  ... and more"] if check.more else []
    return [f"{check.name}:", *(f"  {each}" for each in check.breaks), *more, ""]
