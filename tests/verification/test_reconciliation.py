"""What verification makes of manifests, dead letters, offsets and the log's end."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from socialsim.events import PLURALS, WIRE_NAMES, Event, PicturePosted, encode
from socialsim.runs.directory import RunDirectory
from socialsim.verification.offsets import LogEnds, event_of_topic
from socialsim.verification.result import Account, Violation
from socialsim.warehouse.base import Batch, DeadLetter, OffsetAdvance, OffsetKey
from socialsim.warehouse.engines import writing_engine
from socialsim.warehouse.schema.tables import consumer_offsets
from tests.verification.stored import (
    GROUP,
    LOG_ID,
    breaks_of,
    broken_checks,
    ends_of,
    events_of,
    keep_books,
    sabotage,
    store,
    verified,
    verify_on,
)
from tests.warehouse.warehouse_fixtures import WarehouseFixture


def a_picture() -> PicturePosted:
    return next(event for event in events_of("r1") if isinstance(event, PicturePosted) and event.shard == 1)


async def bury(db: WarehouseFixture, *raws: bytes, topic: str = "r1/pictures", first_offset: int = 10_000) -> None:
    """Store dead letters as a consumer does that finds these records in a partition of its own."""
    key = OffsetKey(LOG_ID, GROUP, topic, 99)
    letters = [
        DeadLetter(LOG_ID, topic, 99, first_offset + index, raw, "invalid", "a reason")
        for index, raw in enumerate(raws)
    ]
    async with db.opened() as warehouse:
        at = (await warehouse.offsets([key]))[key]
        await warehouse.store(0, Batch(dead_letters=letters, moves=[OffsetAdvance(key, at, at + len(raws))]))


def lose(db: WarehouseFixture, event: Event) -> None:
    """Its row was never stored."""
    plural = PLURALS[WIRE_NAMES[type(event)]]
    db.change(f"DELETE FROM {plural} WHERE shard = :shard AND seq = :seq", shard=event.shard, seq=event.seq)


def of_another_version(event: Event) -> bytes:
    return json.dumps({**json.loads(encode(event)), "version": 2}).encode()


class TestManifests:
    def test_one_that_is_not_sealed_never_passes(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        directory = RunDirectory(runs_dir, "r1")
        manifest = directory.read_manifest(2)
        assert manifest is not None
        directory.write_manifest(structs.replace(manifest, sealed=False))
        report = verified(stored_sqlite, runs_dir, "r1")
        assert broken_checks(report) == {"manifests"}
        assert [str(each) for each in breaks_of(report, "manifests")] == [
            "shard 2: the manifest is not sealed: the run has not reached its end"
        ]

    def test_a_missing_one_never_passes(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        (runs_dir / "r1" / "manifest-00001.json").unlink()
        report = verified(stored_sqlite, runs_dir, "r1")
        assert [str(each) for each in breaks_of(report, "manifests")] == ["shard 1: there is no manifest"]
        assert "too many" in str(breaks_of(report, "accounts")[0])

    def test_a_run_without_its_directory_never_passes(self, stored_sqlite: WarehouseFixture, tmp_path: Path) -> None:
        report = verified(stored_sqlite, tmp_path / "elsewhere", "r1")
        assert "directory is not there" in str(breaks_of(report, "manifests")[0])

    def test_that_of_another_shard_never_passes(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        directory = runs_dir / "r1"
        (directory / "manifest-00001.json").write_bytes((directory / "manifest-00002.json").read_bytes())
        report = verified(stored_sqlite, runs_dir, "r1")
        assert [str(each) for each in breaks_of(report, "manifests")] == [
            "shard 1: the manifest is of shard 2 of run r1"
        ]

    def test_one_that_says_more_than_was_durable_never_passes(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        directory = RunDirectory(runs_dir, "r1")
        manifest = directory.read_manifest(0)
        assert manifest is not None
        directory.write_manifest(structs.replace(manifest, acknowledged_seq=manifest.acknowledged_seq - 1))
        report = verified(stored_sqlite, runs_dir, "r1")
        assert broken_checks(report) == {"manifests"}

    @pytest.mark.parametrize("field", ["count", "seq_min", "seq_max", "sum_a", "sum_b"])
    def test_every_number_of_it_counts(self, stored_sqlite: WarehouseFixture, runs_dir: Path, field: str) -> None:
        directory = RunDirectory(runs_dir, "r1")
        manifest = directory.read_manifest(0)
        assert manifest is not None
        tally = manifest.tallies["video"]
        setattr(tally, field, getattr(tally, field) + 1)
        directory.write_manifest(manifest)
        report = verified(stored_sqlite, runs_dir, "r1")
        (found,) = breaks_of(report, "accounts")
        assert (found.table, found.shard) == ("videos", 0)

    def test_a_run_of_which_nothing_was_stored_is_red(self, sqlite_db: WarehouseFixture, runs_dir: Path) -> None:
        keep_books(runs_dir, "r1", events_of("r1"))
        report = verified(sqlite_db, runs_dir, "r1")
        assert {"accounts", "gaps"} == broken_checks(report)


class TestDeadLetters:
    async def test_one_that_holds_the_missing_event_accounts_for_it(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        lose(stored_sqlite, a_picture())
        await bury(stored_sqlite, encode(a_picture()), encode(a_picture()))
        report = verified(stored_sqlite, runs_dir, "r1")
        assert report.ok, broken_checks(report)
        (account,) = [each for each in report.accounts if each.event == "picture"]
        assert account == Account("picture", account.manifest, account.manifest - 1, 1)

    async def test_one_whose_content_is_not_known_leaves_the_sums_open(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        lose(stored_sqlite, a_picture())
        await bury(stored_sqlite, of_another_version(a_picture()))
        report = verified(stored_sqlite, runs_dir, "r1")
        assert broken_checks(report) == {"accounts"}
        (found,) = breaks_of(report, "accounts")
        assert found == Violation(
            "the sums cannot be compared: events in dead letters that cannot be decoded: 1", "pictures", 1
        )

    async def test_one_that_cannot_be_read_is_told_beside_what_is_missing(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        lose(stored_sqlite, a_picture())
        await bury(stored_sqlite, encode(a_picture())[:-20])
        report = verified(stored_sqlite, runs_dir, "r1")
        assert broken_checks(report) == {"accounts", "gaps"}
        assert str(breaks_of(report, "accounts")[0]).endswith("1 missing (dead letters that cannot be read: 1)")

    async def test_those_that_the_run_did_not_write_change_nothing(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        foreign = structs.replace(a_picture(), run_id="other")
        absurd = of_another_version(structs.replace(a_picture(), seq=10**12))
        poison = [b"", b"[" * 1000, b"\xff\xfe", b"x" * 200_000, encode(foreign), encode(a_picture()), absurd]
        await bury(stored_sqlite, *poison)
        assert verified(stored_sqlite, runs_dir, "r1").ok
        lose(stored_sqlite, a_picture())
        report = verified(stored_sqlite, runs_dir, "r1")
        assert report.ok, "one of them holds the event"

    async def test_another_event_does_not_account_for_a_missing_one(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        lose(stored_sqlite, a_picture())
        await bury(stored_sqlite, encode(structs.replace(a_picture(), caption="something else")))
        report = verified(stored_sqlite, runs_dir, "r1")
        assert "a stored row differs" in str(breaks_of(report, "accounts")[0])

    async def test_they_account_for_events_on_servers_too(self, stored_mysql: WarehouseFixture, runs_dir: Path) -> None:
        lose(stored_mysql, a_picture())
        await bury(stored_mysql, b"x" * 200_000, encode(a_picture()))
        assert verified(stored_mysql, runs_dir, "r1").ok


COUNTERS = ["next_offset", "consumed", "inserted", "duplicates", "dead_letters"]


class TestOffsets:
    @pytest.mark.parametrize("step", [-1, 1])
    @pytest.mark.parametrize("column", COUNTERS)
    def test_a_tampered_counter_is_named(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path, column: str, step: int
    ) -> None:
        stored_sqlite.change(
            f"UPDATE consumer_offsets SET {column} = {column} + {step} WHERE topic = 'r1/videos' AND partition_id = 1"
        )
        report = verified(stored_sqlite, runs_dir, "r1", ends_of(events_of("r1")))
        assert broken_checks(report) <= {"offsets", "log end"}
        breaks = [each for check in report.checks for each in check.breaks]
        assert breaks
        assert all(str(each).startswith(("consumer_offsets: r1/videos[1]: ", "videos shard 1: ")) for each in breaks)

    @pytest.mark.parametrize("column", ["log_id", "consumer_group", "topic", "partition_id"])
    def test_a_tampered_key_is_named(self, stored_sqlite: WarehouseFixture, runs_dir: Path, column: str) -> None:
        other = "77" if column == "partition_id" else "'elsewhere'"
        stored_sqlite.change(
            f"UPDATE consumer_offsets SET {column} = {other} WHERE topic = 'r1/videos' AND partition_id = 1"
        )
        report = verified(stored_sqlite, runs_dir, "r1", ends_of(events_of("r1")))
        if column == "consumer_group":  # consumed all the same, by another group
            assert report.ok
        else:
            assert not report.ok
            assert broken_checks(report) <= {"offsets", "log end"}

    def test_rows_that_no_consumer_stored_are_named(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        stored_sqlite.change("DELETE FROM consumer_offsets WHERE topic = 'r1/comments' AND partition_id = 2")
        (found,) = breaks_of(verified(stored_sqlite, runs_dir, "r1"), "offsets")
        assert (found.table, found.shard) == ("comments", 2)
        assert "consumers inserted 0" in found.what

    def test_a_log_that_holds_more_is_named(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        log = ends_of(events_of("r1"))
        longer = LogEnds(LOG_ID, {**log.ends, ("r1/users", 0): log.ends["r1/users", 0] + 3})
        (found,) = breaks_of(verified(stored_sqlite, runs_dir, "r1", longer), "log end")
        end = log.ends["r1/users", 0] + 3
        assert found.what == f"r1/users[0]: 3 of the log's {end} records are not consumed yet"

    def test_a_log_that_was_cut_is_named(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        log = ends_of(events_of("r1"))
        shorter = LogEnds(LOG_ID, {**log.ends, ("r1/users", 0): log.ends["r1/users", 0] - 3})
        (found,) = breaks_of(verified(stored_sqlite, runs_dir, "r1", shorter), "log end")
        assert "the log ends at" in found.what

    def test_another_log_was_not_consumed(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        other = LogEnds("file-other", ends_of(events_of("r1")).ends)
        assert broken_checks(verified(stored_sqlite, runs_dir, "r1", other)) == {"log end"}

    def test_positions_in_a_topic_that_was_made_anew_since_are_void(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        stored_sqlite.change("UPDATE consumer_offsets SET topic_identity = 'run-1'")
        log = ends_of(events_of("r1"))
        topics = {topic for topic, _ in log.ends}
        same = LogEnds(LOG_ID, log.ends, dict.fromkeys(topics, "run-1"))
        assert verified(stored_sqlite, runs_dir, "r1", same).ok
        anew = LogEnds(LOG_ID, log.ends, dict.fromkeys(topics, "run-2"))
        assert "are not consumed yet" in str(breaks_of(verified(stored_sqlite, runs_dir, "r1", anew), "log end")[0])

    def test_rows_of_another_scenario_than_the_books_are_told(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        stored_sqlite.change("UPDATE runs SET scenario_digest = 'abc'")
        assert "digest abc" in str(breaks_of(verified(stored_sqlite, runs_dir, "r1"), "scenario")[0])

    def test_without_a_log_its_end_is_not_checked_and_said_so(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        report = verified(stored_sqlite, runs_dir, "r1")
        assert report.ok
        assert [check.name for check in report.checks if check.state == "not checked"] == ["log end"]

    async def test_a_group_that_was_left_behind_does_not_matter(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path
    ) -> None:
        async with stored_sqlite.opened() as warehouse:
            await warehouse.offsets([OffsetKey(LOG_ID, "other", "r1/users", 0)])
        assert verified(stored_sqlite, runs_dir, "r1", ends_of(events_of("r1"))).ok

    def test_a_lost_row_may_be_consumed_once_more(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        """After a rewind the counters have one insert more than there are rows, and that is right."""
        stored_sqlite.change(
            "UPDATE consumer_offsets SET consumed = consumed + 5, inserted = inserted + 1, duplicates = duplicates + 4 "
            "WHERE topic = 'r1/videos' AND partition_id = 1"
        )
        assert verified(stored_sqlite, runs_dir, "r1").ok

    def test_tampered_counters_are_named_on_servers_too(self, stored_mysql: WarehouseFixture, runs_dir: Path) -> None:
        for column in COUNTERS:
            with sabotage(stored_mysql) as connection:
                table = consumer_offsets
                picked = (table.c.topic == "r1/videos") & (table.c.partition_id == 1)
                connection.execute(table.update().where(picked).values({column: table.c[column] + 1}))
                report = verify_on(connection, runs_dir, "r1", ends_of(events_of("r1")))
            assert broken_checks(report) & {"offsets", "log end"}, column


class TestSharedTopics:
    """Topics in Kafka hold all runs."""

    async def store(self, db: WarehouseFixture, *runs: str) -> None:
        batch = Batch()
        sizes: dict[OffsetKey, int] = {}
        for run_id in runs:
            for event in events_of(run_id):
                name = WIRE_NAMES[type(event)]
                key = OffsetKey("cluster", GROUP, f"socialsim.{PLURALS[name]}", event.user_id % 4)
                batch.add(key, name, [event])
                sizes[key] = sizes.get(key, 0) + 1
        batch.moves = [OffsetAdvance(key, 0, size) for key, size in sizes.items()]
        async with db.opened() as warehouse:
            await warehouse.offsets(list(sizes))
            await warehouse.store(0, batch)

    async def test_each_run_is_verified(self, sqlite_db: WarehouseFixture, runs_dir: Path) -> None:
        await self.store(sqlite_db, "r1", "r2")
        for run_id in ("r1", "r2"):
            keep_books(runs_dir, run_id, events_of(run_id))
            assert verified(sqlite_db, runs_dir, run_id).ok

    async def test_books_that_lost_rows_are_named(self, sqlite_db: WarehouseFixture, runs_dir: Path) -> None:
        await self.store(sqlite_db, "r1")
        keep_books(runs_dir, "r1", events_of("r1"))
        sqlite_db.change("DELETE FROM consumer_offsets WHERE topic = 'socialsim.videos' AND partition_id = 1")
        (found,) = breaks_of(verified(sqlite_db, runs_dir, "r1"), "offsets")
        assert found.table == "videos"


class TestTwoRuns:
    async def both(self, db: WarehouseFixture, runs_dir: Path) -> None:
        for run_id, seed in (("r1", 1), ("r2", 2)):
            await store(db, events_of(run_id, seed))
            keep_books(runs_dir, run_id, events_of(run_id, seed))

    async def disturbed(self, db: WarehouseFixture, runs_dir: Path) -> None:
        await self.both(db, runs_dir)
        assert verified(db, runs_dir, "r1", ends_of(events_of("r1"))).ok
        assert verified(db, runs_dir, "r2", ends_of(events_of("r2", 2))).ok
        lost = next(event for event in events_of("r2", 2) if isinstance(event, PicturePosted))
        db.change(
            "DELETE FROM pictures WHERE shard = :shard AND seq = :seq "
            "AND run_key = (SELECT run_key FROM runs WHERE run_id = 'r2')",
            shard=lost.shard,
            seq=lost.seq,
        )
        db.change("UPDATE consumer_offsets SET consumed = consumed + 1 WHERE topic LIKE 'r2/%'")
        assert verified(db, runs_dir, "r1", ends_of(events_of("r1"))).ok
        assert {"accounts", "gaps", "offsets"} <= broken_checks(verified(db, runs_dir, "r2"))

    async def test_do_not_disturb_each_other(self, sqlite_db: WarehouseFixture, runs_dir: Path) -> None:
        await self.disturbed(sqlite_db, runs_dir)

    async def test_do_not_disturb_each_other_on_servers(self, mysql_db: WarehouseFixture, runs_dir: Path) -> None:
        await self.disturbed(mysql_db, runs_dir)

    async def test_a_row_that_goes_over_to_the_other_is_missed_by_both(
        self, sqlite_db: WarehouseFixture, runs_dir: Path
    ) -> None:
        await self.both(sqlite_db, runs_dir)
        lost = next(event for event in events_of("r2", 2) if isinstance(event, PicturePosted))
        values: dict[str, Any] = {"shard": lost.shard, "seq": lost.seq}
        with writing_engine(sqlite_db.target, None).begin() as connection:
            connection.exec_driver_sql(
                "UPDATE pictures SET run_key = (SELECT run_key FROM runs WHERE run_id = 'r1') "
                "WHERE run_key = (SELECT run_key FROM runs WHERE run_id = 'r2') AND shard = :shard AND seq = :seq",
                values,
            )
        for run_id, what in (("r1", "1 too many"), ("r2", "1 missing")):
            (found,) = breaks_of(verified(sqlite_db, runs_dir, run_id), "accounts")
            assert (found.table, found.shard) == ("pictures", lost.shard)
            assert found.what.endswith(what)


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("r1/pictures", "picture"),
        ("r2/pictures", None),
        ("r1/strangers", None),
        ("socialsim.picture_likes", "picture_like"),
        ("a.b.users", "user"),
        ("users", "user"),
        ("socialsim.strangers", None),
    ],
)
def test_a_topic_tells_its_events(topic: str, name: str | None) -> None:
    assert event_of_topic(topic, "r1") == name
