"""Parquet by pyarrow, from the extra ``export``: typed, in row groups, compressed with zstd."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from socialsim.errors import TerminalError
from socialsim.export.columns import ColumnType, ExportColumn
from socialsim.export.folder import Sink

#: Readers load or skip this many rows at once; as many are held in memory, as Arrow columns.
ROW_GROUP_ROWS: Final = 131_072

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_TYPES: Final[dict[ColumnType, Any]] = {
    ColumnType.INT32: pa.int32(),
    ColumnType.INT64: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.INSTANT: _INSTANT,
    ColumnType.DATE: pa.date32(),
    ColumnType.TEXT: pa.string(),
    ColumnType.WORD: pa.dictionary(pa.int32(), pa.string()),
}


def _instants(values: Sequence[Any]) -> Any:
    return pa.array(values, pa.string()).cast(pa.timestamp("us")).cast(_INSTANT)


def _dates(values: Sequence[Any]) -> Any:
    return pa.array(values, pa.string()).cast(pa.date32())


def _words(values: Sequence[Any]) -> Any:
    return pa.array(values, pa.string()).dictionary_encode()


#: How the values of a type are converted to an Arrow column, where its Arrow type alone does not
#: suffice.
_MAKE: Final[dict[ColumnType, Callable[[Sequence[Any]], Any]]] = {
    ColumnType.INSTANT: _instants,
    ColumnType.DATE: _dates,
    ColumnType.WORD: _words,
}


class ParquetFile:
    """Writes one table to ``sink``. ``notes`` become metadata of the file."""

    def __init__(self, sink: Sink, columns: Sequence[ExportColumn], notes: Mapping[str, str]) -> None:
        self._columns = tuple(columns)
        fields = [pa.field(column.name, _TYPES[column.kind], nullable=column.nullable) for column in columns]
        self._schema = pa.schema(fields, metadata=dict(notes))
        self._writer = pq.ParquetWriter(sink, self._schema, compression="zstd", write_page_index=True)
        self._batches: list[Any] = []
        self._rows = 0

    def write(self, values: Sequence[Sequence[Any]]) -> None:
        """Append rows, given as the values of each column.

        Raises TerminalError for values of another type.
        """
        try:
            arrays = [_make(column, part) for column, part in zip(self._columns, values, strict=True)]
        except (pa.ArrowException, OverflowError) as error:
            raise TerminalError(
                f"a stored value is not of its column's type: {error}; run: socialsim verify"
            ) from error
        self._batches.append(pa.record_batch(arrays, schema=self._schema))
        self._rows += len(arrays[0])
        if self._rows >= ROW_GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        """Write the remaining rows and the footer."""
        if self._batches:
            self._write_group()
        self._writer.close()

    def abandon(self) -> None:
        """Release a file that will not be used: otherwise the writer writes its footer on
        collection.
        """
        with suppress(Exception):
            self._writer.close()

    def _write_group(self) -> None:
        table = pa.Table.from_batches(self._batches, self._schema).unify_dictionaries()
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._batches.clear()
        self._rows = 0


def _make(column: ExportColumn, values: Sequence[Any]) -> Any:
    make = _MAKE.get(column.kind)
    return pa.array(values, _TYPES[column.kind]) if make is None else make(values)
