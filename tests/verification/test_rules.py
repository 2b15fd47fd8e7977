"""Each rule of the network is broken by one row, on purpose, and named. (The sums would tell too;
here each query must.)
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from socialsim.verification.row_rules import ROW_RULES
from socialsim.warehouse.schema.tables import EVENT_TABLES
from tests.verification.stored import SCENARIO, breaks_of, change, rows_of, sabotage, verify_on
from tests.warehouse.warehouse_fixtures import WarehouseFixture

NOBODY = 10**15
Breaker = Callable[[Connection], tuple[str, int | None]]


def _row(connection: Connection, name: str, **where: Any) -> dict[str, Any]:
    return next(row for row in rows_of(connection, name) if all(row[key] == value for key, value in where.items()))


def orphan(name: str, column: str, says: str, **where: Any) -> Breaker:
    """The row names somebody or something that is not there."""

    def apply(connection: Connection) -> tuple[str, int | None]:
        row = _row(connection, name, **where)
        change(connection, name, row, **{column: NOBODY})
        return f"orphan: {column} {NOBODY} is not in {says}", row["shard"]

    return apply


def early(name: str, column: str, parent: str, parent_column: str, **where: Any) -> Breaker:
    """The parent comes at the very time of its child."""

    def apply(connection: Connection) -> tuple[str, int | None]:
        row = _row(connection, name, **where)
        above = _row(connection, parent, **{parent_column: row[column]})
        change(connection, parent, above, event_time=row["event_time"])
        return f"not later than its {column} {row[column]} in {EVENT_TABLES[parent].name}", row["shard"]

    return apply


def as_first(name: str, says: str, *columns: str) -> Breaker:
    """The second row has in ``columns`` what the first has."""

    def apply(connection: Connection) -> tuple[str, int | None]:
        first, second, *_ = rows_of(connection, name)
        change(connection, name, second, **{column: first[column] for column in columns})
        shown = ", ".join(f"{column} {first[column]}" for column in columns)
        return (says or f"{shown}: 2 times").format(**first), min(first["shard"], second["shard"])

    return apply


def mirrored(connection: Connection) -> tuple[str, int | None]:
    """Two accept each other: one friendship, twice."""
    first, second, *_ = rows_of(connection, "friend_acceptance")
    change(connection, "friend_acceptance", second, user_id=first["requester_id"], requester_id=first["user_id"])
    one, other = sorted([first["user_id"], first["requester_id"]])
    return f"one {one}, other {other}: 2 times", min(first["shard"], second["shard"])


def changed(name: str, column: str, value: Callable[[dict[str, Any]], Any], says: str) -> Breaker:
    """One field gets a value made of its row."""

    def apply(connection: Connection) -> tuple[str, int | None]:
        row = rows_of(connection, name)[5]
        new = value(row)
        change(connection, name, row, **{column: new})
        return says.format(**(row | {column: new})), row["shard"]

    return apply


def one_more(column: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: row[column] + 1


def overwatched(connection: Connection) -> tuple[str, int | None]:
    like = rows_of(connection, "video_like")[0]
    duration_s = _row(connection, "video", video_id=like["video_id"])["duration_s"]
    change(connection, "video_like", like, watched_s=duration_s + 1)
    return f"watched_s {duration_s + 1} of video {like['video_id']}, whose duration_s is {duration_s}", like["shard"]


def too_young(row: dict[str, Any]) -> date:
    """The birth date of a user who turns thirteen tomorrow."""
    tomorrow: date = row["event_time"].date() + timedelta(1)
    return tomorrow.replace(year=tomorrow.year - 13)


CHILDREN = [
    "session", "friend_request", "friend_acceptance", "picture", "video", "picture_like", "video_like", "comment",
]  # fmt: skip
NOT_OF_SHARD = "is not of this shard"
BREAKERS: list[tuple[str, str, str, Breaker]] = [
    *(("parents", name, f"{name} of nobody", orphan(name, "user_id", "users")) for name in CHILDREN),
    *(("parents", name, f"{name} at sign-up", early(name, "user_id", "user", "user_id")) for name in CHILDREN),
    ("parents", "friend_request", "receiver", orphan("friend_request", "receiver_id", "users")),
    ("parents", "friend_request", "receiver later", early("friend_request", "receiver_id", "user", "user_id")),
    ("parents", "friend_acceptance", "requester", orphan("friend_acceptance", "requester_id", "users")),
    ("parents", "friend_acceptance", "requester later", early("friend_acceptance", "requester_id", "user", "user_id")),
    ("parents", "friend_acceptance", "request", orphan("friend_acceptance", "request_id", "friend_requests")),
    (
        "parents",
        "friend_acceptance",
        "request later",
        early("friend_acceptance", "request_id", "friend_request", "request_id"),
    ),
    ("parents", "picture_like", "picture", orphan("picture_like", "picture_id", "pictures")),
    ("parents", "picture_like", "picture later", early("picture_like", "picture_id", "picture", "picture_id")),
    ("parents", "video_like", "video", orphan("video_like", "video_id", "videos")),
    ("parents", "video_like", "video later", early("video_like", "video_id", "video", "video_id")),
    ("parents", "comment", "picture", orphan("comment", "content_id", "pictures", content_kind="picture")),
    ("parents", "comment", "video", orphan("comment", "content_id", "videos", content_kind="video")),
    (
        "parents",
        "comment",
        "picture later",
        early("comment", "content_id", "picture", "picture_id", content_kind="picture"),
    ),
    ("parents", "comment", "video later", early("comment", "content_id", "video", "video_id", content_kind="video")),
    (
        "acceptances",
        "friend_acceptance",
        "by another",
        changed("friend_acceptance", "user_id", lambda _: NOBODY, "{user_id} accepts request {request_id} of"),
    ),
    (
        "acceptances",
        "friend_acceptance",
        "of another",
        changed("friend_acceptance", "requester_id", lambda _: NOBODY, "request {request_id} of {requester_id}, which"),
    ),
    ("pairs", "friend_request", "asked twice", as_first("friend_request", "", "user_id", "receiver_id")),
    ("pairs", "friend_acceptance", "befriended twice", mirrored),
    ("pairs", "friend_acceptance", "accepted twice", as_first("friend_acceptance", "", "request_id")),
    ("pairs", "picture_like", "liked twice", as_first("picture_like", "", "picture_id", "user_id")),
    ("pairs", "video_like", "liked twice", as_first("video_like", "", "video_id", "user_id")),
    (
        "pairs",
        "friend_request",
        "by oneself",
        changed(
            "friend_request", "receiver_id", lambda row: row["user_id"], "receiver_id {user_id} is the acting user"
        ),
    ),
    (
        "pairs",
        "friend_acceptance",
        "by oneself",
        changed(
            "friend_acceptance", "requester_id", lambda row: row["user_id"], "requester_id {user_id} is the acting"
        ),
    ),
    ("ages", "user", "a day too young", changed("user", "birthday", too_young, "born {birthday}, signed up at")),
    ("ages", "user", "born later", changed("user", "birthday", lambda _: date(2030, 1, 1), "born 2030-01-01, signed")),
    ("ids", "user", "used twice", as_first("user", "", "user_id")),
    ("ids", "session", "used twice", as_first("session", "", "session_id")),
    ("ids", "friend_request", "used twice", as_first("friend_request", "", "request_id")),
    ("ids", "picture", "used twice", as_first("picture", "", "picture_id")),
    ("ids", "video", "used twice", as_first("video", "", "video_id")),
    ("ids", "comment", "used twice", as_first("comment", "", "comment_id")),
    *(
        (
            "ids",
            name,
            f"{name} by a user of another shard",
            changed(
                name,
                "user_id",
                lambda row: SCENARIO.user_range((row["shard"] + 1) % SCENARIO.shards)[0],
                "user_id {user_id}",
            ),
        )
        for name in ["user", *CHILDREN]
    ),
    *(
        (
            "ids",
            name,
            f"{name} with an id of another shard",
            changed(name, column, one_more(column), f"{column} {{{column}}} {NOT_OF_SHARD}"),
        )
        for name, column in [
            ("session", "session_id"),
            ("friend_request", "request_id"),
            ("picture", "picture_id"),
            ("video", "video_id"),
            ("comment", "comment_id"),
        ]
    ),
    ("watched", "video_like", "too long", overwatched),
]


def check_rule(db: WarehouseFixture, runs_dir: Path, check: str, name: str, breaker: Breaker) -> None:
    with sabotage(db) as connection:
        says, shard = breaker(connection)
        report = verify_on(connection, runs_dir, "r1")
        # Several rules may be broken by one row; this one must be among them, where it is.
        found = [
            each
            for rule in ROW_RULES
            if (rule.name, rule.table) == (check, EVENT_TABLES[name].name)
            for each in connection.execute(
                rule.rows, {"run_key": _run_key(connection), "users": SCENARIO.users, "shards": SCENARIO.shards}
            ).mappings()
            if says in rule.says(each) and each["shard"] == shard
        ]
    assert found, f"no break of {check} in {name} says {says!r} of shard {shard}: {breaks_of(report, check)}"
    assert breaks_of(report, check)


def _run_key(connection: Connection) -> int:
    table = EVENT_TABLES["user"]
    return int(connection.execute(select(table.c.run_key).limit(1)).scalar_one())


@pytest.mark.parametrize(
    ("check", "name", "breaker"),
    [pytest.param(check, name, breaker, id=f"{check}-{what}") for check, name, what, breaker in BREAKERS],
)
def test_a_broken_rule_is_named_on_sqlite(
    stored_sqlite: WarehouseFixture, runs_dir: Path, check: str, name: str, breaker: Breaker
) -> None:
    check_rule(stored_sqlite, runs_dir, check, name, breaker)


def test_broken_rules_are_named_on_mysql(stored_mysql: WarehouseFixture, runs_dir: Path) -> None:
    for check, name, _, breaker in BREAKERS:
        check_rule(stored_mysql, runs_dir, check, name, breaker)


def test_every_rule_is_broken_once() -> None:
    rules = {(rule.name, rule.table) for rule in ROW_RULES}
    assert {(check, EVENT_TABLES[name].name) for check, name, _, _ in BREAKERS} == rules
