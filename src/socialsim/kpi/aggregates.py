"""Statements that build a day's aggregates from the events: what each user did, whose posts were
liked.

Each reads the events of one day: a range of each table's primary key. So days can be aggregated in
any order and in parallel. What links a day to earlier ones is derived from their aggregates
afterwards.
"""

from typing import Any, Final

from sqlalchemy import (
    Date,
    Delete,
    Insert,
    Select,
    Table,
    case,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    union_all,
)

from socialsim.events import PLURALS
from socialsim.kpi.parameters import RUN, bound, happened, unindexed
from socialsim.kpi.time_sql import day_of
from socialsim.warehouse.schema.tables import (
    EVENT_TABLES,
    NEVER,
    active_users,
    creator_day,
    picture_likes,
    pictures,
    user_day,
    users,
    video_likes,
    videos,
)

#: The events that make a user active on a day. The oracle has its own list, see
#: ``socialsim.oracle.columns``.
ACTIVITY: Final[tuple[Table, ...]] = tuple(EVENT_TABLES.values())

_DAY: Final = bound("day")
_NEVER: Final = literal_column(f"'{NEVER}'", Date())
_POSTS: Final = (pictures, videos)
#: Likes, the posts that they belong to, and the column that both have.
LIKES: Final[tuple[tuple[Table, Table, str], ...]] = (
    (picture_likes, pictures, "picture_id"),
    (video_likes, videos, "video_id"),
)


def _user_day() -> Insert:
    counts = tuple(PLURALS.values())
    parts: list[Select[Any]] = []
    for table in ACTIVITY:
        kinds = [(func.count() if name == table.name else literal_column("0")).label(name) for name in counts]
        first = (func.min(table.c.event_time) if table in _POSTS else null()).label("first_post_at")
        user_id = unindexed(table.c.user_id)
        part = select(user_id.label("user_id"), first, *kinds).where(happened(table, "begin_at", "end_at"))
        parts.append(part.group_by(user_id))
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
    # Sub-queries instead of a join, as an invalid stream may hold a user twice. First the sign-up
    # time by the index on user ids, then the other columns by the primary key, which begins with
    # that time. With fewer or more columns in the first step, SQLite reads the sign-ups of all days
    # for each user.
    own = (users.c.run_key == RUN, users.c.user_id == active.c.user_id)
    joined_at = select(func.min(users.c.event_time)).where(*own).scalar_subquery()
    known = select(*active.c, joined_at.label("joined_at")).subquery("known")
    own_row = (users.c.run_key == RUN, users.c.event_time == known.c.joined_at, users.c.user_id == known.c.user_id)
    # A later sign-up is not used here: when its row arrives, it does not mark this day dirty.
    has_joined = known.c.joined_at < bound("end_at")
    columns = (
        RUN,
        _DAY,
        known.c.user_id,
        case((has_joined, day_of(known.c.joined_at))),
        case((has_joined, select(func.min(users.c.country)).where(*own_row).scalar_subquery())),
        known.c.first_post_at,
        *(known.c[name] for name in counts),
    )
    names = ("run_key", "day", "user_id", "signup_day", "country", "first_post_at", *counts)
    return insert(user_day).from_select(names, select(*columns))


def _active_users() -> Insert:
    yesterday, earlier = user_day.alias("yesterday"), user_day.alias("earlier")
    # Most users were active the day before, which one look-up tells. Only the others need the
    # search further back.
    day_before = select(yesterday.c.day).where(
        yesterday.c.run_key == RUN, yesterday.c.day == bound("day_1"), yesterday.c.user_id == user_day.c.user_id
    )
    last_day = select(func.max(earlier.c.day)).where(
        earlier.c.run_key == RUN, earlier.c.user_id == user_day.c.user_id, earlier.c.day < _DAY
    )
    seen = (
        select(
            func.coalesce(user_day.c.signup_day, _NEVER).label("signup_day"),
            func.coalesce(day_before.scalar_subquery(), last_day.scalar_subquery(), _NEVER).label("previous_day"),
        )
        .where(user_day.c.run_key == RUN, user_day.c.day == _DAY)
        .subquery("seen")
    )
    columns = (RUN, _DAY, seen.c.signup_day, seen.c.previous_day, func.count())
    grouped = select(*columns).group_by(seen.c.signup_day, seen.c.previous_day)
    return insert(active_users).from_select(("run_key", "day", "signup_day", "previous_day", "users"), grouped)


def _creator_day() -> Insert:
    parts: list[Select[Any]] = []
    for likes, posts, key in LIKES:
        post_id = unindexed(likes.c[key])
        liked = (
            select(
                post_id.label("post_id"),
                func.count().label("likes"),
                func.min(likes.c.event_time).label("first_like_at"),
            )
            .where(happened(likes, "begin_at", "end_at"))
            .group_by(post_id)
            .subquery(f"liked_{posts.name}")
        )
        # A sub-query instead of a join, for which SQLite would start with all posts of the run.
        creator = select(func.min(posts.c.user_id)).where(posts.c.run_key == RUN, posts.c[key] == liked.c.post_id)
        parts.append(select(creator.scalar_subquery().label("user_id"), liked.c.likes, liked.c.first_like_at))
    every = union_all(*parts).subquery("every")
    columns = (RUN, _DAY, every.c.user_id, func.sum(every.c.likes), func.min(every.c.first_like_at))
    names = ("run_key", "day", "user_id", "likes", "first_like_at")
    known = every.c.user_id.is_not(None)
    return insert(creator_day).from_select(names, select(*columns).where(known).group_by(every.c.user_id))


def _delete_day(table: Table) -> Delete:
    return delete(table).where(table.c.run_key == RUN, table.c.day == _DAY)


#: Rebuild one day's aggregates, in this order. They read events of that day only.
BUILD_AGGREGATES: Final[tuple[Delete | Insert, ...]] = (
    _delete_day(user_day),
    _user_day(),
    _delete_day(creator_day),
    _creator_day(),
)

#: To be run when the aggregates of all earlier days are stored.
LINK_TO_PREVIOUS_DAYS: Final[tuple[Delete | Insert, ...]] = (_delete_day(active_users), _active_users())
