"""SQLite only: one file, one writer at a time."""

import sqlite3
from pathlib import Path

import pytest

from socialsim.errors import InputError, TransientError
from socialsim.warehouse.base import OffsetAdvance
from socialsim.warehouse.sqlite.warehouse import SqliteWarehouse
from tests.warehouse.samples import batch_of, key, likes
from tests.warehouse.warehouse_fixtures import WarehouseFixture


def path_of(db: WarehouseFixture) -> Path:
    return Path(db.url.removeprefix("sqlite:///"))


async def test_a_lock_of_another_writer_is_a_transient_error(sqlite_db: WarehouseFixture) -> None:
    async with sqlite_db.opened(busy_timeout_s=0.01) as warehouse:
        await warehouse.offsets([key(0)])
        batch = batch_of(likes(3), OffsetAdvance(key(0), 0, 3))
        holder = sqlite3.connect(path_of(sqlite_db), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransientError, match="another process is writing"):
            await warehouse.store(0, batch)
        with pytest.raises(TransientError, match="another process is writing"):
            await warehouse.offsets([key(0)])
        holder.close()
        assert await warehouse.offsets([key(0)]) == {key(0): 0}
        stored = await warehouse.store(0, batch)
        assert stored.inserted == {"picture_like": 3}


async def test_a_reader_does_not_stop_the_writer(sqlite_db: WarehouseFixture) -> None:
    async with sqlite_db.opened(busy_timeout_s=0.01) as warehouse:
        reader = sqlite3.connect(path_of(sqlite_db), isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM picture_likes").fetchone()
        await warehouse.store(0, batch_of(likes(3)))
        assert reader.execute("SELECT COUNT(*) FROM picture_likes").fetchone() == (0,)
        reader.close()


async def test_times_are_stored_as_sortable_text(sqlite_db: WarehouseFixture) -> None:
    async with sqlite_db.opened() as warehouse:
        await warehouse.offsets([key(0)])
        await warehouse.store(0, batch_of(likes(2), OffsetAdvance(key(0), 0, 2)))
    rows = sqlite3.connect(path_of(sqlite_db))
    (first, second) = rows.execute("SELECT typeof(event_time), event_time FROM picture_likes ORDER BY 2").fetchall()
    assert first == ("text", "2026-01-01 00:00:00.000000")
    assert second == ("text", "2026-01-01 00:00:01.234567")
    for table, column in (("runs", "created_at"), ("consumer_offsets", "updated_at")):
        ((kind, length),) = rows.execute(f"SELECT typeof({column}), length({column}) FROM {table}").fetchall()
        assert (kind, length) == ("text", len("2026-01-01 00:00:00.000000"))
    rows.close()


async def test_the_file_is_in_wal_mode_with_large_pages(sqlite_db: WarehouseFixture) -> None:
    async with sqlite_db.opened() as warehouse:
        await warehouse.store(0, batch_of(likes(1)))
        file = sqlite3.connect(path_of(sqlite_db))
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert file.execute("PRAGMA page_size").fetchone() == (16_384,)
        file.close()


async def test_there_is_one_lane(sqlite_db: WarehouseFixture) -> None:
    async with sqlite_db.opened() as warehouse:
        assert warehouse.lanes == 1
        with pytest.raises(ValueError, match="lane 1"):
            await warehouse.store(1, batch_of(likes(1)))


async def test_a_path_that_cannot_be_a_database_is_an_input_error(tmp_path: Path) -> None:
    warehouse = SqliteWarehouse(tmp_path)
    with pytest.raises(InputError, match=str(tmp_path)):
        await warehouse.open()
    await warehouse.close()
    await warehouse.close()
