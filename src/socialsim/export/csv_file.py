"""CSV by RFC 4180: every reader gets back what is stored, and NULL differs from an empty text.

UTF-8, a header, lines ended by CR LF. Text is always quoted and nothing else ever is. NULL is an
empty field, while ``""`` is an empty text. Built column by column, which is several times as fast
as the csv module, which moreover cannot distinguish the two.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from socialsim.export.columns import ColumnType, ExportColumn
from socialsim.export.folder import Sink


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _plain(value: str) -> str:
    return value


#: Instants and dates are text already. repr() is the shortest text that reads back as the same
#: number.
_FORMAT: Final[dict[ColumnType, Callable[[Any], str]]] = {
    ColumnType.INT32: str,
    ColumnType.INT64: str,
    ColumnType.DOUBLE: repr,
    ColumnType.INSTANT: _plain,
    ColumnType.DATE: _plain,
    ColumnType.TEXT: _quoted,
    ColumnType.WORD: _quoted,
}


class CsvFile:
    """Writes one table to ``sink``."""

    def __init__(self, sink: Sink, columns: Sequence[ExportColumn]) -> None:
        self._sink = sink
        self._columns = tuple(columns)
        self._sink.write((",".join(column.name for column in columns) + "\r\n").encode())

    def write(self, values: Sequence[Sequence[Any]]) -> None:
        """Append rows, given as the values of each column."""
        formatted = [_format(column, part) for column, part in zip(self._columns, values, strict=True)]
        self._sink.write("\r\n".join([*map(",".join, zip(*formatted, strict=True)), ""]).encode())

    def close(self) -> None:
        """Nothing to finish."""

    def abandon(self) -> None:
        """Nothing to release."""


def _format(column: ExportColumn, values: Sequence[Any]) -> Iterable[str]:
    format_value = _FORMAT[column.kind]
    if column.nullable:
        return ["" if value is None else format_value(value) for value in values]
    return values if format_value is _plain else map(format_value, values)
