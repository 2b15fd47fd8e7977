"""The contract of every warehouse: SQLite, MariaDB, MySQL 8 and the fake in memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from socialsim.errors import LogReplacedError, OwnershipLostError, RunConflictError, SchemaOutdatedError
from socialsim.events import EVENT_TYPES, Event, encode
from socialsim.warehouse.base import DEAD_LETTER_BYTES_MAX, Batch, OffsetAdvance, RecordPosition, Warehouse
from tests.warehouse.samples import any_events, batch_of, dead_letter, key, like, likes
from tests.warehouse.warehouse_fixtures import InspectableWarehouse, MemoryWarehouseFixture, WarehouseFixture

NOTHING = dict.fromkeys([*EVENT_TYPES, "dead_letters"], 0)


def by_type(events: list[Event]) -> dict[str, list[Event]]:
    sorted_events = sorted(events, key=lambda event: (event.run_id, event.shard, event.seq))
    return {name: [event for event in sorted_events if type(event) is kind] for name, kind in EVENT_TYPES.items()}


class WarehouseContract:
    @pytest.fixture
    async def warehouse(self, db: InspectableWarehouse) -> AsyncIterator[Warehouse]:
        async with db.opened() as opened:
            yield opened

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events=any_events)
    async def test_every_field_of_every_event_is_stored_exactly(
        self, db: InspectableWarehouse, warehouse: Warehouse, events: list[Event]
    ) -> None:
        db.delete_events()
        stored = await warehouse.store(0, batch_of(events))
        assert db.events() == by_type(events)
        assert {name: count for name, count in stored.inserted.items() if count} == {
            name: len(found) for name, found in by_type(events).items() if found
        }
        assert not any(stored.duplicates.values())

    async def test_duplicates_are_counted_and_change_nothing(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        await warehouse.store(0, batch_of(likes(10)))
        changed = like(3, picture_id=999)
        stored = await warehouse.store(0, batch_of([*likes(15, first_seq=5), changed]))
        assert (stored.inserted, stored.duplicates) == ({"picture_like": 10}, {"picture_like": 6})
        assert db.events()["picture_like"] == likes(20)

    async def test_an_identity_conflict_becomes_a_dead_letter(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        await warehouse.offsets([key(0), key(1)])
        before = msgspec.structs.replace(like(3), device="web")
        await warehouse.store(0, batch_of([before, *likes(1, first_seq=4)], OffsetAdvance(key(0), 0, 2)))
        forged = [like(3, picture_id=999), like(5, picture_id=1), like(5, picture_id=2)]
        batch = batch_of([*likes(4, first_seq=4), *forged], OffsetAdvance(key(0), 2, 9))
        batch.add(key(1), "picture_like", likes(2, first_seq=6))
        batch.moves.append(OffsetAdvance(key(1), 0, 2))
        places = {id(event): RecordPosition(key(0), 6 + index, encode(event)) for index, event in enumerate(forged)}
        batch.locate = lambda event: places.get(id(event))
        stored = await warehouse.store(0, batch)
        assert dict(stored.conflicts) == {"picture_like": 3}
        assert stored.dead_letters == 3
        assert stored.inserted["picture_like"] + stored.duplicates["picture_like"] == 9 - 3
        assert db.events()["picture_like"] == [before, *likes(4, first_seq=4)]
        dead_letters = db.dead_letters()
        assert [letter["error_class"] for letter in dead_letters] == ["identity_conflict"] * 3
        assert [letter["raw"] for letter in dead_letters] == [encode(event) for event in forged]
        assert [letter["record_offset"] for letter in dead_letters] == [6, 7, 8]
        assert "shard 0, seq 3" in dead_letters[0]["reason"]
        assert "device mobile is stored as web, picture_id 999 is stored as 7" in dead_letters[0]["reason"]
        offset_rows = db.offset_rows()
        assert [(row["consumed"], row["dead_letters"]) for row in offset_rows] == [(9, 3), (2, 0)]
        assert all(row["consumed"] == row["inserted"] + row["duplicates"] + row["dead_letters"] for row in offset_rows)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events=any_events)
    async def test_repeated_events_are_no_identity_conflict(
        self, db: InspectableWarehouse, warehouse: Warehouse, events: list[Event]
    ) -> None:
        await warehouse.store(0, batch_of(events))
        stored = await warehouse.store(0, batch_of(events))
        assert sum(stored.duplicates.values()) == len(events)
        assert not stored.conflicts
        db.delete_events()

    async def test_a_duplicate_within_a_batch_is_one_row(self, db: InspectableWarehouse, warehouse: Warehouse) -> None:
        stored = await warehouse.store(0, batch_of([*likes(3), *likes(3)]))
        assert (stored.inserted, stored.duplicates) == ({"picture_like": 3}, {"picture_like": 3})
        assert db.events()["picture_like"] == likes(3)

    async def test_an_empty_batch_stores_nothing(self, warehouse: Warehouse) -> None:
        stored = await warehouse.store(0, Batch())
        assert (stored.inserted, stored.duplicates, stored.dead_letters) == ({}, {}, 0)
        assert await warehouse.counts() == NOTHING

    async def test_offsets_start_at_0_and_advance_with_the_rows(self, warehouse: Warehouse) -> None:
        keys = [key(0), key(1), key(0, topic="it's \U0001f600"), key(0, group="other"), key(0, log_id="log2")]
        assert await warehouse.offsets(keys) == dict.fromkeys(keys, 0)
        await warehouse.store(0, batch_of(likes(4), OffsetAdvance(key(0), 0, 4), OffsetAdvance(key(1), 0, 2**40)))
        assert await warehouse.offsets(keys) == {**dict.fromkeys(keys, 0), key(0): 4, key(1): 2**40}
        assert await warehouse.offsets([]) == {}

    async def test_an_advance_from_another_offset_stores_nothing(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        await warehouse.offsets([key(0), key(1)])
        await warehouse.store(0, batch_of(likes(4), OffsetAdvance(key(0), 0, 4)))
        moves = (OffsetAdvance(key(1), 0, 6), OffsetAdvance(key(0), 3, 5))
        zombie = batch_of(likes(6, first_seq=100), *moves, dead_letters=[dead_letter()])
        with pytest.raises(OwnershipLostError, match="picture_likes/0"):
            await warehouse.store(0, zombie)
        assert await warehouse.offsets([key(0), key(1)]) == {key(0): 4, key(1): 0}
        assert db.events()["picture_like"] == likes(4)
        assert (await warehouse.counts())["dead_letters"] == 0
        await warehouse.store(0, batch_of(likes(1, first_seq=9), OffsetAdvance(key(0), 4, 5)))
        assert (await warehouse.counts())["picture_like"] == 5

    async def test_an_advance_of_an_unknown_partition_stores_nothing(self, warehouse: Warehouse) -> None:
        with pytest.raises(OwnershipLostError):
            await warehouse.store(0, batch_of(likes(4), OffsetAdvance(key(0), 0, 4)))
        assert await warehouse.counts() == NOTHING

    async def test_an_advance_by_zero_checks_ownership(self, warehouse: Warehouse) -> None:
        await warehouse.offsets([key(0)])
        await warehouse.store(0, batch_of([], OffsetAdvance(key(0), 0, 0)))
        with pytest.raises(OwnershipLostError):
            await warehouse.store(0, batch_of([], OffsetAdvance(key(0), 1, 1)))

    async def test_positions_of_a_recreated_topic_are_refused_or_reset(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        old, new = key(0)._replace(identity="t-1"), key(0)._replace(identity="t-2")
        other = old._replace(partition=1)
        assert await warehouse.offsets([old, other]) == {old: 0, other: 0}
        await warehouse.store(0, batch_of(likes(4), OffsetAdvance(old, 0, 4)))
        with pytest.raises(LogReplacedError, match=r"t-1, .* t-2.*--restart-replaced"):
            await warehouse.offsets([new])
        assert await warehouse.stored([new, old, other]) == {new: 0, old: 4, other: 0}
        with pytest.raises(OwnershipLostError):
            await warehouse.store(0, batch_of([], OffsetAdvance(new, 4, 5)))
        assert await warehouse.offsets([new], restart=True) == {new: 0}
        assert await warehouse.offsets([new, other]) == {new: 0, other: 0}
        await warehouse.store(0, batch_of(likes(2, first_seq=4), OffsetAdvance(new, 0, 2)))
        assert await warehouse.offsets([new]) == {new: 2}
        # A zombie that read the old topic cannot advance the new position.
        with pytest.raises(OwnershipLostError):
            await warehouse.store(0, batch_of([], OffsetAdvance(old, 4, 5)))
        (offset_rows, _) = db.offset_rows()
        assert (offset_rows["next_offset"], offset_rows["consumed"], offset_rows["inserted"]) == (2, 6, 6)

    async def test_a_position_without_identity_adopts_the_first_one_of_its_group(self, warehouse: Warehouse) -> None:
        plain, known = key(0), key(0)._replace(identity="t-1")
        await warehouse.offsets([plain])
        await warehouse.store(0, batch_of(likes(4), OffsetAdvance(plain, 0, 4)))
        assert await warehouse.stored([known]) == {known: 4}
        assert await warehouse.offsets([known]) == {known: 4}
        await warehouse.store(0, batch_of([], OffsetAdvance(known, 4, 5)))
        with pytest.raises(LogReplacedError):
            await warehouse.offsets([known._replace(identity="t-2")])
        # a log without identities is not compared
        assert await warehouse.offsets([plain]) == {plain: 5}

    async def test_reading_stored_positions_writes_nothing(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        assert await warehouse.stored([key(0), key(1)]) == {key(0): 0, key(1): 0}
        assert await warehouse.stored([]) == {}
        assert db.offset_rows() == []

    async def test_dead_letters_of_a_recreated_topic_do_not_replace_those_of_the_old_one(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        for identity in ("t-1", "t-2", "t-1"):
            letter = replace(dead_letter(0, identity.encode()), identity=identity)
            await warehouse.store(0, batch_of([], dead_letters=[letter]))
        assert sorted(row["raw"] for row in db.dead_letters()) == [b"t-1", b"t-2"]

    async def test_a_run_id_with_another_scenario_is_refused(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        def told(events: list[Event], digest: str) -> Batch:
            batch = batch_of(events)
            batch.digests["r1"] = digest
            return batch

        await warehouse.store(0, batch_of(likes(2)))  # by an older version
        await warehouse.store(0, told(likes(2, first_seq=2), "aa"))
        for digest in ("bb", "bb"):
            with pytest.raises(RunConflictError, match=r"run r1: .*aa.*bb"):
                await warehouse.store(0, told(likes(2, first_seq=8), digest))
        await warehouse.store(0, told(likes(2, first_seq=4), "aa"))
        assert db.events()["picture_like"] == likes(6)

    async def test_a_batch_advances_a_partition_at_most_once(self, warehouse: Warehouse) -> None:
        await warehouse.offsets([key(0)])
        with pytest.raises(ValueError, match="once"):
            await warehouse.store(0, batch_of(likes(1), OffsetAdvance(key(0), 0, 1), OffsetAdvance(key(0), 1, 2)))
        assert await warehouse.counts() == NOTHING

    async def test_dead_letters_are_stored_unchanged_and_once(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        letters = [dead_letter(0, bytes(range(256))), dead_letter(1, b""), dead_letter(1, b"", partition=1)]
        await warehouse.offsets([key(0)])
        stored = await warehouse.store(0, batch_of(likes(3), OffsetAdvance(key(0), 0, 5), dead_letters=letters))
        assert stored.dead_letters == 3
        again = await warehouse.store(0, batch_of([], dead_letters=[dead_letter(0, b"other")]))
        assert again.dead_letters == 1
        rows = db.dead_letters()
        assert [row["raw"] for row in rows] == [bytes(range(256)), b"", b""]
        assert [row["raw_bytes"] for row in rows] == [256, 0, 0]
        assert rows[0]["raw_sha256"] == hashlib.sha256(bytes(range(256))).hexdigest()
        assert (rows[0]["log_id"], rows[0]["topic"]) == ("log", "picture_likes")
        assert (rows[0]["error_class"], rows[0]["reason"]) == (letters[0].error_class, letters[0].reason)
        assert await warehouse.counts() == {**NOTHING, "picture_like": 3, "dead_letters": 3}

    async def test_large_dead_letters_and_long_reasons_are_truncated(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        raw = b"'\\\0\xff" * (DEAD_LETTER_BYTES_MAX // 4)
        large = dead_letter(0, raw)
        larger = dead_letter(1, raw + b"more")
        odd = dead_letter(2)
        odd = type(odd)(odd.log_id, odd.topic, odd.partition, odd.offset, b"x", "c" * 99, "\udcff\0" + "r" * 5_000)
        await warehouse.store(0, batch_of([], dead_letters=[large, larger, odd]))
        rows = db.dead_letters()
        assert [row["raw"] == raw for row in rows] == [True, True, False]
        assert [row["raw_bytes"] for row in rows] == [len(raw), len(raw) + 4, 1]
        assert rows[1]["raw_sha256"] == hashlib.sha256(raw + b"more").hexdigest()
        assert (len(rows[2]["error_class"]), len(rows[2]["reason"])) == (64, 1000)
        assert rows[2]["reason"].startswith("\\udcff\\x00rrr")

    async def test_the_counters_of_each_partition_add_up(self, db: InspectableWarehouse, warehouse: Warehouse) -> None:
        def batch(spans: list[tuple[int, int, int]], letters: int = 0) -> Batch:
            built = Batch(dead_letters=[dead_letter(1_000 + index, partition=1) for index in range(letters)])
            for partition, old, new in spans:
                more = letters if partition == 1 else 0
                built.add(key(partition), "picture_like", likes(new - old, first_seq=old, shard=partition))
                built.moves.append(OffsetAdvance(key(partition), old, new + more))
            return built

        await warehouse.offsets([key(0), key(1), key(2)])
        await warehouse.store(0, batch([(0, 0, 10), (1, 0, 20), (2, 0, 30)], letters=2))
        # Two partitions are rewound; the same events and five new ones are stored again.
        db.rewind(5, key(1), key(2))
        stored = await warehouse.store(0, batch([(0, 10, 12), (1, 5, 25), (2, 5, 8)]))
        assert (stored.inserted, stored.duplicates) == ({"picture_like": 7}, {"picture_like": 18})
        names = ("partition_id", "next_offset", "consumed", "inserted", "duplicates", "dead_letters", "commits")
        assert [tuple(row[name] for name in names) for row in db.offset_rows()] == [
            (0, 12, 12, 12, 0, 0, 2),
            (1, 25, 42, 25, 15, 2, 2),
            (2, 8, 33, 30, 3, 0, 2),
        ]

    async def test_spans_that_do_not_add_up_are_refused(self, warehouse: Warehouse) -> None:
        batch = batch_of(likes(2), OffsetAdvance(key(0), 0, 2))
        batch.events["picture_like"].pop()
        await warehouse.offsets([key(0)])
        with pytest.raises(ValueError, match="do not add up"):
            await warehouse.store(0, batch)
        assert await warehouse.counts() == NOTHING

    async def test_two_runs_are_stored_side_by_side(self, db: InspectableWarehouse, warehouse: Warehouse) -> None:
        both = [event for pair in zip(likes(50, run_id="B"), likes(50, run_id="b"), strict=True) for event in pair]
        stored = await warehouse.store(0, batch_of(both))
        assert stored.inserted == {"picture_like": 100}
        assert db.events()["picture_like"] == [*likes(50, run_id="B"), *likes(50, run_id="b")]
        assert db.runs() == ["B", "b"]

    async def test_lanes_store_at_the_same_time(self, db: InspectableWarehouse, warehouse: Warehouse) -> None:
        lanes = range(warehouse.lanes)
        await warehouse.offsets([key(lane) for lane in lanes])

        async def work(lane: int) -> None:
            for step in range(5):
                events = likes(200, first_seq=step * 200, shard=lane)
                move = OffsetAdvance(key(lane), step * 200, step * 200 + 200)
                # All start at the same time with an unknown run.
                await warehouse.store(lane, batch_of(events, move))

        async with asyncio.TaskGroup() as tasks:
            for lane in lanes:
                tasks.create_task(work(lane))
        assert (await warehouse.counts())["picture_like"] == 1_000 * warehouse.lanes
        assert await warehouse.offsets([key(lane) for lane in lanes]) == {key(lane): 1_000 for lane in lanes}

    async def test_two_warehouses_use_the_same_run_key(self, db: InspectableWarehouse, warehouse: Warehouse) -> None:
        async with db.opened() as other:
            for seq, one in enumerate([warehouse, other, warehouse, other]):
                await one.store(0, batch_of(likes(1, first_seq=seq)))
        assert db.runs() == ["r1"]
        assert db.events()["picture_like"] == likes(4)

    async def test_one_of_two_consumers_racing_for_a_partition_wins(
        self, db: InspectableWarehouse, warehouse: Warehouse
    ) -> None:
        await warehouse.offsets([key(0)])
        async with db.opened() as other:
            outcomes = await asyncio.gather(
                warehouse.store(0, batch_of(likes(300), OffsetAdvance(key(0), 0, 300))),
                other.store(0, batch_of(likes(300), OffsetAdvance(key(0), 0, 300))),
                return_exceptions=True,
            )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["OwnershipLostError", "Stored"]
        assert (await warehouse.counts())["picture_like"] == 300
        assert await warehouse.offsets([key(0)]) == {key(0): 300}

    async def test_a_warehouse_can_be_closed_and_opened_again(self, db: InspectableWarehouse) -> None:
        warehouse = db.make()
        for seq in range(2):
            await warehouse.open()
            await warehouse.store(0, batch_of(likes(1, first_seq=seq)))
            await warehouse.close()
            await warehouse.close()
        assert db.events()["picture_like"] == likes(2)


class TestMemory(WarehouseContract):
    """The fake of socialsim.testing fulfils the same contract."""

    @pytest.fixture
    def db(self) -> MemoryWarehouseFixture:
        return MemoryWarehouseFixture()


class TableContract(WarehouseContract):
    """The contract of warehouses with tables."""

    async def test_missing_tables_are_reported_with_the_command_to_run(self, empty_db: WarehouseFixture) -> None:
        warehouse = empty_db.make()
        with pytest.raises(SchemaOutdatedError, match="socialsim migrate --into"):
            await warehouse.open()
        await warehouse.close()

    async def test_tables_of_a_newer_version_are_refused(self, db: WarehouseFixture) -> None:
        db.change("UPDATE alembic_version SET version_num = '9999'")
        warehouse = db.make()
        with pytest.raises(SchemaOutdatedError, match=r"9999.*update socialsim"):
            await warehouse.open()
        await warehouse.close()


class TestSqlite(TableContract):
    @pytest.fixture
    def empty_db(self, empty_sqlite: WarehouseFixture) -> WarehouseFixture:
        return empty_sqlite

    @pytest.fixture
    def db(self, sqlite_db: WarehouseFixture) -> WarehouseFixture:
        return sqlite_db


class TestMysql(TableContract):
    @pytest.fixture
    def empty_db(self, empty_mysql: WarehouseFixture) -> WarehouseFixture:
        return empty_mysql

    @pytest.fixture
    def db(self, mysql_db: WarehouseFixture) -> WarehouseFixture:
        return mysql_db
