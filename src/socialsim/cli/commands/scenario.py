"""``socialsim scenario``: shows scenarios; also the options by which commands choose one."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from socialsim.cli.json_output import show_json
from socialsim.cli.options import JsonOption
from socialsim.cli.output import show, show_data, table
from socialsim.errors import InputError
from socialsim.scenario.model import Scenario, knobs, load_scenario, make_scenario
from socialsim.scenario.presets import PRESETS

app = typer.Typer(help="List presets and show the parameters of a scenario.", no_args_is_help=True)

ScenarioOption = Annotated[
    Path | None,
    typer.Option("--scenario", envvar="SOCIALSIM_SCENARIO", help="TOML file; other options override it"),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset", envvar="SOCIALSIM_PRESET", help=f"{', '.join(PRESETS)}; the file and other options win over it"
    ),
]


@app.command("list")
def list_presets(*, as_json: JsonOption = False) -> None:
    """List the presets."""
    if as_json:
        show_json({name: {"purpose": preset.purpose} | dict(preset.knobs) for name, preset in PRESETS.items()})
    else:
        rows = [
            (name, (scenario := make_scenario(name)).users, scenario.days, preset.purpose)
            for name, preset in PRESETS.items()
        ]
        show(table(("preset", "users", "days", "for"), rows))


@app.command("show")
def show_scenario(
    *,
    users: Annotated[int | None, typer.Option("--users", help="number of users")] = None,
    days: Annotated[int | None, typer.Option("--days", help="simulated days")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="default 1")] = None,
    scenario: ScenarioOption = None,
    preset: PresetOption = None,
    toml: Annotated[bool, typer.Option("--toml", help="print as a file for --scenario")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print every knob: value, default, unit, range, meaning, and the statistic it moves."""
    resolved = choose_scenario(
        scenario, preset, users=users if users is not None or scenario or preset else 1_000, days=days, seed=seed
    )
    if as_json:
        show_data(resolved.to_json())
    elif toml:
        show_data(as_toml(resolved))
    else:
        rows = [
            (
                knob.name,
                _text(getattr(resolved, knob.name)),
                _text(knob.default),
                knob.unit,
                "" if knob.low is None else f"{knob.low:g} .. {knob.high:g}",
                knob.description,
                knob.moves,
            )
            for knob in knobs()
        ]
        show(table(("knob", "value", "default", "unit", "range", "what it is", "moves"), rows))


def as_toml(scenario: Scenario) -> str:
    """The scenario as a TOML file for ``--scenario`` with comments."""
    lines = []
    for knob in knobs():
        value = getattr(scenario, knob.name)
        lines.append(f"{knob.name} = {json.dumps(value)}  # {knob.description}{f' ({knob.unit})' if knob.unit else ''}")
    return "\n".join(lines)


def choose_scenario(path: Path | None, preset: str | None, **given: int | str | None) -> Scenario:
    """The scenario of preset, file and options; the later override.

    Raises InputError with option or position.
    """
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if path is not None:
        return load_scenario(path, preset, **fields)
    if "users" not in fields and preset is None:
        raise InputError(
            "--users is missing: how many people sign up, such as --users 10000 (or --preset NAME, --scenario FILE.toml)"
        )
    try:
        return make_scenario(preset, **fields)
    except InputError as error:
        field, separator, rest = str(error).removeprefix("scenario: ").partition(": ")
        raise InputError(
            f"--{field} is {fields[field]}: {rest}" if separator and field in fields else str(error)
        ) from error


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
