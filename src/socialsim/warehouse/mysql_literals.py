"""Values as MySQL literals that cannot be broken out of, by construction and in every ``sql_mode``.

Integers go through Python's integer format, which refuses anything else; fixed words through a dictionary of finished
literals. A text stands between quotes as it is when it holds neither a quote nor a backslash, so there is nothing to
escape; any other text is written in hexadecimal. (Measured: most texts hold neither, and testing for both is ten times
cheaper than escaping.)
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.warehouse.rows import SECONDS, Kind, RowFormatter, columns, compile_formatter, payload_kinds, words


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


def _row_formatter(name: str) -> RowFormatter:
    """Compiles one f-string, such as ``f"({run:d},'{…}',{e.shard:d},…)"``."""
    names: dict[str, Any] = {"SECONDS": SECONDS, "text": text_literal, "day": date_literal}

    def word(column: str) -> str:
        names[column] = {value: text_literal(value) for value in words(name, column)}
        return f"{{{column}[e.{column}]}}"

    def payload(column: str, kind: Kind) -> str:
        match kind:
            case Kind.INTEGER:
                return f"{{e.{column}:d}}"
            case Kind.TEXT:
                return f"{{text(e.{column})}}"
            case Kind.DATE:
                return f"{{day(e.{column})}}"
            case Kind.WORD:
                return word(column)

    time = "'{SECONDS[e.time_us // 1000000]}{e.time_us % 1000000:06d}'"
    common = f"{{run:d}},{time},{{e.shard:d}},{{e.seq:d}},{{e.user_id:d}},{word('device')},{{e.version:d}}"
    values = ",".join([common, *(payload(column, kind) for column, kind in payload_kinds(name).items())])
    return compile_formatter(name, f'f"({values})"', names)


#: By wire name: a run's key and its events to one ``(…)`` for each event.
ROW_FORMATTERS: Final[dict[str, RowFormatter]] = {name: _row_formatter(name) for name in EVENT_TYPES}

#: By wire name: what stands before the rows of an insert.
INSERT_PREFIXES: Final[dict[str, bytes]] = {
    name: f"INSERT INTO {PLURALS[name]} ({','.join(columns(name))}) VALUES ".encode()  # noqa: S608 - our own names
    for name in EVENT_TYPES
}
#: What stands behind the rows. It changes nothing, so a row that is there counts 0 and a new one 1. (``INSERT IGNORE``
#: would also swallow errors: texts cut, numbers clamped.)
INSERT_SUFFIX: Final = b" ON DUPLICATE KEY UPDATE run_key = run_key"
