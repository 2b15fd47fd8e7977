"""Events to Avro's bytes: one function for each type, compiled from source that is made from the
type's members.

The compiled function joins table entries; a number is spelled two digits at a time, the run and the
shard in one piece, an instant's high digits once for two minutes of simulated time. Whatever it
finds in none of its tables it leaves to a plain writer, which spells everything number by number,
and refuses what is out of bounds.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Final, TypeAlias

from socialsim.events.avro.schema import null_first, symbols
from socialsim.events.avro.varints import (
    DIGITS,
    ENDS,
    EPOCH_DAY,
    HighDigits,
    SpelledDates,
    large,
    long,
)
from socialsim.events.members import EventField, FieldKind, members
from socialsim.events.types import SHARDS_MAX, Event

#: Makes the bytes of one event.
Writer: TypeAlias = Callable[[Any], bytes]

_RUNS_CACHED_MAX: Final = 8


def compile_writer(event_type: type[Event], prefix: bytes = b"") -> Writer:
    """A writer of events of ``event_type``; each record begins with ``prefix``, such as a schema's
    id.

    The writer raises ValueError for a value that the type does not allow, as far as another could
    be read for it.
    """
    parts = members(event_type)
    names: dict[str, Any] = {
        "ENDS": ENDS,
        "DIGITS": DIGITS,
        "HIGH": HighDigits(),
        "DATES": SpelledDates(),
        "LARGE": large,
        "JOIN": b"".join,
        "PLAIN": plain_writer(event_type, prefix),
        "HEADS": _Heads(prefix),
    }
    pieces, before = _pieces(parts, prefix, names)
    return _compile(f"<Avro writer of {event_type.__name__}>", before, pieces, names)


def plain_writer(event_type: type[Event], prefix: bytes = b"") -> Writer:
    """The same by plain code, with every bound checked; the compiled one must agree."""
    spellers = [(member, _speller(member)) for member in members(event_type)]

    def write(event: Any) -> bytes:
        return prefix + b"".join([spell(getattr(event, member.name)) for member, spell in spellers])

    return write


class _Heads(dict[str, dict[int, bytes]]):
    """By run: what records of each of its shards begin with."""

    def __init__(self, prefix: bytes) -> None:
        super().__init__()
        self._prefix = prefix

    def __missing__(self, run_id: str) -> dict[int, bytes]:
        if len(self) >= _RUNS_CACHED_MAX:
            self.clear()
        text = run_id.encode()
        head = self._prefix + long(len(text)) + text
        self[run_id] = heads = {shard: head + ENDS[shard << 1] for shard in range(SHARDS_MAX)}
        return heads


def _pieces(parts: tuple[EventField, ...], prefix: bytes, names: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The expressions whose values are joined, and the statements that go before."""
    pieces: list[str] = []
    before: list[str] = []
    if [member.name for member in parts[:2]] == ["run_id", "shard"] and not any(m.optional for m in parts[:2]):
        pieces.append("HEADS[e.run_id][e.shard]")
        parts = parts[2:]
    elif prefix:
        pieces.append(repr(prefix))
    for member in parts:
        if member.optional:
            null, value = (b"\0", b"\2") if null_first(member) else (b"\2", b"\0")
            some = " + ".join([repr(value), *_expressions(member, "o", names, before=None)])
            pieces.append(f"({null!r} if (o := e.{member.name}) is None else {some})")
        else:
            pieces += _expressions(member, f"e.{member.name}", names, before)
    return pieces, before


def _expressions(member: EventField, value: str, names: dict[str, Any], before: list[str] | None) -> list[str]:
    """The pieces of one value that is there.

    Statements are allowed where there is a list for them.
    """
    match member.kind:
        case FieldKind.INSTANT if before is not None:
            t, low = f"t_{member.name}", f"l_{member.name}"
            before += [f"{t} = {value} << 1", f"{low} = {t} & 0xFFFFFFF"]
            return [f"DIGITS[{low} & 0x3FFF]", f"DIGITS[{low} >> 14]", f"HIGH[{t} >> 28]"]
        case FieldKind.TEXT:
            size = f"len(b := {value}.encode()) << 1"
            short = member.length_max is not None and 8 * member.length_max < 1 << 14
            return [f"ENDS[{size}]" if short else f"({_number(size, None)})", "b"]
        case FieldKind.WORD:
            table = f"WORDS_{member.name}"
            names[table] = {word: long(number) for number, word in enumerate(symbols(member)) if number}
            return [f"{table}[{value}]"]
        case FieldKind.DATE:
            return [f"DATES[{value}]"]
        case _ if member.low is not None and member.low == member.high:
            return [repr(long(member.low))]  # nothing else can stand there
        case _:
            return [f"({_number(f'{value} << 1', member.high)})"]


def _number(unsigned: str, high: int | None) -> str:
    if high is not None and 2 * high < 1 << 14:
        return f"ENDS[{unsigned}]"
    return (
        f"ENDS[n] if (n := {unsigned}) < 0x4000 else DIGITS[n & 0x3FFF] + ENDS[n >> 14] if n < 0x10000000 else LARGE(n)"
    )


def _compile(title: str, before: list[str], pieces: list[str], names: dict[str, Any]) -> Writer:
    """Names are bound by an outer function: its variables are found faster than globals."""
    source = "\n".join(
        [
            f"def bound({', '.join(names)}):",
            "  def write(e):",
            "    try:",
            *(f"      {statement}" for statement in before),
            f"      return JOIN(({', '.join(pieces)},))",
            "    except (KeyError, TypeError, AttributeError):",
            "      return PLAIN(e)",
            "  return write",
        ]
    )
    scope: dict[str, Any] = {}
    exec(compile(source, title, "exec"), scope)  # noqa: S102 - composed of our own members' names, never of data
    writer: Writer = scope["bound"](**names)
    return writer


def _speller(member: EventField) -> Callable[[Any], bytes]:
    spell = _VALUE_SPELLERS[member.kind]

    def of(value: Any) -> bytes:
        try:
            return spell(member, value)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{member.name} = {value!r:.80}: {error}") from error

    if not member.optional:
        return of
    null, some = (b"\0", b"\2") if null_first(member) else (b"\2", b"\0")
    return lambda value: null if value is None else some + of(value)


def _spell_integer(member: EventField, value: int) -> bytes:
    if (member.low is not None and value < member.low) or (member.high is not None and value > member.high):
        raise ValueError(f"allowed are {member.low} to {member.high}")
    return long(value)


def _spell_text(_: EventField, value: str) -> bytes:
    text = value.encode()
    return long(len(text)) + text


def _spell_word(member: EventField, value: str) -> bytes:
    if value not in member.words:
        raise ValueError(f"allowed are {', '.join(member.words)}")
    return long(symbols(member).index(value))


def _spell_date(_: EventField, value: date) -> bytes:
    return long(value.toordinal() - EPOCH_DAY)


_VALUE_SPELLERS: Final[dict[FieldKind, Callable[[EventField, Any], bytes]]] = {
    FieldKind.INTEGER: _spell_integer,
    FieldKind.INSTANT: _spell_integer,
    FieldKind.TEXT: _spell_text,
    FieldKind.WORD: _spell_word,
    FieldKind.DATE: _spell_date,
}
