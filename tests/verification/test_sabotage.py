"""Whatever is done to a row, verification is broken and names table and shard."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from socialsim.events import EVENT_TYPES, PLURALS
from socialsim.verification.result import Violation
from socialsim.warehouse.schema.tables import EVENT_TABLES
from tests.verification.stored import (
    SCENARIO,
    breaks_of,
    change,
    ends_of,
    events_of,
    row_where,
    rows_of,
    sabotage,
    verified,
    verify_on,
)
from tests.warehouse.warehouse_fixtures import WarehouseFixture

NAMES = tuple(EVENT_TYPES)
COLUMNS = [(name, column.name) for name, table in EVENT_TABLES.items() for column in table.columns]
#: For servers, where each database takes its time: columns of every kind, and every one of the
#: users' table.
SOME_COLUMNS = [
    *((name, column) for name, column in COLUMNS if name == "user"),
    ("session", "duration_s"),
    ("session", "event_time"),
    ("friend_request", "receiver_id"),
    ("friend_acceptance", "request_id"),
    ("picture", "caption"),
    ("picture", "width_px"),
    ("video", "duration_s"),
    ("picture_like", "event_time"),
    ("picture_like", "shard"),
    ("video_like", "watched_s"),
    ("comment", "content_kind"),
    ("comment", "text"),
    ("comment", "seq"),
]
_WORDS = {"device": ["web", "mobile", "tablet"], "content_kind": ["picture", "video"], "country": ["ZZ", "ZY"]}


def another(column: str, value: Any) -> Any:
    """A value that the column may hold, as near as can be, and is not ``value``."""
    match value:
        case datetime():
            return value + timedelta(microseconds=1)
        case date():
            return value + timedelta(days=1)
        case int():
            return (value + 1) % SCENARIO.shards if column == "shard" else value + 1
        case str() if column in _WORDS:
            return next(word for word in _WORDS[column] if word != value)
        case str():
            return value[:-1] + ("x" if value[-1:] != "x" else "y")
    raise AssertionError(f"{column}: {value!r}")


def named(breaks: list[Violation], name: str, shard: int) -> Violation:
    """The break of this table and shard."""
    found = [each for each in breaks if (each.table, each.shard) == (PLURALS[name], shard)]
    assert found, f"{PLURALS[name]} shard {shard} is not among {[str(each) for each in breaks]}"
    return found[0]


def check_change(db: WarehouseFixture, runs_dir: Path, name: str, column: str) -> None:
    with sabotage(db) as connection:
        rows = rows_of(connection, name)
        row = rows[len(rows) // 2]
        change(connection, name, row, **{column: another(column, row[column])})
        report = verify_on(connection, runs_dir, "r1")
    named(breaks_of(report, "accounts"), name, row["shard"])


def check_deletion(db: WarehouseFixture, runs_dir: Path, name: str) -> None:
    with sabotage(db) as connection:
        row = rows_of(connection, name)[3]
        connection.execute(EVENT_TABLES[name].delete().where(row_where(name, row)))
        report = verify_on(connection, runs_dir, "r1")
    assert named(breaks_of(report, "accounts"), name, row["shard"]).what.endswith("dead letters 0: 1 missing")
    assert breaks_of(report, "gaps") == [Violation("is not stored", shard=row["shard"], seq=row["seq"])]
    (account,) = [each for each in report.accounts if each.event == name]
    assert account.manifest == account.stored + 1


def check_double(db: WarehouseFixture, runs_dir: Path, name: str) -> None:
    with sabotage(db) as connection:
        row = rows_of(connection, name)[3]
        later = row["event_time"] + timedelta(microseconds=1)
        connection.execute(EVENT_TABLES[name].insert().values(**(row | {"event_time": later})))
        report = verify_on(connection, runs_dir, "r1")
    assert named(breaks_of(report, "accounts"), name, row["shard"]).what.endswith("1 too many")
    (double,) = breaks_of(report, "duplicates")
    assert (double.table, double.shard, double.seq) == (PLURALS[name], row["shard"], row["seq"])


def check_swap(db: WarehouseFixture, runs_dir: Path, name: str) -> None:
    """Two rows of one shard exchange all that is not their key: counts, sums of ids, everything
    else stays.
    """
    with sabotage(db) as connection:
        rows = rows_of(connection, name)
        keys = set(EVENT_TABLES[name].primary_key.columns.keys())

        def payload(row: dict[str, Any]) -> dict[str, Any]:
            return {column: value for column, value in row.items() if column not in keys}

        one = rows[0]
        other = next(row for row in rows if row["shard"] == one["shard"] and payload(row) != payload(one))
        change(connection, name, one, **payload(other))
        change(connection, name, other, **payload(one))
        report = verify_on(connection, runs_dir, "r1")
    assert "a stored row differs" in named(breaks_of(report, "accounts"), name, one["shard"]).what


class TestSqlite:
    def test_an_untouched_run_is_verified(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        report = verified(stored_sqlite, runs_dir, "r1", ends_of(events_of("r1")))
        assert report.ok
        assert {check.state for check in report.checks} == {"ok"}
        assert sum(account.stored for account in report.accounts) == len(events_of("r1"))
        assert all(account.manifest == account.stored > 0 for account in report.accounts)

    @pytest.mark.parametrize(("name", "column"), COLUMNS)
    def test_a_changed_field_is_named(
        self, stored_sqlite: WarehouseFixture, runs_dir: Path, name: str, column: str
    ) -> None:
        check_change(stored_sqlite, runs_dir, name, column)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_deleted_row_is_named(self, stored_sqlite: WarehouseFixture, runs_dir: Path, name: str) -> None:
        check_deletion(stored_sqlite, runs_dir, name)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_doubled_row_is_named(self, stored_sqlite: WarehouseFixture, runs_dir: Path, name: str) -> None:
        check_double(stored_sqlite, runs_dir, name)

    @pytest.mark.parametrize("name", NAMES)
    def test_swapped_rows_are_named(self, stored_sqlite: WarehouseFixture, runs_dir: Path, name: str) -> None:
        check_swap(stored_sqlite, runs_dir, name)

    def test_a_time_in_another_spelling_is_named(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        """SQLite would take it, and every comparison with it would be wrong."""
        (row,) = stored_sqlite.rows("SELECT shard, seq FROM pictures ORDER BY event_time LIMIT 1")
        stored_sqlite.change(
            "UPDATE pictures SET event_time = REPLACE(event_time, ' ', 'T') WHERE shard = :shard AND seq = :seq", **row
        )
        report = verified(stored_sqlite, runs_dir, "r1")
        assert "a stored row differs" in named(breaks_of(report, "accounts"), "picture", row["shard"]).what

    def test_the_end_of_a_shard_is_missed(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        """A missing tail leaves no gap: only the manifests show that there was more."""
        last = max((event for event in events_of("r1") if event.shard == 1), key=lambda event: event.seq)
        for plural in PLURALS.values():
            stored_sqlite.change(f"DELETE FROM {plural} WHERE shard = 1 AND seq > :seq", seq=last.seq - 3)
        report = verified(stored_sqlite, runs_dir, "r1")
        assert breaks_of(report, "gaps") == [
            Violation(f"this and all up to seq {last.seq} are not stored", shard=1, seq=last.seq - 2)
        ]

    def test_of_many_missing_rows_the_first_are_told(self, stored_sqlite: WarehouseFixture, runs_dir: Path) -> None:
        stored_sqlite.change("DELETE FROM pictures")
        report = verified(stored_sqlite, runs_dir, "r1")
        (gaps,) = [check for check in report.checks if check.name == "gaps"]
        assert len(gaps.breaks) == 5
        assert gaps.more


class TestMysql:
    def test_an_untouched_run_is_verified(self, stored_mysql: WarehouseFixture, runs_dir: Path) -> None:
        report = verified(stored_mysql, runs_dir, "r1", ends_of(events_of("r1")))
        assert report.ok
        assert {check.state for check in report.checks} == {"ok"}

    def test_changed_fields_are_named(self, stored_mysql: WarehouseFixture, runs_dir: Path) -> None:
        for name, column in SOME_COLUMNS:
            check_change(stored_mysql, runs_dir, name, column)

    def test_deleted_doubled_and_swapped_rows_are_named(self, stored_mysql: WarehouseFixture, runs_dir: Path) -> None:
        for name in NAMES:
            check_deletion(stored_mysql, runs_dir, name)
            check_double(stored_mysql, runs_dir, name)
            check_swap(stored_mysql, runs_dir, name)
