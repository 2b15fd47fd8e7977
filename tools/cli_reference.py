"""``python -m tools.cli_reference``: writes docs/reference/cli.md; a test compares it."""

from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from socialsim.cli.lazy import load
from socialsim.cli.main import COMMANDS, app

PATH: Final = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
_HEAD: Final = """# Command line

Generated from the commands by `make docs`. `socialsim COMMAND --help` prints the same.

An option that names a variable can be set by it, in the environment or in `.env`; the command line
wins over the environment, the environment over `.env`.
"""


def reference() -> str:
    """The complete page."""
    root = get_command(app)
    parts = [_HEAD, "## Options before or after any command\n", _table(root.params)]
    for name in COMMANDS:
        parts += list(_command(name, load(name)))
    return "\n".join(parts).rstrip() + "\n"


def _command(name: str, command: Any) -> list[str]:
    subcommands: dict[str, Any] = getattr(command, "commands", {})
    text = [f"## socialsim {name}\n", f"{(command.help or '').strip()}\n"]
    if subcommands:
        for sub, each in subcommands.items():
            text += [f"### socialsim {name} {sub}\n", f"{(each.help or '').strip()}\n", _table(each.params)]
        return text
    return [*text, _table(command.params)]


def _table(params: list[Any]) -> str:
    rows = [_row(param) for param in params if not getattr(param, "hidden", False) and param.name != "help"]
    if not rows:
        return "No options.\n"
    return "\n".join(["| option | variable | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        names = f"`{(param.metavar or param.name).upper()}`"
    else:
        names = ", ".join(f"`{each}`" for each in [*param.opts, *param.secondary_opts])
    variable = f"`{param.envvar}`" if param.envvar else ""
    default = "" if param.default in (None, False, (), []) or callable(param.default) else f"`{param.default}`"
    return f"| {names} | {variable} | {default} | {_cell(param.help or '')} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(reference(), encoding="utf-8")
