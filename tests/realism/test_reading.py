"""Reading events: log and warehouse give the same columns, whatever else they contain."""

import numpy as np
import pytest

from socialsim.errors import InputError
from socialsim.events import EVENT_TYPES, PLURALS, WIRE_NAMES, Event, encode
from socialsim.realism.events import KEPT, Array, RunEvents, country_code, country_name, make_run
from socialsim.realism.reading import read_log, read_warehouse
from socialsim.scenario.model import DAY_US, Scenario
from socialsim.testing.log import MemoryReader
from socialsim.transport.base import PositionsLoader, RevokedCallback, TopicPartition
from socialsim.warehouse.engines import read_engine
from tests.realism.runs import columns_of, memory_log, run_of, users
from tests.support.account import events_of
from tests.verification.conftest import empty_mysql, empty_sqlite, mysql_db, sqlite_db
from tests.verification.stored import store
from tests.warehouse.warehouse_fixtures import WarehouseFixture

__all__ = ["empty_mysql", "empty_sqlite", "mysql_db", "sqlite_db"]

SMALL = Scenario(users=40, days=3, shards=3, adoption_midpoint=0.1, friends_mean=8, video_share=0.4)
EVENTS = list(events_of(SMALL, "r1"))


class AloneReader(MemoryReader):
    """Owns every partition from the start, as a reader without a group does."""

    async def start(self, load_positions: PositionsLoader, on_revoked: RevokedCallback) -> None:
        await super().start(load_positions, on_revoked)
        await self._rebalance()


def assert_same(found: RunEvents, expected: RunEvents) -> None:
    assert found.run_id == expected.run_id
    assert (found.start_us, found.end_us) == (expected.start_us, expected.end_us)
    assert set(found.tables) == set(EVENT_TYPES)
    for name, table in expected.tables.items():
        for member, values in table.items():
            assert np.array_equal(found.tables[name][member], values), f"{name}.{member}"
            assert found.tables[name][member].dtype == values.dtype


def span_us(run_id: str) -> tuple[int, int]:
    return SMALL.start_us, SMALL.end_us


def expected_run() -> RunEvents:
    return columns_of(EVENTS, SMALL)


def plural_of(event: Event) -> str:
    return PLURALS[WIRE_NAMES[type(event)]]


async def test_all_events_of_a_run_are_read_from_a_log_with_other_records() -> None:
    log = memory_log(EVENTS)
    for event in EVENTS[10:400]:  # a log may repeat what was not acknowledged
        log.append(TopicPartition(plural_of(event), 3), encode(event))
    for other in events_of(SMALL, "r2"):
        log.append(TopicPartition(plural_of(other), 1), encode(other))
    log.append(TopicPartition("pictures", 0), b"nonsense", b'{"type":"user"}', encode(EVENTS[0]), b"\xff", b"[]")
    log.append(TopicPartition("comments", 0), b'{"type":"comment","run_id":"r1"}')
    found = await read_log(AloneReader(log, "alone"), "r1", span_us)
    assert found.unreadable == 6
    assert_same(found, expected_run())


async def test_a_run_must_be_named_only_if_there_are_several() -> None:
    assert_same(await read_log(AloneReader(memory_log(EVENTS), "alone"), None, span_us), expected_run())
    both = memory_log([*EVENTS, *events_of(SMALL, "r2")])
    with pytest.raises(InputError, match="the log holds the runs r1, r2; choose one with --run-id"):
        await read_log(AloneReader(both, "alone"), None, span_us)
    with pytest.raises(InputError, match=r"--run-id is 'r7': the log holds the runs? r"):
        await read_log(AloneReader(both, "alone"), "r7", span_us)
    with pytest.raises(InputError, match=r"the log holds no run$"):
        await read_log(AloneReader(memory_log([]), "alone"), None, span_us)


async def check_warehouse(db: WarehouseFixture) -> None:
    await store(db, EVENTS)
    await store(db, list(events_of(SMALL, "r2")))
    engine = read_engine(db.url, db.password)
    try:
        with engine.connect() as connection:
            assert_same(read_warehouse(connection, "r1", span_us), expected_run())
            with pytest.raises(InputError, match="the warehouse holds the runs r1, r2; choose one"):
                read_warehouse(connection, None, span_us)
            with pytest.raises(InputError, match="--run-id is 'r7'"):
                read_warehouse(connection, "r7", span_us)
    finally:
        engine.dispose()


async def test_sqlite_gives_the_same_columns(sqlite_db: WarehouseFixture) -> None:
    await check_warehouse(sqlite_db)


async def test_mysql_gives_the_same_columns(mysql_db: WarehouseFixture) -> None:
    await check_warehouse(mysql_db)


def test_every_event_type_keeps_the_common_members() -> None:
    assert set(KEPT) == set(EVENT_TYPES)
    for name, members in KEPT.items():
        assert {"shard", "seq", "time_us", "user_id", "device"} <= set(members)
        assert set(members) <= set(EVENT_TYPES[name].__struct_fields__)


def test_country_codes_survive_a_round_trip() -> None:
    assert [country_name(country_code(code)) for code in ("IN", "ZZ", "AA")] == ["IN", "ZZ", "AA"]


def test_a_run_ends_with_its_scenario_or_after_its_last_event() -> None:
    assert run_of(5, {"user": users(1)}).days == 1
    late = run_of(5, {"user": users(1, SMALL.start_us + 4 * DAY_US + 1)})
    assert late.days == 5
    unknown = make_run("r1", {"user": [_rows(SMALL.start_us + DAY_US + 5)]}, None)
    assert (unknown.start_us, unknown.days) == (SMALL.start_us + DAY_US, 1)


def _rows(time_us: int) -> dict[str, Array]:
    row = {"time_us": time_us}
    return {member: np.array([row.get(member, 0)]) for member in KEPT["user"]}
