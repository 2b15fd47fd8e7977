"""Migrations, the metadata and the published DDL say the same."""

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
from tests.warehouse.places import Place
from tests.warehouse.samples import key

ROOT = Path(__file__).resolve().parents[2]


def differences(place: Place) -> list[object]:
    with writing_engine(place.target, place.password).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def migrated_twice_is_the_metadata(place: Place) -> None:
    assert current_revision(place.url, place.password) is None
    assert migrate(place.url, place.password) == expected_revision()
    assert migrate(place.url, place.password) == expected_revision()
    assert current_revision(place.url, place.password) == expected_revision()
    assert differences(place) == []


def test_sqlite_migrates_to_the_metadata(empty_sqlite: Place) -> None:
    migrated_twice_is_the_metadata(empty_sqlite)


def test_mysql_migrates_to_the_metadata(empty_mysql: Place) -> None:
    migrated_twice_is_the_metadata(empty_mysql)


def test_the_comparison_sees_a_difference(sqlite_place: Place) -> None:
    sqlite_place.change("DROP INDEX users_user")
    assert len(differences(sqlite_place)) == 1


def test_mysql_has_the_engine_the_collation_and_the_clustered_key_that_were_meant(mysql_place: Place) -> None:
    for table in mysql_place.rows(
        "SELECT TABLE_NAME AS name, ENGINE AS engine, TABLE_COLLATION AS collation "
        "FROM information_schema.tables WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> 'alembic_version' "
        "AND TABLE_TYPE = 'BASE TABLE'"
    ):
        assert (table["engine"], table["collation"]) == ("InnoDB", "utf8mb4_bin"), table
    inspector = inspect(read_engine(mysql_place.url, mysql_place.password))
    for table in EVENT_TABLES.values():
        key = inspector.get_pk_constraint(table.name)["constrained_columns"]
        assert key == ["run_key", "event_time", "shard", "seq"]
        assert inspector.get_unique_constraints(table.name) == []
        assert inspector.get_foreign_keys(table.name) == []
    kinds = {column["name"]: str(column["type"]) for column in inspector.get_columns("picture_likes")}
    assert kinds["event_time"].startswith("DATETIME")
    assert mysql_place.rows(
        "SELECT DATETIME_PRECISION AS digits FROM information_schema.columns WHERE TABLE_SCHEMA = DATABASE() "
        "AND TABLE_NAME = 'picture_likes' AND COLUMN_NAME = 'event_time'"
    ) == [{"digits": 6}]


def migrated_to(place: Place, revision: str, steps: Callable[[Config, str], None]) -> None:
    """Alembic's ``upgrade`` or ``downgrade`` to a revision that is not the newest."""
    scripts = Config()
    scripts.set_main_option("script_location", str(ROOT / "migrations"))
    scripts.set_main_option("path_separator", "os")
    with writing_engine(place.target, place.password).connect() as connection:
        scripts.attributes["connection"] = connection
        scripts.attributes["transactional_ddl"] = connection.dialect.name == "sqlite"
        steps(scripts, revision)
        connection.commit()


def a_warehouse_of_before_sessions_keeps_what_it_has(place: Place) -> None:
    if place.password is None:
        Path(str(place.target.path)).parent.mkdir(parents=True)
    migrated_to(place, "0002", command.upgrade)
    assert "sessions" not in inspect(read_engine(place.url, place.password)).get_table_names()
    place.change("INSERT INTO runs (run_key, run_id, created_at) VALUES (1, 'r1', '2026-01-01 00:00:00.000000')")
    counts = ", ".join(f"{number} AS {plural}" for number, plural in enumerate(PLURALS.values(), 1))
    old = [plural for plural in PLURALS.values() if plural != "sessions"]
    place.change(
        f"INSERT INTO user_day (run_key, day, user_id, country, {', '.join(old)}) "
        f"SELECT 1, '2026-01-01', 7, 'FR', {', '.join(old)} FROM (SELECT {counts}) AS c"
    )
    with pytest.raises(SchemaOutdatedError, match="revision 0002"):
        check_revision(current_revision(place.url, place.password), place.target)
    assert migrate(place.url, place.password) == expected_revision()
    assert differences(place) == []
    (row,) = place.rows("SELECT * FROM user_day")
    assert list(row) == [column.name for column in metadata.tables["user_day"].columns]
    expected = {plural: number for number, plural in enumerate(PLURALS.values(), 1)} | {"sessions": 0}
    assert {plural: row[plural] for plural in PLURALS.values()} == expected
    assert (row["user_id"], row["country"], row["first_post_at"]) == (7, "FR", None)
    migrated_to(place, "0002", command.downgrade)
    (row,) = place.rows("SELECT * FROM user_day")
    assert "sessions" not in row
    assert (row["user_id"], row["comments"]) == (7, expected["comments"])
    assert migrate(place.url, place.password) == expected_revision()
    assert differences(place) == []


def test_sqlite_of_before_sessions_keeps_what_it_has(empty_sqlite: Place) -> None:
    a_warehouse_of_before_sessions_keeps_what_it_has(empty_sqlite)


def test_mysql_of_before_sessions_keeps_what_it_has(empty_mysql: Place) -> None:
    a_warehouse_of_before_sessions_keeps_what_it_has(empty_mysql)


def a_warehouse_of_before_identities_keeps_what_it_has(place: Place) -> None:
    if place.password is None:
        Path(str(place.target.path)).parent.mkdir(parents=True)
    migrated_to(place, "0003", command.upgrade)
    place.change("INSERT INTO runs (run_key, run_id, created_at) VALUES (1, 'r1', '2026-01-01 00:00:00.000000')")
    place.change(
        "INSERT INTO consumer_offsets (log_id, consumer_group, topic, partition_id, next_offset, consumed, inserted, "
        "duplicates, dead_letters, commits, updated_at) "
        "VALUES ('log', 'g', 'picture_likes', 0, 5, 5, 4, 0, 1, 1, '2026-01-01 00:00:00.000000')"
    )
    letter = (
        "INSERT INTO dead_letters (id, log_id, topic, partition_id, record_offset, raw, raw_bytes, raw_sha256, "
        "error_class, reason, created_at) VALUES (7, 'log', 'picture_likes', 0, 3, X'7b', 1, 'x', 'not_json', 'r', "
        "'2026-01-01 00:00:00.000000')"
    )
    place.change(letter)
    assert migrate(place.url, place.password) == expected_revision()
    assert differences(place) == []
    (row,) = place.rows("SELECT * FROM dead_letters")
    assert (row["id"], row["raw"], row["record_offset"], row["topic_identity"]) == (7, b"{", 3, "")

    async def adopt() -> dict[OffsetKey, int]:
        async with place.opened() as warehouse:
            return await warehouse.offsets([key(0)._replace(identity="t-1"), key(1)._replace(identity="t-1")])

    assert sorted(asyncio.run(adopt()).values()) == [0, 5]
    for table in ("consumer_offsets", "dead_letters"):
        assert {row["topic_identity"] for row in place.rows(f"SELECT topic_identity FROM {table}")} == {"t-1"}
    migrated_to(place, "0003", command.downgrade)
    (row,) = place.rows("SELECT * FROM dead_letters")
    assert (row["id"], row["raw"]) == (7, b"{")
    assert "topic_identity" not in row
    assert migrate(place.url, place.password) == expected_revision()
    assert differences(place) == []


def test_sqlite_of_before_identities_keeps_what_it_has(empty_sqlite: Place) -> None:
    a_warehouse_of_before_identities_keeps_what_it_has(empty_sqlite)


def test_mysql_of_before_identities_keeps_what_it_has(empty_mysql: Place) -> None:
    a_warehouse_of_before_identities_keeps_what_it_has(empty_mysql)


def test_two_migrations_at_once_are_one(empty_sqlite: Place) -> None:
    outcomes: list[str] = []
    threads = [threading.Thread(target=lambda: outcomes.append(migrate(empty_sqlite.url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [expected_revision()] * 3


def test_two_migrations_of_mysql_at_once_are_one(empty_mysql: Place) -> None:
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


def test_a_newer_schema_is_not_touched(sqlite_place: Place) -> None:
    sqlite_place.change("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaOutdatedError, match="9999"):
        migrate(sqlite_place.url)


def test_a_busy_file_says_so(sqlite_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socialsim.warehouse.engines.SQLITE_BUSY_TIMEOUT_S", 0.01)
    holder = sqlite3.connect(sqlite_place.url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(TransientError, match="another process"):
            migrate(sqlite_place.url)
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


def test_a_connection_that_cannot_be_made_ready_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:1 .*make up"):
        migrate("mysql://u@127.0.0.1:1/db", "p")


def reading_cannot_write(place: Place) -> None:
    engine = read_engine(place.url, place.password)
    with (
        pytest.raises(Exception, match=r"read.?only|READ ONLY"),
        translated(place.target),
        engine.begin() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM runs")


def test_a_reader_of_sqlite_cannot_write(sqlite_place: Place) -> None:
    reading_cannot_write(sqlite_place)


def test_a_reader_of_mysql_cannot_write(mysql_place: Place) -> None:
    reading_cannot_write(mysql_place)


def test_reading_never_makes_a_file(tmp_path: Path) -> None:
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


def the_views_are_those_published(place: Place) -> None:
    for name in VIEWS:
        made = place.rows(f"SELECT * FROM {name}")
        assert made == []
        columns = inspect(read_engine(place.url, place.password)).get_columns(name)
        assert [column["name"] for column in columns] == ["run_id", "day", *WIDE_METRICS, "computed_at"]


def test_the_views_of_sqlite_are_those_published(sqlite_place: Place) -> None:
    the_views_are_those_published(sqlite_place)


def test_the_views_of_mysql_are_those_published(mysql_place: Place) -> None:
    the_views_are_those_published(mysql_place)
