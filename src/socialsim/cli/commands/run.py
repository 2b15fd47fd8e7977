"""``socialsim run``: simulates a run into an event log."""

import itertools
import logging
import os
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from socialsim.bootstrap.registry import choose_values, resolve_wire_format
from socialsim.bootstrap.run import LeadOptions, begun_run, lead_run, make_pacer, run_simulation
from socialsim.cli.commands.scenario import PresetOption, ScenarioOption, choose_scenario
from socialsim.cli.options import (
    LOG_URL_DEFAULT,
    METRICS_HOST_DEFAULT,
    MetricsHostOption,
    MetricsPortOption,
    RegistryOption,
    RunIdOption,
    SchemaIdOption,
    Session,
    ToOption,
    ValueFormatOption,
)
from socialsim.cli.output import show, show_data, table
from socialsim.cli.progress import Live
from socialsim.cli.serving import serving
from socialsim.cli.stop import StopRequest
from socialsim.errors import InputError, NotDrainedError
from socialsim.events import EVENT_TYPES, RUN_ID_PATTERN, encode
from socialsim.monitoring import RunTelemetry
from socialsim.scenario.model import DAY_US, Scenario, knobs
from socialsim.simulation.iterate import simulate
from socialsim.simulation.supervisor import choose_processes
from socialsim.transport.urls import LogUrl, parse_log_url

if TYPE_CHECKING:
    from socialsim.simulation.process import Pacer, Progress

logger = logging.getLogger(__name__)

_DRY_RUN_EVENTS: Final = 20
_SPEED_MAX: Final = 1e9
_DAY_S: Final = 86_400
_LIVE_DAYS: Final = 365
#: What a resumed run keeps.
_KEPT_OPTIONS: Final = (
    *("users", "days", "seed", "start", "shards", "scenario", "preset", "backfill", "run_id"),
    *("value_format", "schema_id"),
)
DAYS_MAX: Final = int(next(knob.high for knob in knobs() if knob.name == "days" and knob.high is not None))


def run(
    context: typer.Context,
    *,
    users: Annotated[int | None, typer.Option("--users", envvar="SOCIALSIM_USERS", help="number of users")] = None,
    days: Annotated[
        int | None, typer.Option("--days", envvar="SOCIALSIM_DAYS", help="simulated days; default 7")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", envvar="SOCIALSIM_SEED", help="default 1")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start", envvar="SOCIALSIM_START", help="start of simulated time, UTC; default 2026-01-01T00:00:00Z"
        ),
    ] = None,
    processes: Annotated[
        str,
        typer.Option(
            "--processes", envvar="SOCIALSIM_PROCESSES", help="auto or a number; the stream does not depend on it"
        ),
    ] = "auto",
    shards: Annotated[
        int | None, typer.Option("--shards", envvar="SOCIALSIM_SHARDS", help="logical shards; default 64")
    ] = None,
    speed: Annotated[
        str,
        typer.Option("--speed", envvar="SOCIALSIM_SPEED", help="max, or simulated seconds per real second"),
    ] = "max",
    backfill: Annotated[
        str | None,
        typer.Option("--backfill", metavar="DAYSd", help="simulate the days up to now at full speed, such as 90d"),
    ] = None,
    then_live: Annotated[
        bool,
        typer.Option("--then-live", help="after --backfill, continue in real time; --days limits it, default a year"),
    ] = False,
    to: ToOption = LOG_URL_DEFAULT,
    run_id: RunIdOption = None,
    scenario: ScenarioOption = None,
    preset: PresetOption = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN_ID", help="resume a stopped or killed run"),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="with --resume: simulate a complete run again whose records Kafka has lost"),
    ] = False,
    registry: RegistryOption = None,
    value_format: ValueFormatOption = None,
    schema_id: SchemaIdOption = None,
    topic_check: Annotated[
        bool,
        typer.Option(
            "--topic-check/--no-topic-check",
            envvar="SOCIALSIM_TOPIC_CHECK",
            help="refuse topics whose settings would lose records; else warn",
        ),
    ] = True,
    drain_timeout_s: Annotated[
        float,
        typer.Option(
            "--drain-timeout-s",
            envvar="SOCIALSIM_DRAIN_TIMEOUT_S",
            min=0,
            max=86_400,
            help="after Ctrl-C or SIGTERM, wait this long for a log that does not answer",
        ),
    ] = 10.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the first events, write nothing")] = False,
    metrics_port: MetricsPortOption = 0,
    metrics_host: MetricsHostOption = METRICS_HOST_DEFAULT,
) -> None:
    """Simulate a social network and write its events to the event log."""
    session: Session = context.obj
    log = parse_log_url(to, "--to")
    if resume is not None:
        check_resume(context)
        chosen, log, values = begun_run(log, session.settings, resume)
        if registry is not None and values.registry is not None:
            values = msgspec.structs.replace(values, registry=registry)  # it may have moved
        name = resume
    else:
        past_days = parse_backfill(backfill)
        if past_days is not None:
            check_backfill(context, then_live=then_live)
            start, days = backfill_span(past_days, time.time(), days if then_live else past_days)
        values = choose_values(log, registry, value_format, schema_id)
        chosen = choose_scenario(scenario, preset, users=users, days=days, seed=seed, start=start, shards=shards)
        if past_days is not None:
            chosen = chosen.grown_by(past_days)
        name = run_id or chosen.run_id
    if not re.fullmatch(RUN_ID_PATTERN, name):
        raise InputError(f"--run-id is {name!r}, allowed are 1 to 32 letters, digits, _ and -, a letter or digit first")
    processes_count = parse_processes(processes, chosen)
    pace = parse_speed(speed)
    if then_live and pace is not None:
        raise InputError("--speed cannot be given with --then-live, which runs in real time")
    if dry_run:
        for event in itertools.islice(simulate(chosen, name), _DRY_RUN_EVENTS):
            show_data(encode(event))
        return
    view = RunTelemetry(name, chosen.start_us, 1.0 if then_live else pace) if metrics_port else None
    with serving(view, metrics_port, metrics_host):
        _simulate(
            session,
            chosen,
            run_id=name,
            processes=processes_count,
            pacer=make_pacer(chosen, pace, then_live=then_live),
            log=log,
            options=LeadOptions(
                now_us=time.time_ns() // 1000,
                again=again,
                live=then_live,
                check_topics=topic_check,
                values=values,
                wire=resolve_wire_format(log, session.settings, values),
            ),
            drain_timeout_s=drain_timeout_s,
            view=view,
        )


def _simulate(
    session: Session,
    scenario: Scenario,
    *,
    run_id: str,
    processes: int,
    pacer: "Pacer | None",
    log: LogUrl,
    options: LeadOptions,
    drain_timeout_s: float,
    view: "RunTelemetry | None",
) -> None:
    with lead_run(log, session.settings, run_id, scenario, options) as led:
        if led.state == "unfinished":
            logger.info("run %s exists: resuming it", run_id)
        if led.state == "complete":
            show(f"run {run_id} is complete in {log}: nothing to do\nnext       {_next_command(log, options)}")
            return
        began_s = time.monotonic()

        def show_progress(progress: "Progress") -> None:
            if view is not None:
                view.update(progress)
            events = progress.events
            days = (progress.simulated_us - scenario.start_us) / DAY_US
            per_s = events / max(1e-9, time.monotonic() - began_s)
            live.update(
                f"day {days:.1f} of {scenario.days}, {events:,} events, {per_s:,.0f} events/s",
                simulated_days=round(days, 3),
                events=events,
                events_per_s=round(per_s),
            )

        with StopRequest() as stop, Live(on_terminal=session.on_terminal) as live:
            result = run_simulation(
                scenario,
                run_id,
                led,
                processes=processes,
                pacer=pacer,
                on_progress=show_progress,
                stop=stop,
                drain_timeout_s=drain_timeout_s,
                on_restart=lambda: None if view is None else view.note_restart(),
            )
        wall_s = time.monotonic() - began_s
        if not result.stopped:
            led.complete()
    if result.unwritten:
        raise NotDrainedError(
            f"stopped, but {log} did not accept all events within {drain_timeout_s:g} s: {result.unwritten:,} events "
            f"of run {run_id} are not written; they are not lost, to write them run: "
            f"socialsim run --resume {run_id} --to {log}"
        )
    session.exit_code = stop.exit_code
    total = sum(result.events.values())
    rows = [(name, result.events.get(name, 0)) for name in EVENT_TYPES]
    show(
        "\n".join(
            [
                table(("event", "events"), [*rows, ("total", total)]),
                f"run        {run_id}" + (", stopped before its end" if result.stopped else ""),
                f"events/s   {total / wall_s:,.0f} ({result.processes} processes, {wall_s:.1f} s)",
                f"event log  {log}",
                f"next       {_next_command(log, options)}",
            ]
        )
    )


def _next_command(log: LogUrl, options: LeadOptions) -> str:
    registry = f" --registry {options.values.registry}" if options.wire.schemas else ""
    return f"socialsim consume --drain --from {log}{registry}"


def check_resume(context: typer.Context) -> None:
    """Raise InputError for options that would change the scenario of a resumed run."""
    for name in _KEPT_OPTIONS:
        source = context.get_parameter_source(name)
        # the environment sets them for new runs
        if source is not None and source.name == "COMMANDLINE":
            raise InputError(f"--{name.replace('_', '-')} cannot be given with --resume: the run keeps its own")


def parse_backfill(text: str | None) -> int | None:
    """The days of ``90d``. Raises InputError naming the option."""
    if text is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,3}d", text) or int(text[:-1]) > DAYS_MAX:
        raise InputError(f"--backfill is {text!r}, allowed are whole days such as 90d, 1d to {DAYS_MAX}d")
    return int(text[:-1])


def check_backfill(context: typer.Context, *, then_live: bool) -> None:
    """Raise InputError for options that contradict --backfill, whose days end now."""
    for name in ("start",) if then_live else ("start", "days"):
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise InputError(f"--{name} cannot be given with --backfill, which sets when the run begins and ends")


def backfill_span(past_days: int, now_s: float, days: int | None) -> tuple[str, int]:
    """Start and days of a run whose first ``past_days`` end at ``now_s``, seconds since the epoch.

    Raises InputError if the run would end before now.
    """
    if days is not None and days < past_days:
        raise InputError(f"--days is {days}: with --backfill {past_days}d the run must last at least as long")
    if days is None and past_days >= DAYS_MAX:
        raise InputError(
            f"--backfill is {past_days}d: with --then-live at most {DAYS_MAX - 1}d, a run has {DAYS_MAX} days"
        )
    start = datetime.fromtimestamp(int(now_s) - past_days * _DAY_S, UTC)
    return start.strftime("%Y-%m-%dT%H:%M:%SZ"), min(past_days + _LIVE_DAYS, DAYS_MAX) if days is None else days


def parse_processes(text: str, scenario: Scenario) -> int:
    """The number of processes; ``auto`` depends on the population and the usable cores."""
    if text == "auto":
        return choose_processes(scenario.users, usable_cores())
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= scenario.shards:
        raise InputError(
            f"--processes is {text!r}, allowed are auto and 1 to {scenario.shards} (the scenario's shards)"
        )
    return int(text)


def usable_cores() -> int:
    """Number of cores this process may use; all cores on systems without affinity (macOS)."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def parse_speed(text: str) -> float | None:
    """Simulated seconds per real second; None for ``max``, which is unlimited."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= _SPEED_MAX:
        raise InputError(f"--speed is {text!r}, allowed are max and a number above 0, such as 3600")
    return speed
