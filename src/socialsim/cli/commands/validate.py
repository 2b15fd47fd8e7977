"""``socialsim validate``: compares a run with published figures of real networks."""

import asyncio
import logging
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from socialsim.bootstrap.log import open_reader
from socialsim.bootstrap.run import LeadOptions, lead_run, run_simulation
from socialsim.bootstrap.warehouse import reading
from socialsim.cli.commands.run import parse_processes
from socialsim.cli.files import check_writable, write_whole
from socialsim.cli.json_output import show_json
from socialsim.cli.options import LOG_URL_DEFAULT, JsonOption, RunsDirOption, Session
from socialsim.cli.output import show, table
from socialsim.cli.run_directories import RunDirectories, find_run_directories
from socialsim.cli.stop import StopRequest
from socialsim.errors import InputError
from socialsim.installation import how_to_add
from socialsim.scenario.model import Scenario, load_scenario, preset_of
from socialsim.settings import Settings
from socialsim.transport.urls import parse_log_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from socialsim.realism.events import RunEvents
    from socialsim.realism.outcome import Measurement
    from socialsim.realism.validation import Subject, Validation
    from socialsim.realism.view import AnalysisView

# ruff: noqa: PLC0415 - numpy and scipy are an extra that no other command needs

logger = logging.getLogger(__name__)

_NEEDED: Final = ("numpy", "scipy")
_LOG_SCHEMES: Final = ("file:", "kafka:")
_SEEDS_MAX: Final = 100
_DRAIN_S: Final = 10.0


def validate(
    context: typer.Context,
    *,
    from_: Annotated[
        str | None, typer.Option("--from", envvar="SOCIALSIM_FROM", help="event log to read; excludes --into")
    ] = None,
    into: Annotated[
        str | None, typer.Option("--into", envvar="SOCIALSIM_INTO", help="warehouse to read instead of the event log")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", envvar="SOCIALSIM_RUN_ID", help="required if there are several runs")
    ] = None,
    runs_dir: RunsDirOption = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", envvar="SOCIALSIM_BASELINE", help="log or warehouse of a run to show beside it"),
    ] = None,
    baseline_run_id: Annotated[
        str | None, typer.Option("--baseline-run-id", help="required if it holds several runs")
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="the run's preset, for statistics of one preset only: mature, app")
    ] = None,
    seeds: Annotated[
        int,
        typer.Option("--seeds", min=0, max=_SEEDS_MAX, help="number of further seeds to simulate"),
    ] = 0,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", help="TOML file, for --seeds if the run's directory is not here")
    ] = None,
    processes: Annotated[str, typer.Option("--processes", help="for --seeds: auto or a number")] = "auto",
    only: Annotated[str | None, typer.Option("--only", metavar="ID,...", help="only these statistics")] = None,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="write the result with charts to one HTML file")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a run with published figures of real social networks.

    Exits with 0 only if no band fails."""
    _require_extra()
    from socialsim.realism.judge import judge
    from socialsim.realism.measure import measure
    from socialsim.realism.validation import make_validation
    from socialsim.realism.view import AnalysisView

    session: Session = context.obj
    chosen = _statistic_ids(only)
    library = None
    if page is not None:
        from socialsim.report.plotly_js import load_plotly_js

        library = load_plotly_js()  # before the work: it may raise
        check_writable(page, "--page")
    source = _source(context, from_, into)
    directories = _run_directories(runs_dir, source, session.settings)
    run = _read(source, session.settings, run_id, directories)
    directories.warn_if_partial(run.run_id, run.total, source)
    known = _scenario_of(directories, run.run_id)
    view = AnalysisView(run)
    measured = measure(view, chosen)
    other = other_view = other_subject = None
    if baseline is not None:
        other_view = AnalysisView(
            _read(baseline, session.settings, baseline_run_id, _run_directories(None, baseline, session.settings))
        )
        other, other_subject = measure(other_view, chosen), _subject(other_view, baseline, None)
    repeated: list[tuple[Subject, dict[str, Measurement]]] = []
    if seeds:
        base = load_scenario(scenario) if scenario is not None else known
        if base is None:
            raise InputError(
                f"--seeds needs the run's scenario, which is not in {directories}: give it with --scenario FILE"
            )
        repeated = list(_simulated(base, seeds, processes, lambda each: measure(AnalysisView(each), chosen)))
    named = preset or (preset_of(known) if known is not None else None)
    validation = make_validation(
        _subject(view, source, known),
        judge(measured, other, [each for _, each in repeated], named),
        preset=named,
        baseline=other_subject,
        seeds=[each for each, _ in repeated],
    )
    if page is not None and library is not None:
        from socialsim.realism.charts import make_charts
        from socialsim.realism.page import render

        write_whole(page, render(validation, make_charts(view, other_view), library).encode(), "--page")
    session.exit_code = 0 if validation.ok else 1
    if as_json:
        show_json({"ok": validation.ok} | msgspec.to_builtins(validation))
    else:
        show(_as_text(validation, page))


def _require_extra() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f"validate needs {' and '.join(missing)}; run: {how_to_add('validate')}")


def _statistic_ids(only: str | None) -> list[str]:
    """The ids of ``--only``. Raises InputError naming unknown ones."""
    from socialsim.realism.bands import BY_ID

    chosen = [] if only is None else [each.strip() for each in only.split(",") if each.strip()]
    unknown = [each for each in chosen if each not in BY_ID]
    if unknown or (only is not None and not chosen):
        raise InputError(f"--only is {only!r}: there is no {', '.join(unknown)}; there are {', '.join(BY_ID)}")
    return chosen


def _source(context: typer.Context, from_: str | None, into: str | None) -> str:
    """The source to read: the one on the command line, else the log.

    Raises InputError if both are given.
    """
    given = {name for name in ("from_", "into") if _is_given(context, name)}
    if len(given) == 2:
        raise InputError("--from and --into cannot be given together: a run is read from one of them")
    if into is not None and (given == {"into"} or from_ is None):
        return into
    return from_ or LOG_URL_DEFAULT


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _run_directories(given: Path | None, source: str, settings: Settings) -> RunDirectories:
    is_log = source.startswith(_LOG_SCHEMES)
    return find_run_directories(given, source if is_log else None, None if is_log else source, settings)


def _read(url: str, settings: Settings, run_id: str | None, directories: RunDirectories) -> "RunEvents":
    from socialsim.realism.reading import read_log, read_warehouse

    def span_us(chosen: str) -> tuple[int, int] | None:
        scenario = _scenario_of(directories, chosen)
        return None if scenario is None else (scenario.start_us, scenario.end_us)

    if url.startswith(_LOG_SCHEMES):
        log = parse_log_url(url, "--from")
        return asyncio.run(read_log(open_reader(log, settings, group=None, run_id=run_id), run_id, span_us))
    with reading(url, settings) as connection:
        return read_warehouse(connection, run_id, span_us)


def _scenario_of(directories: RunDirectories, run_id: str) -> Scenario | None:
    record = directories.directory(run_id).read_record()
    return None if record is None else record.scenario


def _simulated(
    scenario: Scenario, seeds: int, processes: str, measured: "Callable[[RunEvents], dict[str, Measurement]]"
) -> "Iterator[tuple[Subject, dict[str, Measurement]]]":
    """Simulate ``scenario`` with other seeds into temporary files and measure them."""
    from socialsim.realism.view import AnalysisView

    count = parse_processes(processes, scenario)
    for index in range(1, seeds + 1):
        other = msgspec.structs.replace(scenario, seed=(scenario.seed + index) % 2**63)
        logger.info("simulating seed %d (%d of %d)", other.seed, index, seeds)
        with tempfile.TemporaryDirectory(prefix="socialsim-validate-") as directory:
            url = f"file:{directory}/events"
            settings = Settings({"SOCIALSIM_RUNS": f"{directory}/runs"})
            log = parse_log_url(url, "--seeds")
            options = LeadOptions(now_us=time.time_ns() // 1000)
            with StopRequest() as stop, lead_run(log, settings, other.run_id, other, options) as led:
                run_simulation(
                    other,
                    other.run_id,
                    led,
                    processes=count,
                    pacer=None,
                    on_progress=lambda _: None,
                    stop=stop,
                    drain_timeout_s=_DRAIN_S,
                )
                if stop.is_set():
                    raise typer.Exit(stop.exit_code)
                led.complete()
            run = _read(url, settings, other.run_id, RunDirectories((Path(directory) / "runs",)))
        yield _subject(AnalysisView(run), "simulated for this", other), measured(run)


def _subject(view: "AnalysisView", source: str, scenario: Scenario | None) -> "Subject":
    from socialsim.realism.validation import Subject

    run = view.run
    return Subject(
        run_id=run.run_id,
        source=source,
        events=run.total,
        users=view.users,
        days=round(run.days, 3),
        unreadable=run.unreadable,
        seed=None if scenario is None else scenario.seed,
    )


def _as_text(validation: "Validation", page: Path | None) -> str:
    from socialsim.realism import text

    baseline = validation.baseline
    return "\n".join(
        [
            text.subject("run", validation.run),
            *([] if baseline is None else [text.subject("baseline", baseline)]),
            "",
            table(text.headers(validation), list(text.rows(validation))),
            "",
            *text.notes(validation),
            "",
            *([] if baseline is None else [text.baseline_line(validation)]),
            *text.seed_lines(validation),
            text.verdict_line(validation),
            *([] if page is None else [f"page       {page}"]),
        ]
    )
