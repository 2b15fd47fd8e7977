"""Exports for tests: written, and read back by readers that share no code with the writers."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from socialsim.events import Event
from socialsim.export import ExportManifest, ExportPeriod, choose_tables, export_run
from socialsim.export.manifest import FormatName
from socialsim.runs.catalog import stored_runs
from socialsim.warehouse.engines import read_engine
from socialsim.warehouse.schema.tables import metadata
from tests.warehouse.samples import batch_of
from tests.warehouse.warehouse_fixtures import WarehouseFixture

Row = dict[str, Any]

#: What breaks writers and readers of CSV, and then some.
NASTY = (
    "",
    " ",
    '"',
    '""',
    "'",
    ",",
    '","',
    "\n",
    "\r",
    "\r\n",
    'a "quoted", word\nand\ra\r\nline',
    "NULL",
    "\\N",
    "\\",
    '\\"',
    "=1+1",
    "#",
    "\t",
    "\x1a",
    "\x7f",
    "\ufeff",
    "\u2028",
    "é",
    "e\u0301",
    "\U0001f600\U0001f468\u200d\U0001f469",
    "\U0001f600" * 1000,
    "x" * 1000,
)


async def keep(db: WarehouseFixture, events: list[Event]) -> None:
    """Store ``events`` in addition to what is stored."""
    async with db.opened() as warehouse:
        await warehouse.store(0, batch_of(events))


def exported(
    db: WarehouseFixture, run_id: str, path: Path, format_name: FormatName, **options: Any
) -> ExportManifest | None:
    """Run what ``socialsim export`` runs, without the command line."""
    chosen: dict[str, Any] = {"replace": False, "span": ExportPeriod(), "tables": choose_tables(None)} | options
    engine = read_engine(db.url, db.password)
    with closing_engine(engine), engine.connect() as connection:
        return export_run(
            connection,
            run_id=run_id,
            run_key=stored_runs(connection)[run_id],
            format_name=format_name,
            path=path,
            **chosen,
        )


def closing_engine(engine: Any) -> Any:
    engine.close = engine.dispose
    return closing(engine)


def manifest_of(path: Path) -> ExportManifest:
    return msgspec.json.decode((path / "export.json").read_bytes(), type=ExportManifest)


def stored_rows(db: WarehouseFixture, table: str, run_id: str) -> list[Row]:
    """The run's rows as read by SQLAlchemy's own types, in key order. Instants are in UTC."""
    source = metadata.tables[table]
    engine = read_engine(db.url, db.password)
    with closing_engine(engine), engine.connect() as connection:
        query = source.select().where(source.c.run_key == stored_runs(connection)[run_id])
        rows = connection.execute(query.order_by(*source.primary_key.columns)).mappings().all()
    return [{name: _in_utc(value) for name, value in row.items()} for row in rows]


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def parquet_rows(path: Path) -> list[Row]:
    rows: list[Row] = pq.read_table(path).to_pylist()
    return rows


def csv_rows(path: Path, kinds: dict[str, str]) -> list[Row]:
    """Strictly by RFC 4180; an empty field without quotes is None."""
    header, *records = csv_records(path.read_bytes().decode())
    assert header == list(kinds)
    return [
        {
            name: None if field is None else _READ[kind](field)
            for (name, kind), field in zip(kinds.items(), record, strict=True)
        }
        for record in records
    ]


_READ: dict[str, Callable[[str], Any]] = {
    "int32": int,
    "int64": int,
    "double": float,
    "timestamp": lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
    "date": date.fromisoformat,
    "text": str,
    "word": str,
}


def csv_records(text: str) -> list[list[str | None]]:
    """Fails on anything that RFC 4180 does not allow."""
    records: list[list[str | None]] = []
    record: list[str | None] = []
    index = 0
    while index < len(text):
        if text[index] == '"':
            field = ""
            index += 1
            while True:
                end = text.index('"', index)
                field += text[index:end]
                index = end + 1
                if text[index] != '"':
                    break
                field += '"'
                index += 1
            record.append(field)
        else:
            end = min(found for found in (text.find(",", index), text.find("\r\n", index)) if found >= 0)
            field = text[index:end]
            assert not set(field) & set('"\r\n'), field
            record.append(field or None)
            index = end
        if text[index] == ",":
            index += 1
            if text.startswith("\r\n", index):  # the last field is empty
                record.append(None)
        if text.startswith("\r\n", index):
            records.append(record)
            record = []
            index += 2
    assert not record
    return records
