"""Every value of an exported file is the stored one, on every engine and in both formats."""

import asyncio
import csv
import hashlib
import re
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pymysql
import pytest
from msgspec import structs

from socialsim.events import PLURALS, CommentPosted, Event, PicturePosted, UserSignedUp, VideoLiked
from socialsim.events.types import ID_MAX, SHARDS_MAX, TIME_US_MAX
from socialsim.export import FORMATS, ExportManifest, ExportPeriod, choose_tables
from socialsim.export.columns import exportable_tables
from socialsim.simulation.iterate import simulate
from socialsim.warehouse.schema.migrate import migrate
from tests.export.exports import (
    NASTY,
    csv_records,
    csv_rows,
    exported,
    keep,
    manifest_of,
    parquet_rows,
    stored_rows,
)
from tests.kpi.kpis import computed
from tests.support.services import MySQLFactory
from tests.verification.stored import SCENARIO, events_of, store, verified
from tests.warehouse.samples import START_US, likes
from tests.warehouse.warehouse_fixtures import WarehouseFixture

EVENT_NAMES = tuple(PLURALS.values())


def nasty_events() -> list[Event]:
    """Every nasty text in every text column, and the bounds of every range."""
    events: list[Event] = []
    for text in NASTY:
        common: dict[str, Any] = {"run_id": "nasty", "shard": 0, "time_us": START_US, "device": "web"}
        short = text[:64] or "x"
        names = dict.fromkeys(("username", "first_name", "last_name", "city"), short)
        person: dict[str, Any] = {**names, "email": "it's@example.com", "phone": short[:32], "country": "FR"}
        events += [
            UserSignedUp(**common, seq=len(events), user_id=1, birthday=date(1000, 1, 1), **person),
            PicturePosted(
                **common, seq=len(events) + 1, user_id=1, picture_id=1, caption=text, width_px=1, height_px=1
            ),
            CommentPosted(
                **common, seq=len(events) + 2, user_id=1, comment_id=1, content_kind="picture", content_id=1, text=text
            ),
        ]
    ends: dict[str, Any] = {"run_id": "nasty", "shard": SHARDS_MAX - 1, "device": "tablet", "user_id": ID_MAX}
    return [
        *events,
        VideoLiked(**ends, seq=ID_MAX, time_us=TIME_US_MAX, video_id=ID_MAX, watched_s=86_400),
        VideoLiked(**ends, seq=0, time_us=0, video_id=0, watched_s=0),
        PicturePosted(**ends, seq=1, time_us=1, picture_id=0, caption="", width_px=65_535, height_px=65_535),
    ]


def assert_true(db: WarehouseFixture, path: Path, run_id: str) -> ExportManifest:
    """Fails at the first row that differs, or if the manifest does not describe these files."""
    manifest = manifest_of(path)
    assert {file.name for file in path.iterdir()} == {"export.json", *(entry.file for entry in manifest.tables)}
    for entry in manifest.tables:
        file = path / entry.file
        expected = stored_rows(db, entry.table, run_id)
        kinds = {column.name: column.type for column in entry.columns}
        found = parquet_rows(file) if manifest.format == "parquet" else csv_rows(file, kinds)
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            assert one == other, f"{entry.table}, row {number}"
            assert [type(value) for value in one.values()] == [type(value) for value in other.values()]
        assert entry.rows == len(expected)
        assert entry.bytes == file.stat().st_size
        assert entry.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    return manifest


def all_of_it_is_exported(db: WarehouseFixture, path: Path) -> None:
    """Two runs, with the KPIs of one, in which some columns are NULL."""
    asyncio.run(keep(db, nasty_events()))
    asyncio.run(store(db, list(simulate(structs.replace(SCENARIO, users=20, days=9), "r1"))))
    later: list[Event] = [event for event in events_of("r2", seed=2) if not isinstance(event, UserSignedUp)]
    asyncio.run(store(db, later))  # whose users are not known, so neither are sign-up and country
    assert computed(db, "r1")
    assert computed(db, "r2")
    for run_id in ("nasty", "r1", "r2"):
        for format_name in FORMATS:
            exported(db, run_id, path / run_id / format_name, format_name)
            manifest = assert_true(db, path / run_id / format_name, run_id)
            assert [entry.table for entry in manifest.tables] == list(exportable_tables())
            rows = {entry.table: entry.rows for entry in manifest.tables}
            assert run_id != "r1" or all(rows.values()), "there is nothing to compare"
    unknown = [row for row in parquet_rows(path / "r2" / "parquet" / "user_day.parquet") if row["country"] is None]
    assert unknown


def test_an_export_of_sqlite_equals_the_stored_rows(sqlite_db: WarehouseFixture, tmp_path: Path) -> None:
    all_of_it_is_exported(sqlite_db, tmp_path / "out")


def test_an_export_of_mysql_equals_the_stored_rows(mysql_db: WarehouseFixture, tmp_path: Path) -> None:
    all_of_it_is_exported(mysql_db, tmp_path / "out")


def test_the_same_events_give_the_same_csv_on_every_engine(
    sqlite_db: WarehouseFixture, mysql_db: WarehouseFixture, tmp_path: Path
) -> None:
    tables = choose_tables(",".join(EVENT_NAMES))
    for db, name in ((sqlite_db, "one"), (mysql_db, "other")):
        asyncio.run(store(db, events_of("r1")))
        for again in ("", "-again"):
            exported(db, "r1", tmp_path / f"{name}{again}", "csv", tables=tables)
    first, *others = ((tmp_path / name) for name in ("one", "one-again", "other", "other-again"))
    for file in first.iterdir():
        for other in others:
            assert file.read_bytes() == (other / file.name).read_bytes(), f"{other.name}/{file.name}"


def test_an_export_has_as_many_rows_as_verify_counts(
    stored_sqlite: WarehouseFixture, runs_dir: Path, tmp_path: Path
) -> None:
    report = verified(stored_sqlite, runs_dir, "r1")
    assert report.ok
    manifest = exported(stored_sqlite, "r1", tmp_path / "out", "csv")
    assert manifest is not None
    rows = {entry.table: entry.rows for entry in manifest.tables}
    assert {PLURALS[each.event]: each.stored for each in report.accounts} == {name: rows[name] for name in EVENT_NAMES}
    assert rows["users"] > 0


def test_other_csv_readers_read_the_same_values(sqlite_db: WarehouseFixture, tmp_path: Path) -> None:
    asyncio.run(keep(sqlite_db, nasty_events()))
    exported(sqlite_db, "nasty", tmp_path / "out", "csv")
    path = tmp_path / "out" / "pictures.csv"
    expected = [row["caption"] for row in stored_rows(sqlite_db, "pictures", "nasty")]
    with path.open(encoding="utf-8", newline="") as file:
        assert [row["caption"] for row in csv.DictReader(file)] == expected
    read = duckdb.read_csv(
        str(path), header=True, quotechar='"', escapechar='"', all_varchar=True, allow_quoted_nulls=False
    )
    assert [row[0] for row in read.select("caption").fetchall()] == expected


def test_mariadb_loads_the_csv(sqlite_db: WarehouseFixture, mysql_factory: MySQLFactory, tmp_path: Path) -> None:
    """With the statement from the documentation."""
    asyncio.run(keep(sqlite_db, nasty_events()))
    exported(sqlite_db, "nasty", tmp_path / "out", "csv")
    page = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"```sql\n(LOAD DATA.*?)\n```", page, re.DOTALL)
    assert "january/users.csv" in statement
    assert "TABLE users" in statement
    server = mysql_factory(flavour="mariadb")
    with server.root_cursor() as cursor:
        cursor.execute("SET GLOBAL local_infile = 1")  # which our servers do not offer
    database = server.create_database("again")
    db = WarehouseFixture(database.url, database.password)
    migrate(db.url, db.password)
    connection = pymysql.connect(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        database=database.name,
        local_infile=True,
        autocommit=True,
    )
    tables = ("runs", "users", "pictures", "comments", "video_likes")
    with connection, connection.cursor() as cursor:
        for table in tables:
            named = statement.replace("january/users.csv", str(tmp_path / "out" / f"{table}.csv"))
            cursor.execute(named.replace("TABLE users", f"TABLE {table}"))
    for table in tables:
        assert stored_rows(db, table, "nasty") == stored_rows(sqlite_db, table, "nasty"), table


def test_null_and_an_empty_text_differ(tmp_path: Path) -> None:
    assert csv_records('a,b\r\n"",\r\n,""\r\n') == [["a", "b"], ["", None], [None, ""]]


@pytest.mark.parametrize("broken", ['a\r\n"b', 'a\r\nb"c"\r\n', "a\r\nb\nc\r\n", 'a\r\n"b"c\r\n'])
def test_the_reader_refuses_invalid_csv(broken: str) -> None:
    with pytest.raises((AssertionError, ValueError, IndexError)):
        assert len(csv_records(broken)[1]) == 1


def test_parquet_is_typed_compressed_and_in_row_groups(
    sqlite_db: WarehouseFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socialsim.export.parquet_file.ROW_GROUP_ROWS", 10_000)
    events = likes(30_000)
    # a word that the first group does not have
    for number, device in ((0, "web"), (20_000, "tablet")):
        events[number] = structs.replace(events[number], device=device)
    asyncio.run(keep(sqlite_db, events))
    exported(sqlite_db, "r1", tmp_path / "out", "parquet", tables=choose_tables("picture_likes"))
    assert_true(sqlite_db, tmp_path / "out", "r1")
    file = pq.ParquetFile(tmp_path / "out" / "picture_likes.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [16_384, 13_616]
    assert {file.metadata.row_group(0).column(n).compression for n in range(file.metadata.num_columns)} == {"ZSTD"}
    schema = file.schema_arrow
    assert schema.field("event_time").type == pa.timestamp("us", tz="UTC")
    assert schema.field("picture_id").type == pa.int64()
    assert pa.types.is_dictionary(schema.field("device").type)
    assert schema.metadata[b"socialsim.run_id"] == b"r1"


def test_duckdb_reads_parquet_with_its_types(stored_sqlite: WarehouseFixture, tmp_path: Path) -> None:
    exported(stored_sqlite, "r1", tmp_path / "out", "parquet")
    users = duckdb.read_parquet(str(tmp_path / "out" / "users.parquet"))
    kinds = dict(zip(users.columns, map(str, users.types), strict=True))
    assert kinds["event_time"] == "TIMESTAMP WITH TIME ZONE"
    assert kinds["birthday"] == "DATE"
    assert kinds["user_id"] == "BIGINT"
    assert kinds["country"] == "VARCHAR"


class TestSpan:
    """``--since`` and ``--until``: both days are included."""

    def test_only_events_and_kpis_of_these_days_are_exported(
        self, stored_sqlite: WarehouseFixture, tmp_path: Path
    ) -> None:
        computed(stored_sqlite, "r1")
        day = date(2026, 1, 2)
        manifest = exported(stored_sqlite, "r1", tmp_path / "out", "parquet", span=ExportPeriod(day, day))
        assert manifest is not None
        assert (manifest.since, manifest.until) == (day, day)
        for entry in manifest.tables:
            stored = stored_rows(stored_sqlite, entry.table, "r1")
            names = {column.name for column in entry.columns}
            when = next((key for key in ("event_time", "day", "cohort_week") if key in names), None)
            expected = [row for row in stored if when is None or str(row[when])[:10] == str(day)]
            assert parquet_rows(tmp_path / "out" / entry.file) == expected, entry.table
            assert entry.table in ("runs", "cohort_weekly") or 0 < len(expected) < len(stored)

    def test_each_bound_works_alone(self, stored_sqlite: WarehouseFixture, tmp_path: Path) -> None:
        tables = choose_tables("picture_likes")
        counts = []
        for number, span in enumerate(
            (ExportPeriod(), ExportPeriod(until=date(2026, 1, 2)), ExportPeriod(since=date(2026, 1, 3)))
        ):
            manifest = exported(stored_sqlite, "r1", tmp_path / str(number), "csv", span=span, tables=tables)
            assert manifest is not None
            counts.append(manifest.tables[0].rows)
        assert counts[0] == counts[1] + counts[2]
        assert all(counts)
