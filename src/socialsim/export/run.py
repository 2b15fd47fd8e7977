"""Exports one run's rows from the warehouse to files, several thousand rows at a time."""

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, get_args

from sqlalchemy import Connection, Select, Table

from socialsim.errors import InputError, TerminalError
from socialsim.export.columns import ExportColumn, ExportPeriod, columns_of, query_of
from socialsim.export.csv_file import CsvFile
from socialsim.export.folder import Folder, Sink, locked_folder
from socialsim.export.manifest import MANIFEST, ColumnEntry, ExportManifest, FormatName, TableEntry, manifest_bytes
from socialsim.installation import how_to_add

FORMATS: Final[tuple[FormatName, ...]] = get_args(FormatName)

_ROWS_AT_ONCE: Final = 8_192
#: A server drops a client that does not read, by default after a minute. A disk may be busy for
#: longer.
_WRITE_TIMEOUT_S: Final = 600


class _TableFile(Protocol):
    def write(self, values: Sequence[Sequence[Any]]) -> None: ...
    def close(self) -> None: ...
    def abandon(self) -> None: ...


_Opener: TypeAlias = Callable[[Sink, Sequence[ExportColumn], Mapping[str, str]], _TableFile]


class _Stopped(Exception):  # noqa: N818 - not an error
    """The export was stopped by its caller."""


def export_run(
    connection: Connection,
    *,
    run_id: str,
    run_key: int,
    tables: Sequence[Table],
    span: ExportPeriod,
    format_name: FormatName,
    path: Path,
    replace: bool,
    on_table: Callable[[TableEntry], None] = lambda _: None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> ExportManifest | None:
    """Write ``tables`` to the folder ``path`` and return the manifest; None, with nothing written,
    if stopped.

    ``connection`` has one transaction, so all files show the same moment. Existing files are
    replaced only with ``replace``, and all at once. ``on_table`` is called after each table. Raises
    InputError (a file exists, the folder is not writable, pyarrow is missing), TerminalError and
    SQLAlchemy's errors.
    """
    opener = _opener(format_name)
    names = [f"{table.name}.{format_name}" for table in tables]
    with locked_folder(path) as folder:
        _refuse_existing(folder, path, names, replace=replace)
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql(f"SET SESSION net_write_timeout = {_WRITE_TIMEOUT_S}")
        entries = []
        try:
            for table, name in zip(tables, names, strict=True):
                notes = {"socialsim.run_id": run_id, "socialsim.table": table.name}
                rows = _read(connection, query_of(table, run_key, span), is_stopping)
                with folder.creating(name) as sink:
                    file = opener(sink, columns_of(table), notes)
                    entries.append(_entry(table, name, _write(table, file, rows), sink))
                on_table(entries[-1])
        except _Stopped:
            return None
        manifest = ExportManifest(
            run_id=run_id, format=format_name, since=span.since, until=span.until, tables=tuple(entries)
        )
        with folder.creating(MANIFEST) as sink:
            sink.write(manifest_bytes(manifest))
        _refuse_existing(folder, path, names, replace=replace)
        folder.publish(last=MANIFEST)
        return manifest


def _opener(format_name: FormatName) -> _Opener:
    if format_name == "csv":
        return lambda sink, columns, _: CsvFile(sink, columns)
    try:
        from socialsim.export.parquet_file import ParquetFile  # noqa: PLC0415 - from an extra, and slow to load
    except ImportError as error:
        raise InputError(
            f"Parquet needs the package pyarrow, which is not installed; run: {how_to_add('export')} "
            "(--format csv needs nothing)"
        ) from error
    return ParquetFile


def _refuse_existing(folder: Folder, path: Path, names: Sequence[str], *, replace: bool) -> None:
    found = None if replace else folder.existing([*names, MANIFEST])
    if found is not None:
        raise InputError(f"--to {path}: {found} is there already; give another folder, or --force to replace it")


def _read(
    connection: Connection, query: Select[Any], is_stopping: Callable[[], bool]
) -> Generator[Sequence[Sequence[Any]]]:
    """Batches of rows, each as the values of its columns. Raises _Stopped."""
    result = connection.execute(query, execution_options={"yield_per": _ROWS_AT_ONCE})
    finished = False
    try:
        for part in result.partitions():
            if is_stopping():
                raise _Stopped
            yield list(zip(*part, strict=True))
        finished = True
    finally:
        if not finished:
            connection.invalidate()  # closing only the cursor would read all remaining rows


def _write(table: Table, file: _TableFile, parts: Generator[Sequence[Sequence[Any]]]) -> int:
    """Write all rows and return their number."""
    rows = 0
    try:
        for values in parts:
            file.write(values)
            rows += len(values[0])
        file.close()
    except TerminalError as error:
        raise TerminalError(f"{table.name}: {error}") from error
    finally:
        file.abandon()
        parts.close()
    return rows


def _entry(table: Table, name: str, rows: int, sink: Sink) -> TableEntry:
    columns = tuple(
        ColumnEntry(name=each.name, type=each.kind.value, nullable=each.nullable) for each in columns_of(table)
    )
    return TableEntry(
        table=str(table.name), file=name, rows=rows, bytes=sink.size_bytes, sha256=sink.sha256, columns=columns
    )
