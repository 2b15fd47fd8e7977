"""Commands that are imported when they are invoked: the one mechanism that loads them.

``socialsim --help`` and shell completion need names and summaries only, and no command needs what
its neighbours need: database drivers, numpy or Kafka's client are imported at the top of the files
that use them.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

_PACKAGE: Final = "socialsim.cli.commands"


def load(name: str) -> Any:
    """Import the command ``name``: its module's function of that name, or its Typer ``app``."""
    module_name = name.replace("-", "_")
    module = import_module(f"{_PACKAGE}.{module_name}")
    app: typer.Typer | None = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        app.command(name)(getattr(module, module_name))
    command = get_command(app)
    command.name = name
    return command


def lazy_group(summaries: Mapping[str, str]) -> type[TyperGroup]:
    """A command group class with names and summaries that imports a command when it is invoked."""

    class LazyGroup(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = {name: TyperCommand(name, help=summary) for name, summary in summaries.items()}

        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            name, command, rest = super().resolve_command(ctx, args)
            return name, command if name is None else load(name), rest

    return LazyGroup
