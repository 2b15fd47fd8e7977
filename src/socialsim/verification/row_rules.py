"""The invariants of the network that SQL can check: one query per rule and table finds the
violations.

A query returns ``shard``, ``seq`` (may be NULL) and the columns that ``says`` needs. It reads its
table once and finds other rows by an index (see ``warehouse.schema.tables``). Parameters:
``run_key``, ``users`` and ``shards``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    RowMapping,
    Select,
    Table,
    and_,
    bindparam,
    case,
    cast,
    func,
    null,
    or_,
    select,
)

from socialsim.scenario.model import LEAST_AGE_YEARS
from socialsim.warehouse.schema.tables import (
    EVENT_TABLES,
    comments,
    friend_acceptances,
    friend_requests,
    picture_likes,
    pictures,
    sessions,
    users,
    video_likes,
    videos,
)

EVENT_TABLES_BY_NAME: Final = {table.name: table for table in EVENT_TABLES.values()}
_PRIMARY_KEY: Final = ("run_key", "event_time", "shard", "seq")

_RUN_KEY: Final[BindParameter[int]] = bindparam("run_key")
_USERS: Final[BindParameter[int]] = bindparam("users")
_SHARDS: Final[BindParameter[int]] = bindparam("shards")


@dataclass(frozen=True, slots=True)
class RowRule:
    """One rule for one table."""

    name: str  #: of the rule; checks with the same name are reported together
    table: str
    rows: Select[Any]  #: the rows that violate it
    says: Callable[[RowMapping], str]  #: what is wrong with such a row


#: By rule name, what its checks prove together.
PROVES: Final[dict[str, str]] = {
    "parents": "every user, request, picture and video that a row names exists, and is strictly earlier",
    "acceptances": "an acceptance is by the receiver of its request and names its requester",
    "pairs": "nobody requests, befriends or likes twice, nobody sends a request to themselves",
    "ids": "ids are unique and within the range of their shard",
    "ages": f"every user was born before the sign-up and is at least {LEAST_AGE_YEARS} years old then",
    "watched": "nobody watched more of a video than there is",
}


def _of_run(table: Table) -> ColumnElement[bool]:
    return table.c.run_key == _RUN_KEY


def _parent(child: Column[Any], parent: Column[Any], kind: str | None = None) -> RowRule:
    """``child`` names a row in the table of ``parent``; ``kind`` restricts comments to one kind of
    content.
    """
    table: Table = child.table
    above = parent.table.alias("parent")
    joined = and_(above.c.run_key == table.c.run_key, above.c[parent.name] == child)
    columns = (
        table.c.shard,
        table.c.seq,
        child.label("parent_id"),
        above.c.run_key.label("found"),
        table.c.event_time.label("child_time"),
        above.c.event_time.label("parent_time"),
    )
    broken = or_(above.c.run_key.is_(None), above.c.event_time >= table.c.event_time)
    rows = select(*columns).select_from(table.outerjoin(above, joined)).where(_of_run(table), broken)
    if kind is not None:
        rows = rows.where(table.c.content_kind == kind)
    what = parent.table.name

    def says(row: RowMapping) -> str:
        named = f"{child.name} {row['parent_id']}"
        if row["found"] is None:
            return f"orphan: {named} is not in {what}"
        return f"at {row['child_time']}, not later than its {named} in {what} at {row['parent_time']}"

    return RowRule("parents", table.name, rows, says)


def _unique(name: str, table: Table, keys: Mapping[str, ColumnElement[Any]]) -> RowRule:
    """No two rows of ``table`` have the same ``keys``."""
    times = func.count().label("times")
    labels = [key.label(label) for label, key in keys.items()]
    rows = (
        select(func.min(table.c.shard).label("shard"), null().label("seq"), times, *labels)
        .where(_of_run(table))
        .group_by(*keys.values())
        .having(func.count() > 1)
    )
    return RowRule(
        name, table.name, rows, lambda row: f"{', '.join(f'{key} {row[key]}' for key in keys)}: {row['times']} times"
    )


def _same_user(table: Table, other: Column[Any]) -> RowRule:
    rows = select(table.c.shard, table.c.seq, other.label("other")).where(_of_run(table), table.c.user_id == other)
    return RowRule("pairs", table.name, rows, lambda row: f"{other.name} {row['other']} is the acting user")


def _in_shard(table: Table, own_id: Column[Any] | None) -> RowRule:
    """The acting user belongs to the row's shard, and so does the id that the row allocated."""
    first, stop = (_USERS * table.c.shard) // _SHARDS, (_USERS * (table.c.shard + 1)) // _SHARDS
    broken = or_(table.c.user_id < first, table.c.user_id >= stop)
    columns = [table.c.shard, table.c.seq, table.c.user_id.label("acting")]
    if own_id is not None:
        broken = or_(broken, own_id % _SHARDS != table.c.shard)
        columns.append(own_id.label("own_id"))

    def says(row: RowMapping) -> str:
        own = "" if own_id is None else f" or {own_id.name} {row['own_id']}"
        return f"user_id {row['acting']}{own} is not of this shard"

    return RowRule("ids", table.name, select(*columns).where(_of_run(table), broken), says)


def _joined(child: Table, parent: Table, key: str) -> FromClause:
    """``child`` joined with the full row of ``parent`` that its ``key`` names, NULL if there is
    none.

    By the index and then by the full primary key, in this order, which an outer join preserves.
    Otherwise, without statistics, SQLite would read all of the run's rows of one table for each row
    of the other.
    """
    key_row = parent.alias("key_row")
    by_index = and_(key_row.c.run_key == child.c.run_key, key_row.c[key] == child.c[key])
    by_key = and_(*(parent.c[column.name] == column for column in key_row.c if column.name in _PRIMARY_KEY))
    return child.outerjoin(key_row, by_index).outerjoin(parent, by_key)


def _wrong_parties() -> RowRule:
    accepted, asked = friend_acceptances, friend_requests
    rows = (
        select(
            accepted.c.shard,
            accepted.c.seq,
            accepted.c.request_id.label("request"),
            accepted.c.user_id.label("accepter"),
            accepted.c.requester_id.label("requester"),
            asked.c.user_id.label("asker"),
            asked.c.receiver_id.label("receiver"),
        )
        .select_from(_joined(accepted, asked, "request_id"))
        .where(
            _of_run(accepted),
            or_(
                asked.c.run_key.is_(None),
                asked.c.user_id != accepted.c.requester_id,
                asked.c.receiver_id != accepted.c.user_id,
            ),
        )
    )
    return RowRule(
        "acceptances",
        accepted.name,
        rows,
        lambda row: (
            f"{row['accepter']} accepts request {row['request']} of {row['requester']}, "
            f"which {row['asker']} made to {row['receiver']}"
        ),
    )


def _watched() -> RowRule:
    rows = (
        select(
            video_likes.c.shard,
            video_likes.c.seq,
            video_likes.c.watched_s.label("watched_s"),
            video_likes.c.video_id.label("video_id"),
            videos.c.duration_s.label("duration_s"),
        )
        .select_from(_joined(video_likes, videos, "video_id"))
        .where(_of_run(video_likes), or_(videos.c.run_key.is_(None), video_likes.c.watched_s > videos.c.duration_s))
    )
    return RowRule(
        "watched",
        video_likes.name,
        rows,
        lambda row: f"watched_s {row['watched_s']} of video {row['video_id']}, whose duration_s is {row['duration_s']}",
    )


def _calendar_day(instant: Column[Any]) -> ColumnElement[int]:
    """2026-01-31, with or without a time behind it, as the number 20260131: by its text, so alike
    on every engine.
    """
    year, month, day = (cast(func.substr(instant, *part), Integer) for part in ((1, 4), (6, 2), (9, 2)))
    return year * 10_000 + month * 100 + day


def _ages() -> RowRule:
    rows = select(
        users.c.shard,
        users.c.seq,
        users.c.user_id.label("acting"),
        users.c.birthday.label("birthday"),
        users.c.event_time.label("joined"),
    ).where(
        _of_run(users), _calendar_day(users.c.event_time) - _calendar_day(users.c.birthday) < LEAST_AGE_YEARS * 10_000
    )

    def says(row: RowMapping) -> str:
        return f"user_id {row['acting']}, born {row['birthday']}, signed up at {row['joined']}, too young"

    return RowRule("ages", users.name, rows, says)


#: The ids that rows of each table allocate. User ids come from the shard's own contiguous range.
_OWN_IDS: Final[dict[str, Column[Any]]] = {
    "sessions": sessions.c.session_id,
    "friend_requests": friend_requests.c.request_id,
    "pictures": pictures.c.picture_id,
    "videos": videos.c.video_id,
    "comments": comments.c.comment_id,
}


def _parents() -> Iterator[RowRule]:
    for table in EVENT_TABLES.values():
        if table is not users:
            yield _parent(table.c.user_id, users.c.user_id)
    yield _parent(friend_requests.c.receiver_id, users.c.user_id)
    yield _parent(friend_acceptances.c.requester_id, users.c.user_id)
    yield _parent(friend_acceptances.c.request_id, friend_requests.c.request_id)
    yield _parent(picture_likes.c.picture_id, pictures.c.picture_id)
    yield _parent(video_likes.c.video_id, videos.c.video_id)
    yield _parent(comments.c.content_id, pictures.c.picture_id, "picture")
    yield _parent(comments.c.content_id, videos.c.video_id, "video")


def _pairs() -> Iterator[RowRule]:
    asked, accepted = friend_requests.c, friend_acceptances.c
    yield _unique("pairs", friend_requests, {"user_id": asked.user_id, "receiver_id": asked.receiver_id})
    smaller = case((accepted.user_id < accepted.requester_id, accepted.user_id), else_=accepted.requester_id)
    larger = case((accepted.user_id < accepted.requester_id, accepted.requester_id), else_=accepted.user_id)
    yield _unique("pairs", friend_acceptances, {"one": smaller, "other": larger})
    yield _unique("pairs", friend_acceptances, {"request_id": accepted.request_id})
    for likes, content in ((picture_likes, "picture_id"), (video_likes, "video_id")):
        yield _unique("pairs", likes, {content: likes.c[content], "user_id": likes.c.user_id})
    yield _same_user(friend_requests, asked.receiver_id)
    yield _same_user(friend_acceptances, accepted.requester_id)


def _ids() -> Iterator[RowRule]:
    yield _unique("ids", users, {"user_id": users.c.user_id})
    for name, own_id in _OWN_IDS.items():
        yield _unique("ids", EVENT_TABLES_BY_NAME[name], {own_id.name: own_id})
    for name, table in EVENT_TABLES_BY_NAME.items():
        yield _in_shard(table, _OWN_IDS.get(name))


#: All rules; those with the same name are adjacent.
ROW_RULES: Final[tuple[RowRule, ...]] = tuple(
    chain(_parents(), [_wrong_parties()], _pairs(), _ids(), [_ages(), _watched()])
)
