"""Values as MySQL literals that cannot be broken out of, by construction.

Integers go through ``%d``, which refuses a text; fixed words through a dictionary of finished literals. A text stands
between quotes as it is when it holds neither a quote nor a backslash, so there is nothing to escape; any other text is
written in hexadecimal. (Measured: most texts hold neither, and testing for both is ten times cheaper than escaping.)
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, TypeAlias

import msgspec

from socialsim.events import EVENT_TYPES, PLURALS, Event
from socialsim.warehouse.batches.rows import (
    INSTANT_SOURCE,
    SECONDS,
    ColumnKind,
    columns,
    compile_formatter,
    payload_kinds,
    words,
)

RowsText: TypeAlias = Callable[[int, Sequence[Event]], bytes]

_encode_json: Final = msgspec.json.Encoder().encode


def text_literal(text: str) -> str:
    """A utf8mb4 text. The statement around it must be encoded as UTF-8, strictly."""
    if "'" in text or "\\" in text:
        return f"_utf8mb4 X'{text.encode().hex()}'"
    return f"'{text}'"


def bytes_literal(raw: bytes) -> str:
    """A binary string."""
    return f"X'{raw.hex()}'"


def date_literal(day: date) -> str:
    """A calendar date."""
    return f"'{day.isoformat()}'"


def tuple_literal(values: Sequence[int | str | bytes]) -> str:
    """``(…, …)`` of integers, texts and byte strings."""
    return f"({','.join(map(_literal, values))})"


def _literal(value: int | str | bytes) -> str:
    if isinstance(value, int):
        return f"{value:d}"
    return text_literal(value) if isinstance(value, str) else bytes_literal(value)


def _text_rows(name: str) -> RowsText:
    """For any event type: compiles one ``%`` format for a row, whose ``%d`` refuses what is not a number."""
    names: dict[str, Any] = {"SECONDS": SECONDS, "text": text_literal, "day": date_literal}

    def word(column: str) -> str:
        names[column] = {value: text_literal(value) for value in words(name, column)}
        return f"{column}[e.{column}]"

    def payload(column: str, kind: ColumnKind) -> tuple[str, str]:
        match kind:
            case ColumnKind.INTEGER:
                return "%d", f"e.{column}"
            case ColumnKind.TEXT:
                return "%s", f"text(e.{column})"
            case ColumnKind.DATE:
                return "%s", f"day(e.{column})"
            case ColumnKind.WORD:
                return "%s", word(column)

    values = [("%d", "run"), ("'%s'", INSTANT_SOURCE)]
    values += [("%d", "e.shard"), ("%d", "e.seq"), ("%d", "e.user_id"), ("%s", word("device")), ("%d", "e.version")]
    values += [payload(column, kind) for column, kind in payload_kinds(name).items()]
    row = f'"({",".join(mark for mark, _ in values)})" % ({", ".join(source for _, source in values)})'
    formatter = compile_formatter(name, row, names)
    # Strict UTF-8: a lone surrogate fails here, the driver's own encoding would let it through as a raw byte.
    return lambda run_key, events: ",".join(formatter(run_key, events)).encode()


def _number_rows(name: str) -> RowsText:
    """For an event type of numbers only, which most events are: all rows by one call of the JSON encoder.

    An array of arrays differs from rows of SQL in its brackets alone. The time goes in as ``"… 12:00:00."``, a million
    and the microseconds, and an empty text; joining these three gives ``"… 12:00:00.123456"``. A double-quoted text
    with JSON's escapes for quote and backslash cannot be broken out of in the ``sql_mode`` that every session pins
    and reads back. (Measured: four times as fast as formatting row by row.)
    """
    payload = "".join(f", e.{column}" for column in payload_kinds(name))
    time = "SECONDS[(t := e.time_us) // 1000000], t % 1000000 + 1000000, ''"
    row = f"(run, {time}, e.shard, e.seq, e.user_id, e.device, e.version{payload})"
    formatter = compile_formatter(name, row, {"SECONDS": SECONDS})

    def rows(run_key: int, events: Sequence[Event]) -> bytes:
        arrays = _encode_json(formatter(run_key, events))
        values = arrays[2:-2].replace(b'.",1', b".").replace(b',"",', b'",').replace(b"],[", b"),(")
        return b"(%b)" % values

    return rows


def _rows_text(name: str) -> RowsText:
    numbers_only = all(kind is ColumnKind.INTEGER for kind in payload_kinds(name).values())
    return _number_rows(name) if numbers_only else _text_rows(name)


#: By wire name: a run's key and its events, one or more, to ``(…),(…),…``.
ROWS_TEXT: Final[dict[str, RowsText]] = {name: _rows_text(name) for name in EVENT_TYPES}

#: By wire name: what stands before the rows of an insert.
INSERT_PREFIXES: Final[dict[str, bytes]] = {
    name: f"INSERT INTO {PLURALS[name]} ({','.join(columns(name))}) VALUES ".encode()  # noqa: S608 - our own names
    for name in EVENT_TYPES
}
#: What stands behind the rows. It changes nothing, so a row that is there counts 0 and a new one 1. (``INSERT IGNORE``
#: would also swallow errors: texts cut, numbers clamped.)
INSERT_SUFFIX: Final = b" ON DUPLICATE KEY UPDATE run_key = run_key"
