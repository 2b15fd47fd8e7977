"""The poller on a real warehouse, and what it reports when it cannot read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import Connection

from socialsim.errors import InputError, ServiceUnavailableError
from socialsim.kpi.compute import compute, read_stream
from socialsim.kpi.days import DayRange
from socialsim.report.build import build_content
from socialsim.report.ingestion import RateMeter
from socialsim.report.poller import Connect, SnapshotPoller
from socialsim.report.rows import find_run, read_rows
from socialsim.warehouse.engines import read_engine, writing_engine
from tests.verification.conftest import empty_mysql, empty_sqlite, mysql_db, sqlite_db
from tests.verification.stored import ends_of, events_of, store
from tests.warehouse.warehouse_fixtures import WarehouseFixture

__all__ = ["empty_mysql", "empty_sqlite", "mysql_db", "sqlite_db"]


def connecting(db: WarehouseFixture) -> Connect:
    @contextmanager
    def connect() -> Iterator[Connection]:
        engine = read_engine(db.url, db.password)
        with engine.connect() as connection:
            yield connection

    return connect


def compute_all(db: WarehouseFixture) -> list[date]:
    engine = writing_engine(db.target, db.password)
    with engine.connect() as connection:
        run = find_run(connection, None)
        assert run is not None
        stream = read_stream(connection, run.key, complete=True)
        assert stream is not None
    days = compute(engine, run.key, stream, DayRange())
    engine.dispose()
    return days


async def check(db: WarehouseFixture) -> None:
    ticks = iter(range(0, 1000, 2))
    events = events_of("r1")
    poller = SnapshotPoller(connecting(db), None, lambda _: ends_of(events), clock=lambda: next(ticks))
    poller.refresh()
    assert poller.snapshot.version == ""
    await store(db, events)
    poller.refresh()
    before = poller.snapshot
    assert before.content.days == []
    assert before.ingestion.rows == len(events)
    assert before.ingestion.lag == 0
    assert before.ingestion.newest is not None
    days = compute_all(db)
    poller.refresh()
    after = poller.snapshot
    assert after.version != before.version
    assert after.content.days == days
    value = after.content.tiles[0].value
    assert value is not None
    assert value > 0
    assert after.ingestion.rows_per_s == 0
    assert {creator.name for creator in after.content.creators}
    assert not any(creator.name.startswith("user ") for creator in after.content.creators)
    poller.refresh()
    assert poller.snapshot.content is after.content


async def test_rows_and_kpis_appear_on_sqlite(sqlite_db: WarehouseFixture) -> None:
    await check(sqlite_db)


async def test_rows_and_kpis_appear_on_mysql(mysql_db: WarehouseFixture) -> None:
    await check(mysql_db)


async def test_records_that_are_not_stored_are_lag(sqlite_db: WarehouseFixture) -> None:
    events = events_of("r1")
    await store(sqlite_db, events[:100])
    poller = SnapshotPoller(connecting(sqlite_db), "r1", lambda _: ends_of(events))
    poller.refresh()
    assert poller.snapshot.ingestion.lag == len(events) - 100


async def test_a_problem_is_shown_beside_the_last_known_content(sqlite_db: WarehouseFixture) -> None:
    await store(sqlite_db, events_of("r1"))
    compute_all(sqlite_db)
    broken = False

    @contextmanager
    def connect() -> Iterator[Connection]:
        if broken:
            raise ServiceUnavailableError("db:1", 3, "run: make up")
        with connecting(sqlite_db)() as connection:
            yield connection

    poller = SnapshotPoller(connect, None)
    poller.refresh()
    content = poller.snapshot.content
    broken = True
    poller.refresh()
    problem = poller.snapshot.ingestion.problem
    assert problem == "cannot reach db:1 (tried for 3 s); run: make up"
    assert poller.snapshot.content is content
    broken = False
    poller.refresh()
    assert poller.snapshot.ingestion.problem is None
    assert poller.snapshot.ingestion.lag is None  # the log was not read


async def test_the_run_must_be_named_if_there_are_several(sqlite_db: WarehouseFixture) -> None:
    with connecting(sqlite_db)() as connection:
        assert find_run(connection, None) is None
    await store(sqlite_db, events_of("r1"))
    await store(sqlite_db, events_of("r2", seed=2))
    with connecting(sqlite_db)() as connection:
        run = find_run(connection, "r2")
        assert run is not None
        assert run.run_id == "r2"
        assert build_content(read_rows(connection, run)).days == []
        with pytest.raises(InputError, match="the runs r1, r2; choose one"):
            find_run(connection, None)
        with pytest.raises(InputError, match="--run-id is 'r3': the warehouse holds the runs r1, r2"):
            find_run(connection, "r3")


def test_the_rate_covers_the_last_ten_seconds() -> None:
    now_s = 0.0
    meter = RateMeter(lambda: now_s)
    assert meter.rate(0) is None
    now_s = 5.0
    assert meter.rate(500) == 100
    now_s = 100.0
    assert meter.rate(500) == 0
    now_s = 102.0
    assert meter.rate(700) == 100
    now_s = 111.0
    assert meter.rate(700) == 0
    now_s = 113.0
    assert meter.rate(10) is None  # another run
    assert len(meter.rates) == 6
