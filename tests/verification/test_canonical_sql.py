"""The warehouse's sums over typed columns are those that the simulator keeps over typed events."""

import pytest
from hypothesis import HealthCheck, given, settings

from socialsim.events import PLURALS, Event
from socialsim.runs.manifest import ControlTotals, ManifestBuilder
from socialsim.verification.stored_totals import stored_totals, with_event
from socialsim.warehouse.engines import read_engine
from tests.warehouse.samples import any_events, batch_of, likes
from tests.warehouse.warehouse_fixtures import WarehouseFixture


def ledger_tallies(events: list[Event]) -> dict[tuple[str, int], ControlTotals]:
    shards = range(min(event.shard for event in events), max(event.shard for event in events) + 1)
    ledger = ManifestBuilder("r", shards)
    ledger.add(sorted(events, key=lambda event: (event.shard, event.seq)))
    tallies: dict[tuple[str, int], ControlTotals] = {}
    for shard in {event.shard for event in events}:
        manifest = ledger.manifest(shard, acknowledged_seq=-1, sealed=True)
        tallies |= {(name, shard): tally for name, tally in manifest.tallies.items() if tally.count}
    return tallies


def tallies_of(db: WarehouseFixture, run_id: str) -> dict[tuple[str, int], ControlTotals]:
    (run,) = db.rows("SELECT run_key FROM runs WHERE run_id = :run_id", run_id=run_id)
    with read_engine(db.url, db.password).connect() as connection:
        return stored_totals(connection, run["run_key"])


class CanonicalContract:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events=any_events)
    @pytest.mark.slow
    async def test_any_events_give_the_ledgers_tallies(self, db: WarehouseFixture, events: list[Event]) -> None:
        for table in ("runs", *PLURALS.values()):
            db.change(f"DELETE FROM {table}")
        async with db.opened() as warehouse:
            await warehouse.store(0, batch_of(events))
        for run_id in {event.run_id for event in events}:
            assert tallies_of(db, run_id) == ledger_tallies([e for e in events if e.run_id == run_id])

    async def test_sums_wrap_at_64_bits(self, db: WarehouseFixture) -> None:
        events = likes(100, shard=3)
        async with db.opened() as warehouse:
            await warehouse.store(0, batch_of(events))
        assert tallies_of(db, "r1") == ledger_tallies(events)


class TestSqlite(CanonicalContract):
    @pytest.fixture
    def db(self, sqlite_db: WarehouseFixture) -> WarehouseFixture:
        return sqlite_db


class TestMysql(CanonicalContract):
    @pytest.fixture
    def db(self, mysql_db: WarehouseFixture) -> WarehouseFixture:
        return mysql_db


def test_a_tally_grows_by_one_event_as_the_ledger_does() -> None:
    events = likes(5, first_seq=7)
    tally = ControlTotals()
    for event in reversed(events):
        tally = with_event(tally, event)
    assert {("picture_like", 0): tally} == ledger_tallies(events)
