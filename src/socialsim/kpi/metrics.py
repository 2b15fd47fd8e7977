"""The KPIs of one day, from the results of its queries. The only place where ratios are divided."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import CompoundSelect, Connection, Select

from socialsim.kpi import queries
from socialsim.kpi.parameters import WEEK, week_of

_SECOND_US: Final = 1_000_000


class MetricValue(NamedTuple):
    """One KPI value without its day; see docs/kpis.md. A count has the denominator 1."""

    metric: str
    numerator: int
    denominator: int = 1
    dimension: str = "all"
    dimension_value: str = ""

    @property
    def value(self) -> float:
        """The numerator divided by the denominator."""
        return self.numerator / self.denominator


class CohortWeek(NamedTuple):
    """How many of the users who signed up in ``cohort_week`` were active ``week_number`` weeks
    later.
    """

    cohort_week: date
    week_number: int
    users: int
    active: int


class DayQueries:
    """Executes the queries of one day."""

    def __init__(self, connection: Connection, values: Mapping[str, Any]) -> None:
        self._connection = connection
        self._values = dict(values)

    def all(self, query: Select[Any] | CompoundSelect[Any]) -> list[tuple[Any, ...]]:
        """All rows."""
        return [tuple(row) for row in self._connection.execute(query, self._values)]

    def one(self, query: Select[Any]) -> tuple[int, ...]:
        """The only row, as integers. (Sums are decimals on MySQL.)"""
        return tuple(map(int, self._connection.execute(query, self._values).one()))


class Volumes(NamedTuple):
    """The numbers of events of one day."""

    by_type: Counter[str]  #: by wire name
    by_device_hour: Counter[str]  #: keys such as ``web 07``
    session_s: int  #: total duration of the sessions that started on the day

    @property
    def posts(self) -> int:
        """The number of pictures and videos."""
        return self.by_type["picture"] + self.by_type["video"]

    @property
    def likes(self) -> int:
        """The number of likes of both."""
        return self.by_type["picture_like"] + self.by_type["video_like"]


class CumulativeCounts(NamedTuple):
    """Counts from the run's first day to the end of a day."""

    users: int
    friendships: int


def read_volumes(day_queries: DayQueries) -> Volumes:
    """The volumes of the day's events."""
    by_type: Counter[str] = Counter()
    by_device_hour: Counter[str] = Counter()
    session_s = 0
    for name, device, hour, count, spent_s in day_queries.all(queries.VOLUMES):
        by_type[name] += int(count)
        by_device_hour[f"{device} {int(hour):02d}"] += int(count)
        session_s += int(spent_s)
    return Volumes(by_type, by_device_hour, session_s)


def read_cumulative_counts(day_queries: DayQueries, volumes: Volumes) -> CumulativeCounts:
    """The counts at the end of the day: those of the day before plus the day's own."""
    users, friendships = next(iter(day_queries.all(queries.CUMULATIVE_COUNTS)), (0, 0))
    return CumulativeCounts(users + volumes.by_type["user"], friendships + volumes.by_type["friend_acceptance"])


def event_metrics(day_queries: DayQueries, volumes: Volumes) -> list[MetricValue]:
    """The KPIs that need only the day's events, so that days can be computed in parallel."""
    return [
        *_signups(day_queries),
        *_requests(day_queries),
        *_viral_posts(day_queries),
        *_by("events", "type", volumes.by_type),
        *_by("device_hour", "device_hour", volumes.by_device_hour),
    ]


def aggregate_metrics(day_queries: DayQueries, volumes: Volumes, cumulative: CumulativeCounts) -> list[MetricValue]:
    """The other KPIs. They need the stored aggregates of the day and of all earlier days."""
    (active,) = day_queries.one(queries.ACTIVE_TODAY)
    return [
        *_people(day_queries, active),
        *_growth(day_queries),
        *_first_week(day_queries),
        *_engagement(volumes, active),
        MetricValue("friends_per_user", 2 * cumulative.friendships, cumulative.users),
        *_creators(day_queries, volumes.likes),
    ]


def has_row(metric: MetricValue) -> bool:
    """Whether to store ``metric``: ratios need a denominator, and breakdowns omit zero counts."""
    return metric.denominator != 0 and (metric.numerator != 0 or metric.dimension == "all")


def _people(day_queries: DayQueries, active: int) -> Iterator[MetricValue]:
    (week,), (month,) = day_queries.one(queries.ACTIVE_WEEK), day_queries.one(queries.ACTIVE_MONTH)
    yield MetricValue("dau", active)
    for country, count in day_queries.all(queries.ACTIVE_BY_COUNTRY):
        yield MetricValue("dau", int(count), 1, "country", country)
    yield MetricValue("wau", week)
    yield MetricValue("mau", month)
    yield MetricValue("stickiness", active, month)
    for days, query in queries.RETENTION.items():
        active, joined = day_queries.one(query)
        yield MetricValue(f"retention_d{days}", active, joined)


def _signups(day_queries: DayQueries) -> Iterator[MetricValue]:
    countries: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    for country, device, count in day_queries.all(queries.SIGNUPS):
        countries[country] += int(count)
        devices[device] += int(count)
    yield MetricValue("signups", countries.total())
    yield from _by("signups", "country", countries)
    yield from _by("signups", "device", devices)


def _growth(day_queries: DayQueries) -> Iterator[MetricValue]:
    new, retained, resurrected, in_c, in_either = day_queries.one(queries.GROWTH)
    churned = in_either - in_c
    yield MetricValue("growth_new", new)
    yield MetricValue("growth_retained", retained)
    yield MetricValue("growth_resurrected", resurrected)
    yield MetricValue("growth_churned", churned)
    yield MetricValue("quick_ratio", new + resurrected, churned)


def _first_week(day_queries: DayQueries) -> Iterator[MetricValue]:
    joined, posted, liked = day_queries.one(queries.FIRST_WEEK)
    yield MetricValue("activation_7d", posted, joined)
    for step, count in (("1_signup", joined), ("2_first_post", posted), ("3_first_like", liked)):
        yield MetricValue("funnel", count, 1, "step", step)


def _engagement(volumes: Volumes, active: int) -> Iterator[MetricValue]:
    engagement = volumes.likes + volumes.by_type["comment"]
    yield MetricValue("engagement_per_post", engagement, volumes.posts)
    yield MetricValue("engagement_per_active_user", engagement, active)
    yield MetricValue("sessions_per_active_user", volumes.by_type["session"], active)
    yield MetricValue("time_per_active_user_s", volumes.session_s, active)


def _requests(day_queries: DayQueries) -> Iterator[MetricValue]:
    (requests,) = day_queries.one(queries.REQUESTS)
    latencies = [tuple(map(int, row)) for row in day_queries.all(queries.ACCEPTANCES)]
    accepted = latencies[0][2] if latencies else 0
    yield MetricValue("acceptance_7d", accepted, requests)
    for metric, (part, whole) in queries.QUANTILES.items():
        rank = -(-accepted * part // whole)  # rounded up
        for latency_us, place, _ in latencies:
            if place == rank:
                yield MetricValue(metric, latency_us, _SECOND_US)


def _creators(day_queries: DayQueries, likes_of_all: int) -> Iterator[MetricValue]:
    top = [(int(user_id), int(likes)) for user_id, likes in day_queries.all(queries.TOP_CREATORS)]
    for user_id, likes in top:
        yield MetricValue("top_creator_likes", likes, 1, "user_id", str(user_id))
    yield MetricValue("top_creators_share", sum(likes for _, likes in top), likes_of_all)


def _viral_posts(day_queries: DayQueries) -> Iterator[MetricValue]:
    yield MetricValue("viral_posts", sum(day_queries.one(queries.VIRAL_POSTS)))


def _by(metric: str, dimension: str, counts: Mapping[str, int]) -> Iterator[MetricValue]:
    return (MetricValue(metric, count, 1, dimension, value) for value, count in counts.items())


def cohort_weeks(day_queries: DayQueries, sunday: date) -> list[CohortWeek]:
    """All cohorts in the week that ends with ``sunday``.

    Its KPIs and all earlier ones must be stored.
    """
    joined: Counter[date] = Counter()
    active: Counter[date] = Counter()
    for day, count in day_queries.all(queries.SIGNUPS_BY_DAY):
        joined[week_of(day)] += int(count or 0)
    for day, count in day_queries.all(queries.COHORTS_ACTIVE):
        active[week_of(day)] += int(count)
    this_week = week_of(sunday)
    return [
        CohortWeek(cohort, (this_week - cohort) // WEEK, count, active[cohort])
        for cohort, count in sorted(joined.items())
        if count
    ]
