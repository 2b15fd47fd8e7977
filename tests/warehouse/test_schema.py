"""Migrations, the metadata and the published DDL agree."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from compose.native import Database
from socialsim.errors import (
    InputError,
    SchemaOutdatedError,
    ServiceUnavailableError,
    SocialsimError,
    TransientError,
)
from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.warehouse.base import OffsetKey
from socialsim.warehouse.batches.rows import columns
from socialsim.warehouse.engines import read_engine, translated, writing_engine
from socialsim.warehouse.schema.ddl import EngineName, ddl
from socialsim.warehouse.schema.migrate import migrate
from socialsim.warehouse.schema.revision import check_revision, current_revision, expected_revision
from socialsim.warehouse.schema.tables import EVENT_TABLES, metadata
from socialsim.warehouse.schema.views import VIEWS, WIDE_METRICS
from socialsim.warehouse.urls import SqliteTarget
from tests.warehouse.samples import key
from tests.warehouse.warehouse_fixtures import WarehouseFixture

ROOT = Path(__file__).resolve().parents[2]


def differences(db: WarehouseFixture) -> list[object]:
    with writing_engine(db.target, db.password).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def check_that_migrating_twice_gives_the_metadata(db: WarehouseFixture) -> None:
    assert current_revision(db.url, db.password) is None
    assert migrate(db.url, db.password) == expected_revision()
    assert migrate(db.url, db.password) == expected_revision()
    assert current_revision(db.url, db.password) == expected_revision()
    assert differences(db) == []


def test_sqlite_migrates_to_the_metadata(empty_sqlite: WarehouseFixture) -> None:
    check_that_migrating_twice_gives_the_metadata(empty_sqlite)


def test_mysql_migrates_to_the_metadata(empty_mysql: WarehouseFixture) -> None:
    check_that_migrating_twice_gives_the_metadata(empty_mysql)


def test_the_comparison_sees_a_difference(sqlite_db: WarehouseFixture) -> None:
    sqlite_db.change("DROP INDEX users_user")
    assert len(differences(sqlite_db)) == 1


def test_mysql_tables_have_the_intended_engine_collation_and_clustered_key(mysql_db: WarehouseFixture) -> None:
    for row in mysql_db.rows(
        "SELECT TABLE_NAME AS name, ENGINE AS engine, TABLE_COLLATION AS collation "
        "FROM information_schema.tables WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> 'alembic_version' "
        "AND TABLE_TYPE = 'BASE TABLE'"
    ):
        assert (row["engine"], row["collation"]) == ("InnoDB", "utf8mb4_bin"), row
    inspector = inspect(read_engine(mysql_db.url, mysql_db.password))
    for table in EVENT_TABLES.values():
        key = inspector.get_pk_constraint(table.name)["constrained_columns"]
        assert key == ["run_key", "event_time", "shard", "seq"]
        assert inspector.get_unique_constraints(table.name) == []
        assert inspector.get_foreign_keys(table.name) == []
    kinds = {column["name"]: str(column["type"]) for column in inspector.get_columns("picture_likes")}
    assert kinds["event_time"].startswith("DATETIME")
    assert mysql_db.rows(
        "SELECT DATETIME_PRECISION AS digits FROM information_schema.columns WHERE TABLE_SCHEMA = DATABASE() "
        "AND TABLE_NAME = 'picture_likes' AND COLUMN_NAME = 'event_time'"
    ) == [{"digits": 6}]


def migrated_to(db: WarehouseFixture, revision: str, steps: Callable[[Config, str], None]) -> None:
    """Alembic's ``upgrade`` or ``downgrade`` to a revision that is not the newest."""
    scripts = Config()
    scripts.set_main_option("script_location", str(ROOT / "migrations"))
    scripts.set_main_option("path_separator", "os")
    with writing_engine(db.target, db.password).connect() as connection:
        scripts.attributes["connection"] = connection
        scripts.attributes["transactional_ddl"] = connection.dialect.name == "sqlite"
        steps(scripts, revision)
        connection.commit()


def check_the_migration_from_before_sessions(db: WarehouseFixture) -> None:
    if isinstance(db.target, SqliteTarget):
        db.target.path.parent.mkdir(parents=True)
    migrated_to(db, "0002", command.upgrade)
    assert "sessions" not in inspect(read_engine(db.url, db.password)).get_table_names()
    db.change("INSERT INTO runs (run_key, run_id, created_at) VALUES (1, 'r1', '2026-01-01 00:00:00.000000')")
    counts = ", ".join(f"{number} AS {plural}" for number, plural in enumerate(PLURALS.values(), 1))
    old = [plural for plural in PLURALS.values() if plural != "sessions"]
    db.change(
        f"INSERT INTO user_day (run_key, day, user_id, country, {', '.join(old)}) "
        f"SELECT 1, '2026-01-01', 7, 'FR', {', '.join(old)} FROM (SELECT {counts}) AS c"
    )
    with pytest.raises(SchemaOutdatedError, match="revision 0002"):
        check_revision(current_revision(db.url, db.password), db.target)
    assert migrate(db.url, db.password) == expected_revision()
    assert differences(db) == []
    (row,) = db.rows("SELECT * FROM user_day")
    assert list(row) == [column.name for column in metadata.tables["user_day"].columns]
    expected = {plural: number for number, plural in enumerate(PLURALS.values(), 1)} | {"sessions": 0}
    assert {plural: row[plural] for plural in PLURALS.values()} == expected
    assert (row["user_id"], row["country"], row["first_post_at"]) == (7, "FR", None)
    migrated_to(db, "0002", command.downgrade)
    (row,) = db.rows("SELECT * FROM user_day")
    assert "sessions" not in row
    assert (row["user_id"], row["comments"]) == (7, expected["comments"])
    assert migrate(db.url, db.password) == expected_revision()
    assert differences(db) == []


def test_migrating_sqlite_from_before_sessions_keeps_its_rows(empty_sqlite: WarehouseFixture) -> None:
    check_the_migration_from_before_sessions(empty_sqlite)


def test_migrating_mysql_from_before_sessions_keeps_its_rows(empty_mysql: WarehouseFixture) -> None:
    check_the_migration_from_before_sessions(empty_mysql)


def check_the_migration_from_before_identities(db: WarehouseFixture) -> None:
    if isinstance(db.target, SqliteTarget):
        db.target.path.parent.mkdir(parents=True)
    migrated_to(db, "0003", command.upgrade)
    db.change("INSERT INTO runs (run_key, run_id, created_at) VALUES (1, 'r1', '2026-01-01 00:00:00.000000')")
    db.change(
        "INSERT INTO consumer_offsets (log_id, consumer_group, topic, partition_id, next_offset, consumed, inserted, "
        "duplicates, dead_letters, commits, updated_at) "
        "VALUES ('log', 'g', 'picture_likes', 0, 5, 5, 4, 0, 1, 1, '2026-01-01 00:00:00.000000')"
    )
    letter = (
        "INSERT INTO dead_letters (id, log_id, topic, partition_id, record_offset, raw, raw_bytes, raw_sha256, "
        "error_class, reason, created_at) VALUES (7, 'log', 'picture_likes', 0, 3, X'7b', 1, 'x', 'not_json', 'r', "
        "'2026-01-01 00:00:00.000000')"
    )
    db.change(letter)
    assert migrate(db.url, db.password) == expected_revision()
    assert differences(db) == []
    (row,) = db.rows("SELECT * FROM dead_letters")
    assert (row["id"], row["raw"], row["record_offset"], row["topic_identity"]) == (7, b"{", 3, "")

    async def adopt() -> dict[OffsetKey, int]:
        async with db.opened() as warehouse:
            return await warehouse.offsets([key(0)._replace(identity="t-1"), key(1)._replace(identity="t-1")])

    assert sorted(asyncio.run(adopt()).values()) == [0, 5]
    for table in ("consumer_offsets", "dead_letters"):
        assert {row["topic_identity"] for row in db.rows(f"SELECT topic_identity FROM {table}")} == {"t-1"}
    migrated_to(db, "0003", command.downgrade)
    (row,) = db.rows("SELECT * FROM dead_letters")
    assert (row["id"], row["raw"]) == (7, b"{")
    assert "topic_identity" not in row
    assert migrate(db.url, db.password) == expected_revision()
    assert differences(db) == []


def test_migrating_sqlite_from_before_identities_keeps_its_rows(empty_sqlite: WarehouseFixture) -> None:
    check_the_migration_from_before_identities(empty_sqlite)


def test_migrating_mysql_from_before_identities_keeps_its_rows(empty_mysql: WarehouseFixture) -> None:
    check_the_migration_from_before_identities(empty_mysql)


def test_concurrent_migrations_of_sqlite_run_once(empty_sqlite: WarehouseFixture) -> None:
    outcomes: list[str] = []
    threads = [threading.Thread(target=lambda: outcomes.append(migrate(empty_sqlite.url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [expected_revision()] * 3


def test_concurrent_migrations_of_mysql_run_once(empty_mysql: WarehouseFixture) -> None:
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(migrate(empty_mysql.url, empty_mysql.password)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [expected_revision()] * 3


def test_migrating_is_silent(tmp_path: Path) -> None:
    code = (
        "import logging, sys; logging.basicConfig(level=logging.DEBUG)\n"
        "from socialsim.warehouse.schema.migrate import migrate; migrate(sys.argv[1])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{tmp_path}/w.sqlite"], capture_output=True, text=True, check=True
    )
    assert run.stdout == ""
    assert "alembic" not in run.stderr


def test_a_newer_schema_is_not_touched(sqlite_db: WarehouseFixture) -> None:
    sqlite_db.change("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaOutdatedError, match="9999"):
        migrate(sqlite_db.url)


def test_a_locked_file_is_reported(sqlite_db: WarehouseFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socialsim.warehouse.engines.SQLITE_BUSY_TIMEOUT_S", 0.01)
    holder = sqlite3.connect(sqlite_db.url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(TransientError, match="another process"):
            migrate(sqlite_db.url)
    finally:
        holder.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite"
    path.write_text("not a database, but long enough to look like one" * 100)
    with pytest.raises(InputError, match=r"w\.sqlite"):
        migrate(f"sqlite:///{path}")


def test_a_wrong_password_is_an_input_error_without_the_password(fresh_database: Database) -> None:
    with pytest.raises(InputError, match="1045") as caught:
        migrate(fresh_database.url, "canary-password")
    assert "canary" not in str(caught.value)


def test_a_connection_whose_setup_fails_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Watched(sqlite3.Connection):
        def close(self) -> None:
            closed.append(self)
            super().close()

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Watched))
    (tmp_path / "w.sqlite").write_bytes(b"this is no database, and it is long enough to be looked at" * 100)
    with pytest.raises(SocialsimError, match="not a database"):
        migrate(f"sqlite:///{tmp_path}/w.sqlite")
    assert len(closed) == 1


def test_an_unreachable_server_is_named() -> None:
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:1 .*make up"):
        migrate("mysql://u@127.0.0.1:1/db", "p")


def check_that_a_reader_cannot_write(db: WarehouseFixture) -> None:
    engine = read_engine(db.url, db.password)
    with (
        pytest.raises(Exception, match=r"read.?only|READ ONLY"),
        translated(db.target),
        engine.begin() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM runs")


def test_a_reader_of_sqlite_cannot_write(sqlite_db: WarehouseFixture) -> None:
    check_that_a_reader_cannot_write(sqlite_db)


def test_a_reader_of_mysql_cannot_write(mysql_db: WarehouseFixture) -> None:
    check_that_a_reader_cannot_write(mysql_db)


def test_reading_never_creates_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_engine(f"sqlite:///{tmp_path}/w.sqlite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_each_field_of_an_event_has_its_column(name: str) -> None:
    assert tuple(EVENT_TABLES[name].columns.keys()) == columns(name)
    fields = set(EVENT_TYPES[name].__struct_fields__) - {"run_id", "time_us"} | {"run_key", "event_time"}
    assert set(columns(name)) == fields


@pytest.mark.parametrize("engine", get_args(EngineName))
def test_the_published_ddl_is_up_to_date(engine: EngineName) -> None:
    published = (ROOT / "docs" / "schema" / f"{engine}.sql").read_text(encoding="utf-8")
    assert published == ddl(engine), "run: python -m socialsim.warehouse.schema.ddl"


def test_the_published_ddl_is_valid_sqlite() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(ddl("sqlite"))
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert names >= set(metadata.tables)


def check_the_published_views(db: WarehouseFixture) -> None:
    for name in VIEWS:
        made = db.rows(f"SELECT * FROM {name}")
        assert made == []
        columns = inspect(read_engine(db.url, db.password)).get_columns(name)
        assert [column["name"] for column in columns] == ["run_id", "day", *WIDE_METRICS, "computed_at"]


def test_the_views_of_sqlite_are_the_published_ones(sqlite_db: WarehouseFixture) -> None:
    check_the_published_views(sqlite_db)


def test_the_views_of_mysql_are_the_published_ones(mysql_db: WarehouseFixture) -> None:
    check_the_published_views(mysql_db)
