"""Connections to MySQL that break at any statement: the outcome is read from the offsets, each
event is stored once.
"""

import threading
from collections.abc import Callable
from dataclasses import replace

import pymysql
import pytest
from pymysql.constants.ER import NO_SUCH_THREAD as ER_NO_SUCH_THREAD

from compose.native import MySQLServer
from tests.faults.marks import slow
from tests.faults.pipelines import QUICK, SMALL, consume, log_of
from tests.support.account import assert_all_stored
from tests.support.proxy import MysqlProxy, Statement, Verdict
from tests.warehouse.warehouse_fixtures import WarehouseFixture

KINDS = ("begin", "insert_events", "insert_dead_letter", "move_offsets", "commit", "insert_run", "select_offsets")


def some(kind: str, verdict: Verdict, numbers: set[int]) -> Callable[[Statement], Verdict]:
    """Those ``numbers`` of a kind meet ``verdict``."""
    return lambda statement: verdict if statement == kind and statement.number in numbers else Verdict.PASS


@pytest.mark.parametrize("verdict", [Verdict.CUT_BEFORE, Verdict.CUT_ANSWER, slow(Verdict.CUT_AFTER)])
async def test_a_connection_cut_about_commit(
    mysql_db: WarehouseFixture, proxied: WarehouseFixture, proxy: MysqlProxy, verdict: Verdict
) -> None:
    numbers = {1, 2, 4, 5, 9}
    proxy.rule = some("commit", verdict, numbers)
    stats = await consume(log_of(SMALL), proxied)
    assert proxy.verdicts == {verdict: len(numbers)}
    assert_all_stored(mysql_db, SMALL)
    assert stats.retries >= len(numbers)
    assert stats.conflicts == 0
    # stored, and known to be from the offset alone: nothing is sent again
    if verdict is Verdict.CUT_ANSWER:
        assert sum(stats.recovered.values()) > 0
        assert not any(stats.duplicates.values())
    if verdict is Verdict.CUT_BEFORE:
        assert not any(stats.recovered.values())


@pytest.mark.parametrize("verdict", [Verdict.CUT_BEFORE, slow(Verdict.CUT_ANSWER)])
async def test_a_connection_cut_at_every_kind_of_statement(
    mysql_db: WarehouseFixture, proxied: WarehouseFixture, proxy: MysqlProxy, verdict: Verdict
) -> None:
    proxy.rule = lambda statement: verdict if statement in KINDS and statement.number in {1, 3} else Verdict.PASS
    log = log_of(SMALL)
    for records in log.records.values():
        records.append(b"poison")
    stats = await consume(log, proxied, replace(QUICK, batch_rows=40))
    assert proxy.verdicts[verdict] >= 2 * len(KINDS) - 1  # the run is made known once, or twice
    assert stats.dead_letters == len(log.records)
    assert_all_stored(mysql_db, SMALL, dead_letters=len(log.records))


@pytest.mark.parametrize("moment", ["before", slow("during")])
async def test_kill_connection_at_every_kind_of_statement(
    mysql_db: WarehouseFixture, proxied: WarehouseFixture, proxy: MysqlProxy, mysql: MySQLServer, moment: str
) -> None:
    struck: list[str] = []
    killed: list[str] = []

    def kill(statement: Statement) -> Verdict:
        if statement not in KINDS or statement.number not in {1, 3}:
            return Verdict.PASS

        def strike() -> None:
            if _kill(mysql, statement.link.thread_id):
                killed.append(statement)

        struck.append(statement)
        threads.append(threading.Thread(target=strike))
        threads[-1].start()
        if moment == "before":
            threads[-1].join()
        return Verdict.PASS

    threads: list[threading.Thread] = []
    proxy.rule = kill
    log = log_of(SMALL)
    for records in log.records.values():
        records.append(b"poison")
    await consume(log, proxied, replace(QUICK, batch_rows=40))
    for thread in threads:
        thread.join()
    assert set(struck) == set(KINDS)
    # A statement may be faster than its killer, and its connection may be gone by the strike
    # before.
    assert set(killed) == set(KINDS) if moment == "before" else len(killed) >= len(KINDS)
    assert_all_stored(mysql_db, SMALL, dead_letters=len(log.records))


def _kill(server: MySQLServer, thread_id: int) -> bool:
    """End a connection; False if it has gone by itself meanwhile."""
    with server.root_cursor() as cursor:
        try:
            cursor.execute(f"KILL CONNECTION {thread_id}")
        except pymysql.err.OperationalError as error:
            if error.args[0] == ER_NO_SUCH_THREAD:
                return False
            raise
    return True


@pytest.mark.slow_faults
async def test_what_comes_byte_by_byte(
    mysql_db: WarehouseFixture, proxied: WarehouseFixture, proxy: MysqlProxy
) -> None:
    proxy.slice_bytes = 1
    await consume(log_of(SMALL), proxied)
    assert proxy.slices > 10_000
    assert_all_stored(mysql_db, SMALL)
