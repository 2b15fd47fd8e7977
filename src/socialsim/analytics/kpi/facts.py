"""Statements that gather a day's facts out of the events: what each user did, and whose posts were liked.

Each reads the events of that one day, a range of each table's primary key; what came before is in the facts already. So
days are gathered in their order.
"""

from typing import Any, Final

from sqlalchemy import (
    Delete,
    Insert,
    Select,
    Table,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    union_all,
)

from socialsim.analytics.kpi.bounds import RUN, bound, happened
from socialsim.analytics.kpi.instants import day_of
from socialsim.events import PLURALS
from socialsim.warehouse.tables import (
    EVENT_TABLES,
    creator_day,
    picture_likes,
    pictures,
    user_day,
    users,
    video_likes,
    videos,
)

_DAY: Final = bound("day")
_POSTS: Final = (pictures, videos)
#: Likes, the posts that they belong to, and the column that both have.
LIKES: Final[tuple[tuple[Table, Table, str], ...]] = (
    (picture_likes, pictures, "picture_id"),
    (video_likes, videos, "video_id"),
)


def _user_day() -> Insert:
    counts = tuple(PLURALS.values())
    parts: list[Select[Any]] = []
    for table in EVENT_TABLES.values():
        kinds = [(func.count() if name == table.name else literal_column("0")).label(name) for name in counts]
        first = (func.min(table.c.event_time) if table in _POSTS else null()).label("first_post_at")
        part = select(table.c.user_id, first, *kinds).where(happened(table, "begin_at", "end_at"))
        parts.append(part.group_by(table.c.user_id))
    acts = union_all(*parts).subquery("acts")
    active = (
        select(
            acts.c.user_id,
            func.min(acts.c.first_post_at).label("first_post_at"),
            *(func.sum(acts.c[name]).label(name) for name in counts),
        )
        .group_by(acts.c.user_id)
        .subquery("active")
    )
    before = user_day.alias("before")
    previous_day = (
        select(before.c.day)
        .where(before.c.run_key == RUN, before.c.user_id == active.c.user_id, before.c.day < _DAY)
        .order_by(before.c.day.desc())
        .limit(literal_column("1"))
    )
    # Sub-queries, not a join: an unsound stream may hold a user twice.
    own = (users.c.run_key == RUN, users.c.user_id == active.c.user_id, users.c.event_time < bound("end_at"))
    columns = (
        RUN,
        _DAY,
        active.c.user_id,
        previous_day.scalar_subquery(),
        select(day_of(func.min(users.c.event_time))).where(*own).scalar_subquery(),
        select(func.min(users.c.country)).where(*own).scalar_subquery(),
        active.c.first_post_at,
        *(active.c[name] for name in counts),
    )
    names = ("run_key", "day", "user_id", "previous_day", "signup_day", "country", "first_post_at", *counts)
    return insert(user_day).from_select(names, select(*columns))


def _creator_day() -> Insert:
    parts: list[Select[Any]] = []
    for likes, posts, key in LIKES:
        liked = (
            select(
                likes.c[key].label("post_id"),
                func.count().label("likes"),
                func.min(likes.c.event_time).label("first_like_at"),
            )
            .where(happened(likes, "begin_at", "end_at"))
            .group_by(likes.c[key])
            .subquery(f"liked_{posts.name}")
        )
        joined = liked.join(posts, (posts.c.run_key == RUN) & (posts.c[key] == liked.c.post_id))
        parts.append(select(posts.c.user_id, liked.c.likes, liked.c.first_like_at).select_from(joined))
    every = union_all(*parts).subquery("every")
    columns = (RUN, _DAY, every.c.user_id, func.sum(every.c.likes), func.min(every.c.first_like_at))
    names = ("run_key", "day", "user_id", "likes", "first_like_at")
    return insert(creator_day).from_select(names, select(*columns).group_by(every.c.user_id))


def _of_the_day(table: Table) -> Delete:
    return delete(table).where(table.c.run_key == RUN, table.c.day == _DAY)


#: In this order: a day's facts anew.
GATHER: Final[tuple[Delete | Insert, ...]] = (
    _of_the_day(user_day),
    _user_day(),
    _of_the_day(creator_day),
    _creator_day(),
)
