"""What comes twice, comes from a rewound offset, or comes with another content under an identity
that is taken.
"""

import random
from pathlib import Path

import msgspec
import pytest

from socialsim.events import CommentPosted, Event, PictureLiked, UserSignedUp, encode
from socialsim.testing import MemoryLog
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.schema.migrate import migrate
from tests.faults.marks import one_flavour, slow
from tests.faults.pipelines import SMALL, consume, log_of, partition_of, write
from tests.support.account import assert_all_stored, assert_counters_add_up, events_of
from tests.warehouse.warehouse_fixtures import WarehouseFixture


class IdentityFaults:
    @pytest.mark.parametrize("seed", [1, slow(2)])
    async def test_the_same_records_produced_twice_are_stored_once(self, db: WarehouseFixture, seed: int) -> None:
        chance = random.Random(seed)
        log = MemoryLog(partitions=4)
        again = []
        for event in events_of(SMALL):
            write(log, [event])
            if chance.random() < 0.3:
                again.append(event)
            # soon after, as a producer that starts anew does
            while again and chance.random() < 0.3:
                write(log, [again.pop(0)])
        write(log, events_of(SMALL)[:200])
        write(log, again)
        stats = await consume(log, db)
        assert sum(stats.inserted.values()) == len(events_of(SMALL))
        assert sum(stats.duplicates.values()) == sum(map(len, log.records.values())) - len(events_of(SMALL)) > 300
        assert stats.dead_letters == stats.identity_conflicts == 0
        assert_all_stored(db, SMALL)

    @pytest.mark.parametrize("seed", [1, slow(2)])
    async def test_offsets_that_somebody_rewound_are_read_again_without_harm(
        self, db: WarehouseFixture, seed: int
    ) -> None:
        log = log_of(SMALL)
        await consume(log, db)
        chance = random.Random(seed)
        rewound = 0
        for partition, records in log.records.items():
            if records and chance.random() < 0.5:
                to = chance.randrange(len(records))
                rewound += len(records) - to
                db.change(
                    "UPDATE consumer_offsets SET next_offset = :to WHERE topic = :topic AND partition_id = :number",
                    to=to,
                    topic=partition.topic,
                    number=partition.partition,
                )
        stats = await consume(log, db)
        assert sum(stats.duplicates.values()) == rewound > 0
        assert not any(stats.inserted.values())
        assert stats.identity_conflicts == 0
        assert_all_stored(db, SMALL)

    async def test_another_content_under_a_stored_identity_is_an_alarm(
        self, db: WarehouseFixture, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = log_of(SMALL)
        await consume(log, db)
        forged = [
            _changed(PictureLiked, picture_id=4_711),
            _changed(CommentPosted, text="it's \\ something else \U0001f600"),
            _changed(UserSignedUp, city="Elsewhere"),
        ]
        expected = {}
        for event in forged:
            partition = partition_of(event, log.partitions)
            write(log, [event, events_of(SMALL)[0]])  # beside an honest one that comes again
            log.append(partition, b"poison")
            expected[partition.topic, partition.partition] = encode(event)
        stats = await consume(log, db)
        assert stats.identity_conflicts == len(forged)
        assert sum(stats.duplicates.values()) == len(forged)
        assert stats.dead_letters == 2 * len(forged)
        assert "identity conflict" in caplog.text
        letters = db.rows("SELECT * FROM dead_letters WHERE error_class = 'identity_conflict'")
        assert {(row["topic"], row["partition_id"]): row["raw"] for row in letters} == expected
        for row in letters:  # its place in the log is where it really stood
            assert log.records[partition_of_row(log, row)][row["record_offset"]] == row["raw"]
        assert_all_stored(db, SMALL, dead_letters=2 * len(forged))
        assert_counters_add_up(db)


def _changed(kind: type[Event], **members: object) -> Event:
    """The run's first event of a kind with other members."""
    return msgspec.structs.replace(next(event for event in events_of(SMALL) if type(event) is kind), **members)


def partition_of_row(log: MemoryLog, row: dict[str, object]) -> TopicPartition:
    return next(each for each in log.records if each == (row["topic"], row["partition_id"]))


class TestSqlite(IdentityFaults):
    @pytest.fixture
    def db(self, tmp_path: Path) -> WarehouseFixture:
        db = WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None)
        migrate(db.url)
        return db


@one_flavour
class TestMysql(IdentityFaults):
    @pytest.fixture
    def db(self, mysql_db: WarehouseFixture) -> WarehouseFixture:
        return mysql_db
