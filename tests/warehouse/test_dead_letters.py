"""Dead letters are listed, shown and replayed alike on SQLite, MariaDB and MySQL 8."""

import hashlib

import pytest

from socialsim.errors import InputError
from socialsim.events import encode
from socialsim.warehouse.base import DEAD_LETTER_BYTES_MAX, DeadLetter, OffsetAdvance
from socialsim.warehouse.dead_letters import DeadLetters
from tests.warehouse.samples import batch_of, key, like

TOPIC = "prefix.picture_likes"


def letter(offset, raw, error_class="invalid_member", reason="because"):
    return DeadLetter("log", TOPIC, 0, offset, raw, error_class, reason)


async def stored(place, events, letters, *, groups=("g",), old=0):
    """One transaction for each group, as consumers of these groups would make them."""
    count = len(events) + len(letters)
    async with place.opened() as warehouse:
        for group in groups:
            where = key(topic=TOPIC, group=group)
            await warehouse.offsets([where])
            await warehouse.store(0, batch_of(events, OffsetAdvance(where, old, old + count), dead_letters=letters))


def books(place):
    return {
        row["consumer_group"]: (row["consumed"], row["inserted"], row["duplicates"], row["dead_letters"])
        for row in place.rows("SELECT * FROM consumer_offsets")
    }


def opened(place):
    return DeadLetters(place.url, place.password)


class _Contract:
    async def test_they_are_grouped_and_shown_whole(self, place):
        raws = [b"{", b"\x00\xff'\\", b"[" * 9]
        classes = ["not_json", "not_json", "too_deep"]
        await stored(place, [like(0)], [letter(i + 1, *pair) for i, pair in enumerate(zip(raws, classes, strict=True))])
        with opened(place) as letters:
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

    async def test_what_is_valid_today_becomes_a_row_and_the_books_stay_true(self, place):
        event = like(7, run_id="unseen")
        await stored(place, [like(0), like(1)], [letter(2, encode(event)), letter(3, b"{")], groups=("g", "h"))
        assert books(place) == {"g": (4, 2, 0, 2), "h": (4, 0, 2, 2)}
        with opened(place) as letters:
            done = [letters.replay(each) for each in list(letters.ids())]
            assert [each.stored for each in done] == ["inserted", None]
            assert done[1].reason.startswith("not_json: ")
            assert [each.offset for each in letters.latest(10)] == [3]
            with pytest.raises(InputError):
                letters.replay(done[0].id)
        assert books(place) == {"g": (4, 3, 0, 1), "h": (4, 0, 3, 1)}
        assert place.events()["picture_like"] == sorted([like(0), like(1), event], key=lambda e: (e.run_id, e.seq))
        assert {row["run_id"] for row in place.rows("SELECT run_id FROM runs")} == {"r1", "unseen"}

    async def test_one_that_is_stored_already_counts_as_a_duplicate(self, place):
        await stored(place, [like(0)], [letter(1, encode(like(0)))])
        with opened(place) as letters:
            assert [letters.replay(each).stored for each in list(letters.ids())] == ["duplicate"]
            assert letters.groups() == []
        assert books(place) == {"g": (2, 1, 1, 0)}
        assert place.events()["picture_like"] == [like(0)]

    async def test_another_content_under_a_stored_identity_is_left(self, place):
        await stored(place, [like(0)], [letter(1, encode(like(0, picture_id=8)))])
        with opened(place) as letters:
            (done,) = [letters.replay(each) for each in list(letters.ids())]
            assert done.stored is None
            assert "identity_conflict: run r1 has another picture_like with shard 0, seq 0" in done.reason
            assert len(letters.latest(5)) == 1
        assert books(place) == {"g": (2, 1, 0, 1)}
        assert place.events()["picture_like"] == [like(0)]

    async def test_a_cut_or_damaged_record_is_left_and_leaves_no_run_behind(self, place):
        await stored(
            place, [], [letter(0, b"x" * (DEAD_LETTER_BYTES_MAX + 1)), letter(1, encode(like(0, run_id="r2")))]
        )
        place.change("UPDATE dead_letters SET raw = X'79' WHERE record_offset = 1")
        place.change("UPDATE dead_letters SET raw_bytes = 1 WHERE record_offset = 1")
        with opened(place) as letters:
            reasons = [letters.replay(each).reason for each in list(letters.ids())]
        assert reasons[0].startswith("too_large: of 4194305 bytes only 4194304 were kept")
        assert reasons[1].startswith("damaged: ")
        assert books(place) == {"g": (2, 0, 0, 2)}
        assert place.rows("SELECT * FROM runs") == []

    async def test_a_record_of_another_topics_type_is_left(self, place):
        wrong = DeadLetter("log", "prefix.pictures", 0, 0, encode(like(0)), "invalid_member", "because")
        async with place.opened() as warehouse:
            where = key(topic="prefix.pictures")
            await warehouse.offsets([where])
            await warehouse.store(0, batch_of([], OffsetAdvance(where, 0, 1), dead_letters=[wrong]))
        with opened(place) as letters:
            (done,) = [letters.replay(each) for each in list(letters.ids())]
        assert done.stored is None
        assert done.reason.startswith("invalid_member: ")


class TestSqlite(_Contract):
    @pytest.fixture
    def place(self, sqlite_place):
        return sqlite_place


class TestMysql(_Contract):
    @pytest.fixture
    def place(self, mysql_place):
        return mysql_place
