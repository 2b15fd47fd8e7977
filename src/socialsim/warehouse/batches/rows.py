"""Events as rows: the columns of each type and the format of their values.

Pure, shared by both engines.

A formatter is compiled once for each event type from one line of source, because it runs for every
stored event: a function call for each value would cost more than the rest.
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
    """What a column holds, as far as formatting its value is concerned."""

    INTEGER = "integer"
    TEXT = "text"
    ENUM = "enum"  #: one of a few fixed values
    DATE = "date"


class _Seconds(dict[int, str]):
    """``YYYY-MM-DD HH:MM:SS.`` of a second since the epoch, cached."""

    def __missing__(self, second: int) -> str:
        if len(self) >= _CACHED_SECONDS_MAX:
            self.clear()
        instant = _EPOCH + timedelta(seconds=second)
        # strftime leaves out leading zeros of the year on some platforms.
        text = f"{instant:%m-%d %H:%M:%S}."
        self[second] = text = f"{instant.year:04d}-{text}"
        return text


#: ``SECONDS[time_us // 1_000_000]`` and six digits are the text of ``time_us``.
SECONDS: Final = _Seconds()

#: The same as source for ``compile_formatter``. Adding a million and cutting its digit is three
#: times as fast as a format with leading zeros.
INSTANT_SOURCE: Final = "SECONDS[(t := e.time_us) // 1000000] + str(t % 1000000 + 1000000)[1:]"


def instant_text(time_us: int) -> str:
    """``YYYY-MM-DD HH:MM:SS.ffffff`` in UTC, as both engines store it; it sorts as time does."""
    return f"{SECONDS[time_us // 1_000_000]}{time_us % 1_000_000:06d}"


def payload_kinds(name: str) -> dict[str, ColumnKind]:
    """The kinds of the event type's own columns, which follow the common ones, in order."""
    return {column: _KINDS[type(kind)] for column, kind in _members(name).items() if column not in _COMMON}


def enum_values(name: str, column: str) -> tuple[str, ...]:
    """The values that ``column`` of the event type ``name`` may have."""
    literal = _members(name)[column]
    if not isinstance(literal, msgspec.inspect.LiteralType):
        raise TypeError(f"{name}.{column} is no enumeration")
    return tuple(str(value) for value in literal.values)


def _members(name: str) -> dict[str, msgspec.inspect.Type]:
    """The type of each member of the event type ``name``, without metadata."""
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
    """A formatter for the Python expression ``row`` over the event ``e``, ``run`` and ``names``.

    ``row`` consists of our own column names, never of data.
    """
    source = f"lambda run, events: [{row} for e in events]"
    formatter: RowFormatter = eval(compile(source, f"<rows of {name}>", "eval"), dict(names))  # noqa: S307
    return formatter


_COMMON: Final = frozenset({"run_id", "shard", "seq", "time_us", "user_id", "device", "version"})
_KINDS: Final[dict[type, ColumnKind]] = {
    msgspec.inspect.IntType: ColumnKind.INTEGER,
    msgspec.inspect.StrType: ColumnKind.TEXT,
    msgspec.inspect.LiteralType: ColumnKind.ENUM,
    msgspec.inspect.DateType: ColumnKind.DATE,
}
