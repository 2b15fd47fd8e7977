"""Events as rows: which columns each type has and how their values are spelled. Pure, shared by both engines.

A formatter is compiled once for each event type from one line of source, because a row is formatted for every event
that is ever stored: calling a function for each value would cost more than all of it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, TypeAlias

import msgspec

from socialsim.events import EVENT_TYPES, Event

#: ``format(run_key, events)`` gives one row for each event.
RowFormatter: TypeAlias = Callable[[int, Sequence[Event]], list[Any]]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CACHED_SECONDS_MAX: Final = 50_000


class ColumnKind(Enum):
    """What a column holds, as far as spelling its value goes."""

    INTEGER = "integer"
    TEXT = "text"
    WORD = "word"  #: one of a few fixed words
    DATE = "date"


class _Seconds(dict[int, str]):
    """``YYYY-MM-DD HH:MM:SS.`` of a second since the epoch, made once for each second of a stretch of time."""

    def __missing__(self, second: int) -> str:
        if len(self) >= _CACHED_SECONDS_MAX:
            self.clear()
        instant = _EPOCH + timedelta(seconds=second)
        # Not strftime, which leaves out leading zeros of the year on some platforms.
        text = f"{instant:%m-%d %H:%M:%S}."
        self[second] = text = f"{instant.year:04d}-{text}"
        return text


#: ``SECONDS[time_us // 1_000_000]`` and six digits are the text of ``time_us``.
SECONDS: Final = _Seconds()

#: The same as source for ``compile_formatter``. A million is added and its digit cut: that is three times as fast as
#: a format with leading zeros.
INSTANT_SOURCE: Final = "SECONDS[(t := e.time_us) // 1000000] + str(t % 1000000 + 1000000)[1:]"


def instant_text(time_us: int) -> str:
    """``YYYY-MM-DD HH:MM:SS.ffffff`` in UTC, as both engines store it; it sorts as time does."""
    return f"{SECONDS[time_us // 1_000_000]}{time_us % 1_000_000:06d}"


def payload_kinds(name: str) -> dict[str, ColumnKind]:
    """The columns behind the common ones of the event type with wire name ``name``, in order, with their kinds."""
    return {column: _KINDS[type(kind)] for column, kind in _members(name).items() if column not in _COMMON}


def words(name: str, column: str) -> tuple[str, ...]:
    """The words that ``column`` of the event type ``name`` may hold."""
    literal = _members(name)[column]
    if not isinstance(literal, msgspec.inspect.LiteralType):
        raise TypeError(f"{name}.{column} is not one of a few words")
    return tuple(str(word) for word in literal.values)


def _members(name: str) -> dict[str, msgspec.inspect.Type]:
    """The type of each member of the event type ``name``, without its description."""
    info = msgspec.inspect.type_info(EVENT_TYPES[name])
    if not isinstance(info, msgspec.inspect.StructType):
        raise TypeError(f"{name} is not a struct")
    plain = {}
    for field in info.fields:
        kind = field.type
        plain[field.name] = kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind
    return plain


def columns(name: str) -> tuple[str, ...]:
    """The columns of the table of the event type ``name``, in order."""
    return ("run_key", "event_time", "shard", "seq", "user_id", "device", "version", *payload_kinds(name))


def compile_formatter(name: str, row: str, names: dict[str, Any]) -> RowFormatter:
    """A formatter whose row is the Python expression ``row`` over the event ``e``, ``run`` and ``names``.

    ``row`` is composed of our own column names only, never of data.
    """
    source = f"lambda run, events: [{row} for e in events]"
    formatter: RowFormatter = eval(compile(source, f"<rows of {name}>", "eval"), dict(names))  # noqa: S307
    return formatter


_COMMON: Final = frozenset({"run_id", "shard", "seq", "time_us", "user_id", "device", "version"})
_KINDS: Final[dict[type, ColumnKind]] = {
    msgspec.inspect.IntType: ColumnKind.INTEGER,
    msgspec.inspect.StrType: ColumnKind.TEXT,
    msgspec.inspect.LiteralType: ColumnKind.WORD,
    msgspec.inspect.DateType: ColumnKind.DATE,
}
