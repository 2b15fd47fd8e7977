"""The KPIs of one day, each as docs/kpis.md defines it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from heapq import nsmallest
from operator import or_
from typing import Final, NamedTuple

from socialsim.oracle.history import KINDS, Bits, Day, History, PostIndex
from socialsim.scenario.model import DAY_US

_VIRAL_LIKES: Final = 10
_TOP: Final = 10
_SECOND_US: Final = 1_000_000
_QUANTILES: Final = (("acceptance_latency_median_s", 1, 2), ("acceptance_latency_p90_s", 9, 10))


class TrueValue(NamedTuple):
    """A KPI row without its day. A count has the denominator 1."""

    metric: str
    numerator: int
    denominator: int = 1
    dimension: str = "all"
    dimension_value: str = ""


def daily_values(history: History) -> Iterator[TrueValue]:
    """All KPI values of the history's last day."""
    for part in (_people, _retention, _growth, _first_week, _engagement, _requests, _creators, _volumes):
        for kpi in part(history):
            is_empty_breakdown = kpi.dimension != "all" and kpi.numerator == 0
            if kpi.denominator and not is_empty_breakdown:
                yield kpi


def _people(history: History) -> Iterator[TrueValue]:
    day = history.of(history.today)
    dau, mau = day.active.bit_count(), _active(history, 30).bit_count()
    yield TrueValue("dau", dau)
    for country, users in history.countries.items():
        yield TrueValue("dau", (day.active & users).bit_count(), 1, "country", country)
    yield TrueValue("wau", _active(history, 7).bit_count())
    yield TrueValue("mau", mau)
    yield TrueValue("stickiness", dau, mau)
    yield TrueValue("signups", day.joined.bit_count())
    yield from _by("signups", "country", day.joined_countries)
    yield from _by("signups", "device", day.joined_devices)


def _retention(history: History) -> Iterator[TrueValue]:
    active = history.of(history.today).active
    for days in (1, 7, 30):
        joined = history.of(history.today - days).joined
        yield TrueValue(f"retention_d{days}", (joined & active).bit_count(), joined.bit_count())


def _growth(history: History) -> Iterator[TrueValue]:
    current, previous = _active(history, 7), _active(history, 7, until=history.today - 7)
    joined = _union(history, 7, history.today, lambda day: day.joined)
    new = (current & joined).bit_count()
    retained = (current & previous & ~joined).bit_count()
    resurrected = (current & ~previous & ~joined).bit_count()
    churned = (previous & ~current).bit_count()
    yield TrueValue("growth_new", new)
    yield TrueValue("growth_retained", retained)
    yield TrueValue("growth_resurrected", resurrected)
    yield TrueValue("growth_churned", churned)
    yield TrueValue("quick_ratio", new + resurrected, churned)


def _first_week(history: History) -> Iterator[TrueValue]:
    cohort = history.of(history.today - 7)
    users = cohort.joined.bit_count()
    today = history.of(history.today)
    posted = _within_a_week(history, cohort, lambda day: day.posters, today.posts.values())
    liked = _within_a_week(history, cohort, lambda day: day.liked, today.likes.values())
    yield TrueValue("activation_7d", posted, users)
    yield TrueValue("funnel", users, 1, "step", "1_signup")
    yield TrueValue("funnel", posted, 1, "step", "2_first_post")
    yield TrueValue("funnel", liked, 1, "step", "3_first_like")


def _within_a_week(history: History, cohort: Day, did: Callable[[Day], Bits], last_day: Iterable[PostIndex]) -> int:
    """How many of ``cohort`` did it within 168 hours of signing up. Only today may be too late."""
    before = cohort.joined & _union(history, 7, history.today - 1, did)
    late = {
        user
        for done in last_day
        for user, time_us in zip(done.users, done.times_us, strict=True)
        if user in cohort.joined_us and time_us < cohort.joined_us[user] + 7 * DAY_US and not before >> user & 1
    }
    return before.bit_count() + len(late)


def _engagement(history: History) -> Iterator[TrueValue]:
    day = history.of(history.today)
    engagement = day.likes_given + day.counts["comment"]
    yield TrueValue("engagement_per_post", engagement, day.posted)
    yield TrueValue("engagement_per_active_user", engagement, day.active.bit_count())
    yield TrueValue("sessions_per_active_user", day.counts["session"], day.active.bit_count())
    yield TrueValue("time_per_active_user_s", day.session_s, day.active.bit_count())


def _requests(history: History) -> Iterator[TrueValue]:
    day = history.of(history.today - 7)
    latencies_us = sorted(day.latencies_us)
    accepted = len(latencies_us)
    yield TrueValue("acceptance_7d", accepted, day.counts["friend_request"])
    if accepted:
        for metric, part, whole in _QUANTILES:
            rank = -(-accepted * part // whole)  # rounded up
            yield TrueValue(metric, latencies_us[rank - 1], _SECOND_US)
    yield TrueValue("friends_per_user", 2 * history.acceptances, history.users)


def _creators(history: History) -> Iterator[TrueValue]:
    day = history.of(history.today)
    likes_of: Counter[int] = Counter()
    for likes in day.likes.values():
        likes_of.update(likes.users)
    top = nsmallest(_TOP, likes_of.items(), key=lambda entry: (-entry[1], entry[0]))
    for user, likes_got in top:
        yield TrueValue("top_creator_likes", likes_got, 1, "user_id", str(user))
    yield TrueValue("top_creators_share", sum(likes_got for _, likes_got in top), day.likes_given)
    yield TrueValue("viral_posts", sum(_viral(kind, history.of(history.today - 1), day) for kind in KINDS))


def _viral(kind: str, day_before: Day, day: Day) -> int:
    """The number of posts of the day before with enough likes within 24 hours.

    Only likes given today may be too late.
    """
    if kind not in day_before.posts:
        return 0
    first, second = day_before.likes_by_post[kind], day.likes_by_post[kind]
    posts = day_before.posts[kind]
    candidates = {
        post: time_us
        for post, time_us in zip(posts.ids, posts.times_us, strict=True)
        if first[post] + second[post] >= _VIRAL_LIKES
    }
    likes = day.likes[kind]
    too_late = Counter(
        post
        for post, time_us in zip(likes.ids, likes.times_us, strict=True)
        if post in candidates and time_us >= candidates[post] + DAY_US
    )
    return sum(first[post] + second[post] - too_late[post] >= _VIRAL_LIKES for post in candidates)


def _volumes(history: History) -> Iterator[TrueValue]:
    day = history.of(history.today)
    yield from _by("events", "type", day.counts)
    yield from _by("device_hour", "device_hour", day.device_hours)


def _by(metric: str, dimension: str, counts: Counter[str]) -> Iterator[TrueValue]:
    return (TrueValue(metric, count, 1, dimension, value) for value, count in counts.items())


def _active(history: History, days: int, until: int | None = None) -> Bits:
    return _union(history, days, history.today if until is None else until, lambda day: day.active)


def _union(history: History, days: int, until: int, bits: Callable[[Day], Bits]) -> Bits:
    """The union of ``bits`` over the ``days`` days that end with ``until``."""
    return reduce(or_, (bits(history.of(day)) for day in range(until - days + 1, until + 1)))
