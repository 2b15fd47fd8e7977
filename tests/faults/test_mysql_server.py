"""A MySQL server that dies, freezes, is away for long or is slow: the consumer waits it out and
goes on by itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from compose.native import MySQLServer
from socialsim.consumer import ConsumerSettings, ConsumerStats
from socialsim.testing import MemoryLog
from socialsim.warehouse.schema.migrate import migrate
from tests.faults.marks import one_flavour, slow
from tests.faults.pipelines import MIDDLE, QUICK, consume, following, log_of, until, write
from tests.support.account import assert_all_stored, events_of
from tests.support.proxy import MysqlProxy
from tests.warehouse.warehouse_fixtures import WarehouseFixture

#: A frozen server is given up soon; the defaults only wait longer.
STATEMENT_TIMEOUT_S = 1.0
FOLLOWING = replace(QUICK, drain=False)


def db_on(server: MySQLServer, port: int | None = None) -> WarehouseFixture:
    database = server.create_database("town")
    migrate(database.url, database.password)
    return WarehouseFixture(database.url.replace(f":{server.port}/", f":{port or server.port}/"), database.password)


@pytest.mark.parametrize("flavour", ["mariadb", slow("mysql")])
async def test_a_server_that_is_killed_frozen_and_down_is_waited_out(
    mysql_factory: Callable[..., MySQLServer], flavour: str
) -> None:
    server = await asyncio.to_thread(mysql_factory, flavour=flavour)
    db = await asyncio.to_thread(db_on, server)
    log = MemoryLog(partitions=4)
    events = events_of(MIDDLE)
    fifth = len(events) // 5
    parts = iter([events[n * fifth : (n + 1) * fifth] for n in range(4)] + [events[4 * fifth :]])
    written = 0

    def more() -> int:
        nonlocal written
        part = next(parts)
        write(log, part)
        written += len(part)
        return written

    async with db.opened(statement_timeout_s=STATEMENT_TIMEOUT_S) as warehouse:
        reader = log.reader(FOLLOWING.group)
        async with following(reader, warehouse, FOLLOWING) as (consumer, task):

            def stored() -> int:
                return consumer.stats().rows

            more()
            await until(lambda: stored() > 0, "the first rows")
            await asyncio.to_thread(server.kill)  # in the middle of it
            more()
            await until(lambda: consumer.stats().retries > 0, "a failure is noticed")
            await asyncio.to_thread(server.start)
            await until(lambda: stored() == written, "all that was written while the server was dead")

            retries = consumer.stats().retries
            await asyncio.to_thread(server.freeze)
            more()
            polls = reader.polls
            await until(lambda: consumer.stats().retries > retries, "an answer that does not come is given up")
            await until(lambda: reader.polls > polls + 3, "polls go on, which keep the membership")
            assert stored() < written
            server.thaw()
            await until(lambda: stored() == written, "all that was written while the server was frozen")

            retries = consumer.stats().retries
            await asyncio.to_thread(server.stop)
            more()
            more()
            await until(lambda: consumer.stats().retries > retries + 5, "it is asked again and again")
            held = consumer.stats().records - stored()
            assert held <= memory_bound(FOLLOWING, warehouse.lanes)
            assert not task.done()
            await asyncio.to_thread(server.start)
            await until(lambda: stored() == written == len(events), "all the rest")
            assert consumer.stats().dead_letters == 0
    assert_all_stored(db, MIDDLE)


def memory_bound(settings: ConsumerSettings, lanes: int) -> int:
    """Two batches in each lane, each overfull by one poll at most, and one poll on its way."""
    return lanes * 2 * (settings.batch_rows + settings.poll_records) + settings.poll_records


@pytest.mark.slow_faults
async def test_a_slow_server_costs_time_and_neither_memory_nor_membership(
    mysql_db: WarehouseFixture, proxied: WarehouseFixture, proxy: MysqlProxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.delay_s = 0.02
    caplog.set_level("INFO", "socialsim.consumer")
    held: list[int] = []

    def watch(stats: ConsumerStats) -> None:
        held.append(stats.records - stats.rows)

    stats = await consume(log_of(MIDDLE), proxied, QUICK, on_progress=watch)
    assert proxy.slices > 500
    assert max(held) <= memory_bound(QUICK, 3)
    assert len([line for line in caplog.messages if line.startswith("assigned ")]) == 1
    assert not [line for line in caplog.messages if "revoked" in line]
    assert stats.retries == 0
    assert_all_stored(mysql_db, MIDDLE)


@one_flavour
async def test_a_server_that_is_away_for_long_keeps_one_poll_and_two_batches_per_lane(
    mysql_db: WarehouseFixture, proxied: WarehouseFixture, proxy: MysqlProxy
) -> None:
    log = log_of(MIDDLE)
    async with proxied.opened() as warehouse:
        reader = log.reader(FOLLOWING.group)
        async with following(reader, warehouse, FOLLOWING) as (consumer, _):
            await until(lambda: consumer.stats().rows > 0, "the first rows")
            proxy.refusing = True
            assert proxy.cut() > 0
            await until(lambda: consumer.stats().retries > 30, "it is asked again and again")
            stats = consumer.stats()
            assert 0 < stats.records - stats.rows <= memory_bound(FOLLOWING, warehouse.lanes)
            assert stats.records < len(events_of(MIDDLE)), "the log was read to its end: nothing was held back"
            proxy.refusing = False
            await until(lambda: consumer.stats().rows == len(events_of(MIDDLE)), "all the rest")
    assert_all_stored(mysql_db, MIDDLE)
