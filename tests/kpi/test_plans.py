"""No KPI statement scans a whole event table, according to every engine's query plan."""

from datetime import timedelta

from sqlalchemy import Engine, text

from socialsim.kpi import DayRange, compute, count_stored, read_stream
from socialsim.scenario.model import Scenario
from socialsim.warehouse.schema.tables import metadata
from tests.kpi.kpis import computed, engine_of, key_of, simulated
from tests.kpi.plans import RAW, full_scans, unknown_tables, watched
from tests.verification.stored import store
from tests.warehouse.warehouse_fixtures import WarehouseFixture

#: So many rows that to read one day of them is clearly less than to read all.
SCENARIO = Scenario(
    users=400, days=36, shards=2, seed=4, sessions_per_active_day=1, session_duration_median_s=60, friends_mean=10,
    start="2026-03-01T00:00:00Z",
)  # fmt: skip
RUN_ID = "plans"


async def stored_and_computed(db: WarehouseFixture) -> None:
    await store(db, list(simulated(SCENARIO, RUN_ID)))
    computed(db, RUN_ID)


def analyze(engine: Engine) -> None:
    """Servers learn how many rows there are when they come to it; here they are told."""
    with engine.begin() as connection:
        for name in metadata.tables:
            connection.execute(text(f"ANALYZE TABLE {name}"))


def no_statement_reads_all(engine: Engine) -> None:
    with watched(engine) as steps:
        with engine.connect() as connection:
            run_key = key_of(connection, RUN_ID)
            stream = read_stream(connection, run_key, complete=True)
            assert stream is not None
            last = stream.watermark_day - timedelta(days=1)
            # Until the last Sunday, for its cohorts.
            sunday = last - timedelta(days=last.isoweekday() % 7)
            assert count_stored(connection, run_key) == len(simulated(SCENARIO, RUN_ID))
        assert compute(engine, run_key, stream, DayRange(sunday - timedelta(days=1), sunday))
    assert {step.table for step in steps} >= RAW | {"user_day", "creator_day", "active_users", "kpi_days", "kpi_daily"}
    assert unknown_tables(steps) == set()
    scans = full_scans(steps)
    assert not scans, "\n".join(f"{step.text}\n    in {step.sql}" for step in scans)


def a_scan_is_seen(engine: Engine) -> None:
    for sql in (
        "SELECT COUNT(*) FROM pictures",
        "SELECT COUNT(*) FROM comments WHERE run_key = 1",
        "SELECT COUNT(*) FROM picture_likes WHERE run_key = 1 AND DATE(event_time) = '2026-03-09'",
        "SELECT user_id, COUNT(*) FROM users WHERE run_key = 1 GROUP BY user_id",
    ):
        with watched(engine) as steps, engine.connect() as connection:
            connection.execute(text(sql)).all()
        assert full_scans(steps), (sql, steps)


async def test_on_sqlite(sqlite_db: WarehouseFixture) -> None:
    await stored_and_computed(sqlite_db)
    with engine_of(sqlite_db) as engine:
        no_statement_reads_all(engine)
        a_scan_is_seen(engine)


async def test_on_mysql(mysql_db: WarehouseFixture) -> None:
    await stored_and_computed(mysql_db)
    with engine_of(mysql_db) as engine:
        analyze(engine)
        no_statement_reads_all(engine)
        a_scan_is_seen(engine)
