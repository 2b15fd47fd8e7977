"""The contents of an export, as a JSON file beside it.

Written last: without it the export is incomplete.
"""

from datetime import date
from typing import Final, Literal, TypeAlias

import msgspec

MANIFEST: Final = "export.json"
FormatName: TypeAlias = Literal["parquet", "csv"]


class ColumnEntry(msgspec.Struct, kw_only=True, frozen=True):
    """``type`` is a value of ``socialsim.export.columns.ColumnType``."""

    name: str
    type: str
    nullable: bool


class TableEntry(msgspec.Struct, kw_only=True, frozen=True):
    """``sha256`` is the hash of the whole file, in hexadecimal."""

    table: str
    file: str
    rows: int
    bytes: int
    sha256: str
    columns: tuple[ColumnEntry, ...]


class ExportManifest(msgspec.Struct, kw_only=True, frozen=True):
    """One export. ``since`` and ``until`` are None where there is no bound."""

    version: Literal[1] = 1
    run_id: str
    format: FormatName
    since: date | None
    until: date | None
    tables: tuple[TableEntry, ...]


def manifest_bytes(manifest: ExportManifest) -> bytes:
    """Indented JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
