"""``socialsim schema``: prints the JSON Schema of an event."""

from typing import Annotated

import typer

from socialsim.cli.output import show, show_data, table
from socialsim.errors import InputError
from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.events.schema import schema_text


def schema(
    event: Annotated[str | None, typer.Argument(help="event type, such as picture_like; without it, list all")] = None,
) -> None:
    """Print the JSON Schema of an event, or list the events."""
    if event is None:
        rows = [(name, PLURALS[name], (EVENT_TYPES[name].__doc__ or "").splitlines()[0]) for name in EVENT_TYPES]
        show(table(("event", "topic and table", "what happened"), rows))
    elif event in EVENT_TYPES:
        show_data(schema_text(event).rstrip("\n"))
    else:
        raise InputError(f"EVENT is {event!r}, allowed are {', '.join(EVENT_TYPES)}")
