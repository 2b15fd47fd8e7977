"""An export shows one moment and is written completely or not at all."""

import asyncio
import resource
from pathlib import Path

import pytest
from msgspec import structs

from socialsim.errors import InputError, LogFullError, TerminalError
from socialsim.export import FORMATS, choose_tables
from socialsim.export.folder import locked_folder
from socialsim.export.manifest import FormatName, TableEntry
from tests.export.exports import exported, keep, manifest_of
from tests.verification.stored import events_of, store
from tests.warehouse.samples import likes
from tests.warehouse.warehouse_fixtures import WarehouseFixture


def what_comes_in_meanwhile_is_not_in_it(db: WarehouseFixture, path: Path) -> None:
    events = events_of("r1")
    asyncio.run(store(db, events))
    more = [structs.replace(event, seq=event.seq + 1_000_000) for event in events]

    def meanwhile(entry: TableEntry) -> None:
        if entry.table == "runs":
            asyncio.run(keep(db, more))

    tables = choose_tables("runs,users,picture_likes,comments")
    during = exported(db, "r1", path / "during", "csv", tables=tables, on_table=meanwhile)
    after = exported(db, "r1", path / "after", "csv", tables=tables)
    assert during is not None
    assert after is not None
    assert [entry.rows * 2 for entry in during.tables[1:]] == [entry.rows for entry in after.tables[1:]]
    assert all(entry.rows for entry in during.tables)


def test_an_export_of_sqlite_shows_one_moment(sqlite_db: WarehouseFixture, tmp_path: Path) -> None:
    what_comes_in_meanwhile_is_not_in_it(sqlite_db, tmp_path)


def test_an_export_of_mysql_shows_one_moment(mysql_db: WarehouseFixture, tmp_path: Path) -> None:
    what_comes_in_meanwhile_is_not_in_it(mysql_db, tmp_path)


def a_stopped_one_leaves_nothing(db: WarehouseFixture, path: Path) -> None:
    asyncio.run(keep(db, likes(20_000)))  # more than are read at once
    looks: list[None] = []

    def second_look() -> bool:
        looks.append(None)
        return len(looks) == 2

    for format_name in FORMATS:
        looks.clear()
        tables = choose_tables("picture_likes")
        assert exported(db, "r1", path, format_name, tables=tables, is_stopping=second_look) is None
        assert list(path.iterdir()) == []
        manifest = exported(db, "r1", path / format_name, format_name, tables=tables)
        assert manifest is not None
        assert manifest.tables[0].rows == 20_000
        for file in (path / format_name).iterdir():
            file.unlink()
        (path / format_name).rmdir()


def test_a_stopped_export_of_sqlite_leaves_nothing(sqlite_db: WarehouseFixture, tmp_path: Path) -> None:
    a_stopped_one_leaves_nothing(sqlite_db, tmp_path / "out")


def test_a_stopped_export_of_mysql_leaves_nothing(mysql_db: WarehouseFixture, tmp_path: Path) -> None:
    a_stopped_one_leaves_nothing(mysql_db, tmp_path / "out")


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize("there", ["users.csv", "export.json"])
def test_existing_files_are_not_replaced(stored_sqlite: WarehouseFixture, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(InputError, match=rf"{there} is there already.*--force"):
        exported(stored_sqlite, "r1", tmp_path, "csv", tables=choose_tables("users,pictures"))
    assert (tmp_path / there).read_text() == "mine"
    assert not (tmp_path / "pictures.csv").exists()


def test_files_that_appear_during_the_export_are_not_replaced(stored_sqlite: WarehouseFixture, tmp_path: Path) -> None:
    path = tmp_path / "out"

    def appear(_: TableEntry) -> None:
        (path / "users.csv").write_text("mine")

    with pytest.raises(InputError, match=r"users\.csv is there already"):
        exported(stored_sqlite, "r1", path, "csv", on_table=appear)
    assert contents(path) == {"users.csv": b"mine"}


def test_existing_files_are_replaced_on_request(stored_sqlite: WarehouseFixture, tmp_path: Path) -> None:
    path = tmp_path / "out"
    exported(stored_sqlite, "r1", path, "csv")
    before = contents(path)
    (path / "users.csv").write_text("no more")
    (path / "notes.txt").write_text("mine")
    exported(stored_sqlite, "r1", path, "csv", replace=True)
    assert contents(path) == {**before, "notes.txt": b"mine"}


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_full_disk_leaves_an_earlier_export_unchanged(
    stored_sqlite: WarehouseFixture, tmp_path: Path, format_name: FormatName
) -> None:
    path = tmp_path / "out"
    exported(stored_sqlite, "r1", path, format_name)
    before = contents(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def no_more_room(_: TableEntry) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))

    try:
        with pytest.raises(LogFullError, match=r"--to .*out: cannot be written: File too large"):
            exported(stored_sqlite, "r1", path, format_name, replace=True, on_table=no_more_room)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(path) == before


def test_a_stored_value_of_another_type_is_reported_with_its_table(
    stored_sqlite: WarehouseFixture, tmp_path: Path
) -> None:
    """SQLite stores any value in any column."""
    stored_sqlite.change("UPDATE videos SET duration_s = 'long'")
    with pytest.raises(TerminalError, match=r"videos: .*socialsim verify"):
        exported(stored_sqlite, "r1", tmp_path / "out", "parquet")
    assert contents(tmp_path / "out") == {}


def test_two_exports_to_one_folder_at_once_are_refused(stored_sqlite: WarehouseFixture, tmp_path: Path) -> None:
    path = tmp_path / "out"
    with locked_folder(path), pytest.raises(InputError, match="another export is writing there"):
        exported(stored_sqlite, "r1", path, "csv")
    exported(stored_sqlite, "r1", path, "csv")
    assert manifest_of(path).run_id == "r1"


def test_files_left_by_a_killed_export_are_overwritten(stored_sqlite: WarehouseFixture, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.mkdir()
    (path / ".users.csv.new").write_text("half of it")
    exported(stored_sqlite, "r1", path, "csv")
    assert ".users.csv.new" not in contents(path)


def test_a_file_as_target_folder_is_refused(stored_sqlite: WarehouseFixture, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match=r"--to .*out: cannot be written"):
        exported(stored_sqlite, "r1", tmp_path / "out", "csv")
