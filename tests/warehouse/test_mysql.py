"""MySQL and MariaDB only: statements, pinned sessions and failures."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from compose.native import MySQLServer
from socialsim.errors import (
    InputError,
    OwnershipLostError,
    SchemaOutdatedError,
    ServiceUnavailableError,
    TerminalError,
    TransientError,
)
from socialsim.events import FriendAccepted, PicturePosted
from socialsim.warehouse.base import OffsetAdvance
from socialsim.warehouse.batches.transaction import MoveRow
from socialsim.warehouse.mysql import session as mysql_session
from socialsim.warehouse.mysql.literals import ROWS_TEXT, text_literal
from socialsim.warehouse.mysql.statements import event_inserts, move_offsets
from socialsim.warehouse.mysql.warehouse import MysqlWarehouse
from socialsim.warehouse.schema.migrate import migrate
from socialsim.warehouse.urls import MysqlTarget
from tests.support.services import MySQLFactory
from tests.warehouse.samples import START_US, batch_of, key, like, likes
from tests.warehouse.warehouse_fixtures import WarehouseFixture


def picture(seq: int, caption: str) -> PicturePosted:
    return PicturePosted(
        run_id="r1",
        shard=0,
        seq=seq,
        time_us=START_US + seq,
        user_id=1,
        device="web",
        picture_id=seq,
        caption=caption,
        width_px=1,
        height_px=1,
    )


@pytest.fixture
async def warehouse(mysql_db: WarehouseFixture) -> AsyncIterator[MysqlWarehouse]:
    async with mysql_db.opened(lanes=2) as opened:
        assert isinstance(opened, MysqlWarehouse)
        yield opened


@contextlib.contextmanager
def admin_cursor(server: MySQLServer, db: WarehouseFixture) -> Any:
    """A cursor of the root user in the same database."""
    assert isinstance(db.target, MysqlTarget)
    with server.root_cursor(db.target.database) as cursor:
        yield cursor


def sessions_of(cursor: Any, db: WarehouseFixture) -> list[int]:
    assert isinstance(db.target, MysqlTarget)
    cursor.execute("SELECT id FROM information_schema.processlist WHERE user = %s ORDER BY id", (db.target.user,))
    return [row[0] for row in cursor.fetchall()]


def test_statements_are_bounded_by_rows_and_by_bytes() -> None:
    pictures = [picture(seq, "\U0001f600'" * 400) for seq in range(300)]
    inserts = list(event_inserts("picture", 1, pictures, rows_max=200, bytes_max=100_000))
    assert sum(insert.rows for insert in inserts) == 300
    assert all(len(insert.sql) <= 100_000 and insert.rows <= 200 for insert in inserts)
    assert len(inserts) > 5
    (one,) = event_inserts("picture", 1, pictures[:1], bytes_max=10)
    assert one.rows == 1


def test_a_text_with_quotes_or_backslashes_is_written_in_hexadecimal() -> None:
    assert text_literal("Zoë 😀") == "'Zoë 😀'"
    assert text_literal("it's") == "_utf8mb4 X'69742773'"
    assert text_literal("\\") == "_utf8mb4 X'5c'"


@pytest.mark.parametrize("evil", ["1,1),(1", "1' OR '1", '1" OR "1', "\\"])
def test_an_invalid_number_or_enumeration_value_cannot_inject_sql(evil: str) -> None:
    event: Any = like(0)
    event.device = evil
    text = ROWS_TEXT["picture_like"](1, [event]).decode()
    # Without escaped characters only the time and the device are left, each in one pair of quotes.
    assert re.sub(r"\\.", "", text).count('"') == 4
    pictured: Any = picture(0, "")
    pictured.width_px = evil
    with pytest.raises(TypeError):
        ROWS_TEXT["picture"](1, [pictured])
    pictured.width_px = 1
    pictured.device = evil
    with pytest.raises(KeyError):
        ROWS_TEXT["picture"](1, [pictured])


def test_a_lone_surrogate_is_refused_before_it_is_sent() -> None:
    with pytest.raises(UnicodeEncodeError):
        ROWS_TEXT["picture"](1, [picture(0, "\udce4")])


async def test_a_batch_needs_few_statements(
    mysql: MySQLServer, mysql_db: WarehouseFixture, warehouse: MysqlWarehouse
) -> None:
    await warehouse.offsets([key(0)])
    await warehouse.store(0, batch_of(likes(1)))

    def inserts() -> int:
        # The server's own counter: other tests increase it too, so the smallest of several tries
        # counts.
        with admin_cursor(mysql, mysql_db) as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Com_insert'")
            return int(cursor.fetchone()[1])

    counts = []
    for attempt in range(5):
        before = inserts()
        await warehouse.store(0, batch_of(likes(5_000, first_seq=5_000 * attempt + 1)))
        counts.append(inserts() - before)
        if counts[-1] <= 10:
            break
    assert 5 <= min(counts) <= 10, counts


async def test_a_killed_session_is_a_transient_error_and_reconnects(
    mysql: MySQLServer, mysql_db: WarehouseFixture, warehouse: MysqlWarehouse
) -> None:
    await warehouse.offsets([key(0)])
    await warehouse.store(0, batch_of(likes(5), OffsetAdvance(key(0), 0, 5)))
    with admin_cursor(mysql, mysql_db) as cursor:
        for session in sessions_of(cursor, mysql_db):
            cursor.execute(f"KILL {session}")
    move = batch_of(likes(5, first_seq=5), OffsetAdvance(key(0), 5, 10))
    with pytest.raises(TransientError):
        await warehouse.store(0, move)
    with pytest.raises(TransientError):
        await warehouse.offsets([key(0)])
    assert await warehouse.offsets([key(0)]) == {key(0): 5}
    await warehouse.store(0, move)
    assert mysql_db.events()["picture_like"] == likes(10)


async def test_a_lock_wait_timeout_stores_nothing_and_is_transient(
    mysql: MySQLServer, mysql_db: WarehouseFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = (*mysql_session._PIN, "SET SESSION innodb_lock_wait_timeout = 1")
    monkeypatch.setattr(mysql_session, "_PIN", impatient)
    async with mysql_db.opened() as warehouse:
        await warehouse.offsets([key(0)])
        await warehouse.store(0, batch_of(likes(1)))
        batch = batch_of(likes(6), OffsetAdvance(key(0), 0, 6))
        with admin_cursor(mysql, mysql_db) as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM consumer_offsets FOR UPDATE")
            with pytest.raises(TransientError, match="1205"):
                await warehouse.store(0, batch)
            cursor.execute("ROLLBACK")
        assert (await warehouse.counts())["picture_like"] == 1
        stored = await warehouse.store(0, batch)
        assert stored.inserted == {"picture_like": 5}


async def test_a_statement_on_a_frozen_server_times_out_and_is_killed(mysql_factory: MySQLFactory) -> None:
    server = mysql_factory(flavour="mariadb")
    database = server.create_database("frozen")
    migrate(database.url, database.password)
    db = WarehouseFixture(database.url, database.password)
    async with db.opened(lanes=1, statement_timeout_s=1.0) as warehouse:
        await warehouse.offsets([key(0)])
        await warehouse.store(0, batch_of(likes(1)))
        batch = batch_of(likes(2_000), OffsetAdvance(key(0), 0, 2_000))
        server.freeze()
        try:
            with pytest.raises(TransientError, match="no answer in time"):
                await warehouse.store(0, batch)
        finally:
            server.thaw()
        assert await warehouse.offsets([key(0)]) == {key(0): 0}
        stored = await warehouse.store(0, batch)
        assert stored.inserted == {"picture_like": 1_999}


async def test_a_cancelled_store_leaves_the_lane_usable(mysql_db: WarehouseFixture, warehouse: MysqlWarehouse) -> None:
    await warehouse.offsets([key(0)])
    batch = batch_of(likes(20_000), OffsetAdvance(key(0), 0, 20_000))
    task = asyncio.create_task(warehouse.store(0, batch))
    while not mysql_db.rows("SELECT run_key FROM runs"):  # noqa: ASYNC110 - the server cannot set an event
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if await warehouse.offsets([key(0)]) == {key(0): 0}:
        await warehouse.store(0, batch)
    else:
        with pytest.raises(OwnershipLostError):
            await warehouse.store(0, batch)
    assert (await warehouse.counts())["picture_like"] == 20_000


async def test_a_server_restart_is_a_transient_error(mysql_factory: MySQLFactory) -> None:
    server = mysql_factory(flavour="mariadb")
    database = server.create_database("dies")
    migrate(database.url, database.password)
    async with WarehouseFixture(database.url, database.password).opened(lanes=1) as warehouse:
        await warehouse.offsets([key(0)])
        await warehouse.store(0, batch_of(likes(5), OffsetAdvance(key(0), 0, 5)))
        server.kill()
        for _ in range(2):
            with pytest.raises(TransientError):
                await warehouse.store(0, batch_of(likes(5, first_seq=5), OffsetAdvance(key(0), 5, 10)))
        server.restart()
        # The control connection has not noticed yet.
        with pytest.raises(TransientError):
            await warehouse.offsets([key(0)])
        assert await warehouse.offsets([key(0)]) == {key(0): 5}
        await warehouse.store(0, batch_of(likes(5, first_seq=5), OffsetAdvance(key(0), 5, 10)))
        assert (await warehouse.counts())["picture_like"] == 10


async def test_wrong_credentials_are_an_input_error_without_the_password(mysql_db: WarehouseFixture) -> None:
    assert isinstance(mysql_db.target, MysqlTarget)
    for password in ("canary-password", "canary-\u20ac"):
        warehouse = MysqlWarehouse(mysql_db.target, password)
        with pytest.raises(InputError) as caught:
            await warehouse.open()
        assert "canary" not in str(caught.value) + repr(warehouse)
        await warehouse.close()


async def test_an_unused_address_is_unavailable() -> None:
    warehouse = MysqlWarehouse(MysqlTarget("127.0.0.1", 1, "u", "db"), "p")
    with pytest.raises(ServiceUnavailableError, match=r"MySQL at 127\.0\.0\.1:1 .*make up"):
        await warehouse.open()
    await warehouse.close()


async def test_a_missing_table_is_a_schema_error(mysql_db: WarehouseFixture, warehouse: MysqlWarehouse) -> None:
    mysql_db.change("DROP TABLE picture_likes")
    with pytest.raises(SchemaOutdatedError, match="socialsim migrate"):
        await warehouse.store(0, batch_of(likes(1)))


async def test_a_missing_privilege_is_terminal(mysql: MySQLServer, mysql_db: WarehouseFixture) -> None:
    target = mysql_db.target
    assert isinstance(target, MysqlTarget)
    with admin_cursor(mysql, mysql_db) as cursor:
        cursor.execute(f"SELECT host FROM mysql.user WHERE user = '{target.user}'")
        ((host,),) = cursor.fetchall()
        cursor.execute(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM '{target.user}'@'{host}'")
        cursor.execute(f"GRANT SELECT ON `{target.database}`.* TO '{target.user}'@'{host}'")
    async with mysql_db.opened(lanes=1) as warehouse:
        with pytest.raises(TerminalError, match=r"1142\).* socialsim migrate --into mysql://"):
            await warehouse.store(0, batch_of(likes(1, first_seq=1)))


async def test_values_that_do_not_fit_roll_back_the_batch(
    mysql_db: WarehouseFixture, warehouse: MysqlWarehouse
) -> None:
    acceptance = FriendAccepted(
        run_id="r1", shard=0, seq=0, time_us=START_US, user_id=1, device="web", request_id=2**64, requester_id=1
    )
    with pytest.raises(TerminalError, match="1264"):
        await warehouse.store(0, batch_of([*likes(1), acceptance, picture(1, "x")]))
    with pytest.raises(TerminalError, match="1406"):
        await warehouse.store(0, batch_of([picture(2, "x" * 1_001)]))
    assert not any((await warehouse.counts()).values())


async def test_tls_that_the_server_does_not_offer_is_refused(mysql_db: WarehouseFixture) -> None:
    target = mysql_db.target
    assert isinstance(target, MysqlTarget)
    encrypted = MysqlTarget(target.host, target.port, target.user, target.database, "on")
    warehouse = MysqlWarehouse(encrypted, mysql_db.password)
    with pytest.raises(InputError, match=r"offers no TLS|certificate"):
        await warehouse.open()
    await warehouse.close()


async def test_the_session_is_pinned(mysql_db: WarehouseFixture, warehouse: MysqlWarehouse) -> None:
    session = await warehouse._lanes[0].session()
    ((mode, zone, autocommit, charset),) = await session.select(
        b"SELECT @@SESSION.sql_mode, @@SESSION.time_zone, @@SESSION.autocommit, @@character_set_client"
    )
    assert "STRICT_ALL_TABLES" in mode
    assert "ANSI_QUOTES" not in mode
    assert "NO_BACKSLASH_ESCAPES" not in mode
    assert (zone, autocommit, charset) == ("+00:00", 0, "utf8mb4")


async def test_the_offset_update_finds_each_row_by_its_primary_key(
    mysql: MySQLServer, mysql_db: WarehouseFixture, warehouse: MysqlWarehouse
) -> None:
    keys = [key(partition) for partition in range(64)]
    await warehouse.offsets(keys)
    sql = move_offsets([MoveRow(one, 0, 1, 1, 0, 0) for one in keys[:8]]).decode()
    with admin_cursor(mysql, mysql_db) as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        names = [column[0] for column in cursor.description]
        plan = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    (offsets,) = [row for row in plan if row["table"] in ("o", "consumer_offsets")]
    assert (offsets["type"], offsets["key"]) == ("eq_ref", "PRIMARY"), plan
