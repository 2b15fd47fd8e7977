"""Dead letters are listed, shown and replayed on SQLite, MariaDB and MySQL 8."""

import hashlib

import pytest

from socialsim.errors import InputError
from socialsim.events import Event, encode
from socialsim.warehouse.base import DEAD_LETTER_BYTES_MAX, DeadLetter, OffsetAdvance
from socialsim.warehouse.dead_letters import DeadLetters
from tests.warehouse.samples import batch_of, key, like
from tests.warehouse.warehouse_fixtures import WarehouseFixture

TOPIC = "prefix.picture_likes"


def dead_letter(offset: int, raw: bytes, error_class: str = "invalid_member", reason: str = "because") -> DeadLetter:
    return DeadLetter("log", TOPIC, 0, offset, raw, error_class, reason)


async def stored(
    db: WarehouseFixture,
    events: list[Event],
    dead_letters: list[DeadLetter],
    *,
    groups: tuple[str, ...] = ("g",),
    old: int = 0,
) -> None:
    """Store one transaction for each group, as its consumer would."""
    count = len(events) + len(dead_letters)
    async with db.opened() as warehouse:
        for group in groups:
            position = key(topic=TOPIC, group=group)
            await warehouse.offsets([position])
            await warehouse.store(
                0, batch_of(events, OffsetAdvance(position, old, old + count), dead_letters=dead_letters)
            )


def offset_rows(db: WarehouseFixture) -> dict[str, tuple[int, int, int, int]]:
    return {
        row["consumer_group"]: (row["consumed"], row["inserted"], row["duplicates"], row["dead_letters"])
        for row in db.rows("SELECT * FROM consumer_offsets")
    }


def opened(db: WarehouseFixture) -> DeadLetters:
    return DeadLetters(db.url, db.password)


class _Contract:
    async def test_dead_letters_are_grouped_and_shown_with_their_bytes(self, db: WarehouseFixture) -> None:
        raws = [b"{", b"\x00\xff'\\", b"[" * 9]
        classes = ["not_json", "not_json", "too_deep"]
        await stored(
            db,
            [like(0)],
            [
                dead_letter(i + 1, raw, error_class)
                for i, (raw, error_class) in enumerate(zip(raws, classes, strict=True))
            ],
        )
        with opened(db) as letters:
            assert [(group.error_class, group.topic, group.letters) for group in letters.groups()] == [
                ("not_json", TOPIC, 2),
                ("too_deep", TOPIC, 1),
            ]
            latest = letters.latest(2)
            assert [(each.error_class, each.offset, each.raw) for each in latest] == [
                ("too_deep", 3, b""),
                ("not_json", 2, b""),
            ]
            assert list(letters.ids()) == sorted(letters.ids())
            whole = letters.get(latest[1].id)
            assert (whole.topic, whole.partition, whole.offset, whole.reason) == (TOPIC, 0, 2, "because")
            assert whole.raw == raws[1]
            assert whole.raw_sha256 == hashlib.sha256(raws[1]).hexdigest()
            with pytest.raises(InputError, match="no dead letter 999999"):
                letters.get(999_999)
            with pytest.raises(InputError, match="no dead letter 999999"):
                letters.replay(999_999)

    async def test_replay_turns_a_valid_record_into_a_row_and_corrects_the_counters(self, db: WarehouseFixture) -> None:
        event = like(7, run_id="unseen")
        await stored(db, [like(0), like(1)], [dead_letter(2, encode(event)), dead_letter(3, b"{")], groups=("g", "h"))
        assert offset_rows(db) == {"g": (4, 2, 0, 2), "h": (4, 0, 2, 2)}
        with opened(db) as letters:
            done = [letters.replay(each) for each in list(letters.ids())]
            assert [each.stored for each in done] == ["inserted", None]
            assert done[1].reason.startswith("not_json: ")
            assert [each.offset for each in letters.latest(10)] == [3]
            with pytest.raises(InputError):
                letters.replay(done[0].id)
        assert offset_rows(db) == {"g": (4, 3, 0, 1), "h": (4, 0, 3, 1)}
        assert db.events()["picture_like"] == sorted([like(0), like(1), event], key=lambda e: (e.run_id, e.seq))
        assert {row["run_id"] for row in db.rows("SELECT run_id FROM runs")} == {"r1", "unseen"}

    async def test_replaying_a_stored_record_counts_as_a_duplicate(self, db: WarehouseFixture) -> None:
        await stored(db, [like(0)], [dead_letter(1, encode(like(0)))])
        with opened(db) as letters:
            assert [letters.replay(each).stored for each in list(letters.ids())] == ["duplicate"]
            assert letters.groups() == []
        assert offset_rows(db) == {"g": (2, 1, 1, 0)}
        assert db.events()["picture_like"] == [like(0)]

    async def test_an_identity_conflict_is_not_replayed(self, db: WarehouseFixture) -> None:
        await stored(db, [like(0)], [dead_letter(1, encode(like(0, picture_id=8)))])
        with opened(db) as letters:
            (done,) = [letters.replay(each) for each in list(letters.ids())]
            assert done.stored is None
            assert "identity_conflict: run r1 has another picture_like with shard 0, seq 0" in done.reason
            assert len(letters.latest(5)) == 1
        assert offset_rows(db) == {"g": (2, 1, 0, 1)}
        assert db.events()["picture_like"] == [like(0)]

    async def test_a_truncated_or_damaged_record_is_not_replayed_and_creates_no_run(self, db: WarehouseFixture) -> None:
        await stored(
            db, [], [dead_letter(0, b"x" * (DEAD_LETTER_BYTES_MAX + 1)), dead_letter(1, encode(like(0, run_id="r2")))]
        )
        db.change("UPDATE dead_letters SET raw = X'79' WHERE record_offset = 1")
        db.change("UPDATE dead_letters SET raw_bytes = 1 WHERE record_offset = 1")
        with opened(db) as letters:
            reasons = [letters.replay(each).reason for each in list(letters.ids())]
        assert reasons[0].startswith("too_large: of 4194305 bytes only 4194304 were kept")
        assert reasons[1].startswith("damaged: ")
        assert offset_rows(db) == {"g": (2, 0, 0, 2)}
        assert db.rows("SELECT * FROM runs") == []

    async def test_a_record_of_another_topics_type_is_not_replayed(self, db: WarehouseFixture) -> None:
        wrong = DeadLetter("log", "prefix.pictures", 0, 0, encode(like(0)), "invalid_member", "because")
        async with db.opened() as warehouse:
            position = key(topic="prefix.pictures")
            await warehouse.offsets([position])
            await warehouse.store(0, batch_of([], OffsetAdvance(position, 0, 1), dead_letters=[wrong]))
        with opened(db) as letters:
            (done,) = [letters.replay(each) for each in list(letters.ids())]
        assert done.stored is None
        assert done.reason.startswith("invalid_member: ")


class TestSqlite(_Contract):
    @pytest.fixture
    def db(self, sqlite_db: WarehouseFixture) -> WarehouseFixture:
        return sqlite_db


class TestMysql(_Contract):
    @pytest.fixture
    def db(self, mysql_db: WarehouseFixture) -> WarehouseFixture:
        return mysql_db
