"""One query per group of a day's KPIs. The results are integers, from which ``metrics`` makes KPIs.

The bind parameters are in ``parameters``. Events are read by ranges of their primary key (one day
each) and by the indexes that join likes to posts and acceptances to requests; everything else comes
from the daily aggregates.
"""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from socialsim.kpi.aggregates import LIKES
from socialsim.kpi.parameters import DAY, RUN, WEEK, bound, happened
from socialsim.kpi.time_sql import hour_of, micros_between
from socialsim.warehouse.schema.tables import (
    EVENT_TABLES,
    active_users,
    creator_day,
    friend_acceptances,
    friend_requests,
    kpi_daily,
    kpi_days,
    sessions,
    user_day,
    users,
)

VIRAL_LIKES: Final = 10
TOP: Final = 10
#: The eight calendar days that a user's first 168 hours may touch, as names of bind parameters.
FIRST_WEEK_DAYS: Final = (*(f"day_{days}" for days in range(7, 0, -1)), "day")
#: The quantiles of the latency as (part, whole): 1/2 and 9/10.
QUANTILES: Final = {"acceptance_latency_median_s": (1, 2), "acceptance_latency_p90_s": (9, 10)}

_TODAY: Final = and_(user_day.c.run_key == RUN, user_day.c.day == bound("day"))


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value))


def _text(word: str) -> ColumnElement[str]:
    return literal_column(f"'{word}'")


def _us(span: timedelta) -> ColumnElement[int]:
    return _number(span // timedelta(microseconds=1))


def _within(table: Table, first: str) -> ColumnElement[bool]:
    """Aggregates of the days from the parameter ``first`` to the day itself."""
    return and_(table.c.run_key == RUN, table.c.day >= bound(first), table.c.day <= bound("day"))


def _not_active_since(first: str) -> ColumnElement[bool]:
    """Counts each user active in the window from ``first`` once: on their first active day in
    it.
    """
    return active_users.c.previous_day < bound(first)


def _sum(what: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(func.sum(what), _number(0))


def _active_today() -> Select[Any]:
    return select(func.count().label("users")).where(_TODAY)


def _active_by_country() -> Select[Any]:
    known = user_day.c.country.is_not(None)
    return select(user_day.c.country, func.count().label("users")).where(_TODAY, known).group_by(user_day.c.country)


def _active(first: str) -> Select[Any]:
    return select(_sum(active_users.c.users).label("users")).where(
        _within(active_users, first), _not_active_since(first)
    )


def _growth() -> Select[Any]:
    """``C`` starts with ``day_6``, ``P`` with ``day_13``."""
    in_c = and_(active_users.c.day >= bound("day_6"), _not_active_since("day_6"))
    joined = active_users.c.signup_day >= bound("day_6")
    earlier = active_users.c.signup_day < bound("day_6")
    parts = {
        "new": and_(in_c, joined),
        "retained": and_(in_c, earlier, active_users.c.previous_day >= bound("day_13")),
        "resurrected": and_(in_c, earlier, _not_active_since("day_13")),
        "in_c": in_c,
        "in_either": _not_active_since("day_13"),
    }
    sums: list[ColumnElement[Any]] = [
        _sum(case((what, active_users.c.users), else_=_number(0))).label(name) for name, what in parts.items()
    ]
    return select(*sums).where(_within(active_users, "day_13"))


def _signups() -> Select[Any]:
    columns = (users.c.country, users.c.device)
    query = select(*columns, func.count().label("users")).where(happened(users, "begin_at", "end_at"))
    return query.group_by(*columns)


def _retention(days: int, stop: str) -> Select[Any]:
    today = and_(active_users.c.run_key == RUN, active_users.c.day == bound("day"))
    stayed = select(_sum(active_users.c.users)).where(today, active_users.c.signup_day == bound(f"day_{days}"))
    joined = select(func.count()).where(happened(users, f"begin_{days}_at", stop))
    return select(stayed.scalar_subquery().label("stayed"), joined.scalar_subquery().label("joined"))


def _first_week() -> Select[Any]:
    """Looks up each new user's eight days one by one, by the whole primary key: no engine finds
    this plan itself.
    """
    eight = union_all(*(select(bound(name).label("day")) for name in FIRST_WEEK_DAYS)).subquery("eight")

    def of_user(table: Table) -> ColumnElement[bool]:
        return and_(table.c.run_key == RUN, table.c.day == eight.c.day, table.c.user_id == users.c.user_id)

    joined = (
        users.join(eight, true()).outerjoin(user_day, of_user(user_day)).outerjoin(creator_day, of_user(creator_day))
    )
    cohort = (
        select(
            users.c.event_time.label("joined_at"),
            func.min(user_day.c.first_post_at).label("first_post_at"),
            func.min(creator_day.c.first_like_at).label("first_like_at"),
        )
        .select_from(joined)
        .where(happened(users, "begin_7_at", "begin_6_at"))
        .group_by(users.c.event_time, users.c.shard, users.c.seq)
        .subquery("cohort")
    )

    def early(column: str) -> ColumnElement[Any]:
        soon = micros_between(cohort.c.joined_at, cohort.c[column]) < _us(WEEK)
        return _sum(case((soon, _number(1)), else_=_number(0)))

    return select(
        func.count().label("joined"), early("first_post_at").label("posted"), early("first_like_at").label("liked")
    ).select_from(cohort)


def _requests() -> Select[Any]:
    return select(func.count().label("requests")).where(happened(friend_requests, "begin_7_at", "begin_6_at"))


def _acceptances() -> Select[Any]:
    """The latencies of accepted requests at the quantiles' ranks, ``ceil(n * part / whole)``."""
    asked, accepted = friend_requests, friend_acceptances
    latency_us = micros_between(asked.c.event_time, accepted.c.event_time)
    joined = asked.join(accepted, and_(accepted.c.run_key == RUN, accepted.c.request_id == asked.c.request_id))
    in_order = (
        select(
            latency_us.label("latency_us"),
            func.row_number().over(order_by=latency_us).label("place"),
            func.count().over().label("accepted"),
        )
        .select_from(joined)
        .where(happened(asked, "begin_7_at", "begin_6_at"), latency_us < _us(WEEK))
        .subquery("in_order")
    )
    place, count = in_order.c.place, in_order.c.accepted
    at_quantile = or_(
        *(
            and_(
                place * _number(whole) >= count * _number(part),
                (place - _number(1)) * _number(whole) < count * _number(part),
            )
            for part, whole in QUANTILES.values()
        )
    )
    return select(in_order).where(at_quantile).order_by(place)


def _cumulative_counts() -> Select[Any]:
    """The counts at the end of the day before; no row on the first day."""
    return select(kpi_days.c.users_so_far, kpi_days.c.friendships_so_far).where(
        kpi_days.c.run_key == RUN, kpi_days.c.day == bound("day_1")
    )


def _top_creators() -> Select[Any]:
    liked = and_(creator_day.c.run_key == RUN, creator_day.c.day == bound("day"))
    best_first = (creator_day.c.likes.desc(), creator_day.c.user_id)
    return select(creator_day.c.user_id, creator_day.c.likes).where(liked).order_by(*best_first).limit(_number(TOP))


def _viral_posts() -> Select[Any]:
    counts = []
    for likes, posts, key in LIKES:
        soon = micros_between(posts.c.event_time, likes.c.event_time) < _us(DAY)
        got = select(func.count()).where(likes.c.run_key == RUN, likes.c[key] == posts.c[key], soon)
        viral = got.scalar_subquery() >= _number(VIRAL_LIKES)
        query = select(func.count()).where(happened(posts, "begin_1_at", "begin_at"), viral)
        counts.append(query.scalar_subquery().label(posts.name))
    return select(*counts)


def _volumes() -> CompoundSelect[Any]:
    parts = []
    for name, table in EVENT_TABLES.items():
        hour = hour_of(table.c.event_time)
        spent = func.sum(table.c.duration_s) if table is sessions else _number(0)
        columns = (
            _text(name).label("name"),
            table.c.device,
            hour.label("hour"),
            func.count().label("events"),
            spent.label("session_s"),
        )
        query = select(*columns).where(happened(table, "begin_at", "end_at"))
        parts.append(query.group_by(table.c.device, hour))
    return union_all(*parts)


def _cohorts_active() -> Select[Any]:
    """Of the users who signed up on each day, how many were active in the week that ends with
    ``day``.
    """
    users_once = select(active_users.c.signup_day, func.sum(active_users.c.users).label("users")).where(
        _within(active_users, "day_week"), _not_active_since("day_week")
    )
    return users_once.group_by(active_users.c.signup_day)


def _signups_by_day() -> Select[Any]:
    """The sign-ups of each day so far, one look-up per day."""
    until = and_(kpi_days.c.run_key == RUN, kpi_days.c.day <= bound("day"))
    signups = and_(
        kpi_daily.c.run_key == RUN,
        kpi_daily.c.day == kpi_days.c.day,
        kpi_daily.c.metric == _text("signups"),
        kpi_daily.c.dimension == _text("all"),
        kpi_daily.c.dimension_value == _text(""),
    )
    joined = kpi_days.outerjoin(kpi_daily, signups)
    return select(kpi_days.c.day, kpi_daily.c.numerator.label("users")).select_from(joined).where(until)


ACTIVE_TODAY: Final = _active_today()
ACTIVE_BY_COUNTRY: Final = _active_by_country()
ACTIVE_WEEK: Final = _active("day_6")
ACTIVE_MONTH: Final = _active("day_29")
GROWTH: Final = _growth()
SIGNUPS: Final = _signups()
RETENTION: Final = {
    1: _retention(1, "begin_at"),
    7: _retention(7, "begin_6_at"),
    30: _retention(30, "begin_29_at"),
}
FIRST_WEEK: Final = _first_week()
REQUESTS: Final = _requests()
ACCEPTANCES: Final = _acceptances()
CUMULATIVE_COUNTS: Final = _cumulative_counts()
TOP_CREATORS: Final = _top_creators()
VIRAL_POSTS: Final = _viral_posts()
VOLUMES: Final = _volumes()
COHORTS_ACTIVE: Final = _cohorts_active()
SIGNUPS_BY_DAY: Final = _signups_by_day()
