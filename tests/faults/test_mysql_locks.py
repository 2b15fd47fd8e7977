"""Locks that others hold: a real deadlock (1213) and a real lock wait (1205) have the whole
transaction tried again.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pymysql
import pytest
from pymysql.cursors import Cursor

from compose.native import MySQLServer
from tests.faults.marks import slow
from tests.faults.pipelines import QUICK, SMALL, consume, log_of
from tests.support.account import assert_all_stored
from tests.support.patience import HANG_S, eventually
from tests.support.proxy import MysqlProxy, Statement, Verdict
from tests.warehouse.warehouse_fixtures import WarehouseFixture

DEADLOCK, LOCK_WAIT = 1213, 1205


@contextmanager
def second_connection(server: MySQLServer, database: str) -> Iterator[Cursor]:
    """The administrator's, with a transaction of its own."""
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.root_user,
        password=server.root_password,
        database=database,
        autocommit=False,
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            # a test decides when a wait ends
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {HANG_S:.0f}")
            yield cursor
    finally:
        connection.close()


def is_waiting(server: MySQLServer, thread_id: int) -> bool:
    """Whether the session waits for a lock, as the engine sees it now.

    Not from ``information_schema.innodb_trx``: the server makes that table anew only when nobody
    has read it for a tenth of a second, so who asks more often than that is told for ever what was
    true before the wait.
    """
    with server.root_cursor() as cursor:
        cursor.execute("SHOW ENGINE INNODB STATUS")
        row = cursor.fetchone()
    assert row is not None
    transactions = str(row[2]).split("---TRANSACTION ")
    return any("LOCK WAIT" in each and re.search(rf"thread id {thread_id},", each) for each in transactions)


@pytest.mark.parametrize("number", [1, slow(4)])
async def test_the_victim_of_a_deadlock_stores_the_whole_batch_again(
    mysql_db: WarehouseFixture, proxied: WarehouseFixture, proxy: MysqlProxy, mysql: MySQLServer, number: int
) -> None:
    database = mysql_db.url.rpartition("/")[2]
    with second_connection(mysql, database) as other:
        other.execute("CREATE TABLE ballast (id INT PRIMARY KEY)")
        other.execute("SELECT CONNECTION_ID()")
        row = other.fetchone()
        assert row is not None
        thread_id = int(row[0])
        threads: list[threading.Thread] = []
        tables: list[str] = []

        def entangle(statement: Statement) -> Verdict:
            if statement == "insert_events":
                tables.append(statement.sql.split()[2].decode())
            if statement == "begin" and statement.number == number:
                # The server rolls back the transaction with fewer changes.
                other.executemany("INSERT INTO ballast VALUES (%s)", [(n,) for n in range(5_000)])
                other.execute("SELECT * FROM consumer_offsets FOR UPDATE")
                other.fetchall()
            if statement == "move_offsets" and statement.number == number:
                # It has rows that we wait for, and is about to wait for the offsets that we have.
                threads.append(threading.Thread(target=_lock_what_was_inserted, args=(other, tables[-1])))
                threads[0].start()
                eventually(lambda: is_waiting(mysql, thread_id), "the other connection waits")
            return Verdict.PASS

        proxy.rule = entangle
        # The statement that is held until the other connection waits must not be given up.
        settings = replace(QUICK, batch_rows=50)
        stats = await consume(log_of(SMALL), proxied, settings, lanes=1, statement_timeout_s=HANG_S)
        threads[0].join()
    assert proxy.errors[DEADLOCK] == 1
    assert stats.retries >= 1
    assert stats.dead_letters == 0
    assert_all_stored(mysql_db, SMALL)


def _lock_what_was_inserted(other: Cursor, table: str) -> None:
    other.execute(f"SELECT * FROM {table} FOR UPDATE")
    other.connection.rollback()


@pytest.mark.parametrize("number", [1, slow(3)])
async def test_a_lock_that_is_not_to_be_had_in_time_is_tried_again(
    mysql_db: WarehouseFixture, proxied: WarehouseFixture, proxy: MysqlProxy, mysql: MySQLServer, number: int
) -> None:
    database = mysql_db.url.rpartition("/")[2]
    with second_connection(mysql, database) as other:

        def lock(statement: Statement) -> Verdict | bytes:
            # twenty seconds would prove nothing more
            if b"innodb_lock_wait_timeout = 20" in statement.sql:
                return statement.sql.replace(b"innodb_lock_wait_timeout = 20", b"innodb_lock_wait_timeout = 1")
            if statement == "move_offsets" and statement.number == number:
                other.execute("SELECT * FROM consumer_offsets FOR UPDATE")
                other.fetchall()
            # the transaction's own, and that of the reading after it
            if proxy.errors[LOCK_WAIT] >= 2:
                other.connection.rollback()
            return Verdict.PASS

        proxy.rule = lock
        stats = await consume(log_of(SMALL), proxied, replace(QUICK, batch_rows=50), lanes=1)
    assert proxy.errors[LOCK_WAIT] >= 2
    assert stats.retries >= 2
    assert stats.dead_letters == 0
    assert_all_stored(mysql_db, SMALL)
