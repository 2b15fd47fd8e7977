"""``socialsim dead-letters``: lists, shows and replays records that could not become rows."""

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from socialsim.bootstrap.registry import StoredValues
from socialsim.bootstrap.warehouse import open_dead_letters
from socialsim.cli.json_output import show_json
from socialsim.cli.options import WAREHOUSE_URL_DEFAULT, IntoOption, RegistryOption, Session
from socialsim.cli.output import show, show_bytes, table
from socialsim.errors import InputError

if TYPE_CHECKING:
    from socialsim.warehouse.dead_letters import StoredDeadLetter

app = typer.Typer(
    help="List, show or replay records that could not become rows.", no_args_is_help=True, rich_markup_mode=None
)

_LEFT_SHOWN_MAX: Final = 20
_JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    limit: Annotated[
        int, typer.Option("--limit", min=0, max=100_000, help="number of newest dead letters to show")
    ] = 10,
    as_json: _JsonOption = False,
) -> None:
    """Count dead letters by error class and show the newest."""
    session: Session = context.obj
    with open_dead_letters(into, session.settings) as dead_letters:
        groups, latest = dead_letters.groups(), dead_letters.latest(limit)
    if as_json:
        show_json({"groups": [group._asdict() for group in groups], "latest": [_fields(each) for each in latest]})
        return
    if not groups:
        show("there are no dead letters")
        return
    counted = [(group.error_class, group.topic, group.letters, str(group.latest)) for group in groups]
    show(table(("error", "topic", "dead letters", "latest"), counted))
    if latest:
        newest = [
            (str(each.id), each.error_class, f"{each.topic}[{each.partition}]", each.offset, _printable(each.reason))
            for each in latest
        ]
        show("\n" + table(("id", "error", "partition", "offset", "reason"), newest))


@app.command("show")
def show_one(
    context: typer.Context,
    letter_id: Annotated[int, typer.Argument(metavar="ID", help="as listed")],
    *,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    raw: Annotated[bool, typer.Option("--raw", help="write only the record's bytes to stdout")] = False,
    as_json: _JsonOption = False,
) -> None:
    """Show one dead letter: its position, the reason and its bytes."""
    session: Session = context.obj
    with open_dead_letters(into, session.settings) as dead_letters:
        dead_letter = dead_letters.get(letter_id)
    if raw:
        show_bytes(dead_letter.raw)
        return
    fields = _fields(dead_letter) | {"raw": escaped(dead_letter.raw)}
    if as_json:
        show_json(fields)
        return
    show(
        "\n".join(f"{name:<12} {value if name == 'raw' else _printable(str(value))}" for name, value in fields.items())
    )


@app.command("replay")
def replay(
    context: typer.Context,
    letter_ids: Annotated[list[int] | None, typer.Argument(metavar="[ID...]", help="as listed")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="replay all")] = False,
    into: IntoOption = WAREHOUSE_URL_DEFAULT,
    registry: RegistryOption = None,
) -> None:
    """Decode records again with this version: valid ones become rows and stop being dead letters.

    Exit 0 if all of them were stored, 1 if some are left.
    """
    session: Session = context.obj
    if bool(letter_ids) == everything:
        raise InputError("dead-letters replay: name the IDs to replay, or give --all")
    outcomes: Counter[str] = Counter()
    left: list[tuple[str, str]] = []
    with (
        StoredValues(registry, session.settings) as values,
        open_dead_letters(into, session.settings) as dead_letters,
    ):
        for letter_id in dead_letters.ids() if everything else chain(letter_ids or ()):
            done = dead_letters.replay(letter_id, values.decode)
            outcomes[done.stored or "left"] += 1
            if done.stored is None and len(left) < _LEFT_SHOWN_MAX:
                left.append((str(done.id), _printable(done.reason)))
    show(f"stored {outcomes['inserted']:,}, already stored {outcomes['duplicate']:,}, left {outcomes['left']:,}")
    if left:
        show("\n" + table(("left", "reason"), left))
        session.exit_code = 1


def _fields(dead_letter: "StoredDeadLetter") -> dict[str, Any]:
    return {name: value for name, value in dead_letter._asdict().items() if name != "raw"}


def escaped(raw: bytes) -> str:
    """Bytes of unknown origin as printable ASCII, safe for terminals. Reversible."""
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else _ESCAPES.get(byte, f"\\x{byte:02x}") for byte in raw
    )


_ESCAPES: Final = {0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}


def _printable(text: str) -> str:
    """A text that may quote a record, on one line and without control characters."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
