"""The figures of one day out of the answers of its statements. The only place where a ratio is divided."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import CompoundSelect, Connection, Select

from socialsim.kpi import queries
from socialsim.kpi.parameters import WEEK, week_of

_SECOND_US: Final = 1_000_000


class MetricValue(NamedTuple):
    """One figure without its day, see docs/kpis.md. A count has the denominator 1."""

    metric: str
    numerator: int
    denominator: int = 1
    dimension: str = "all"
    dimension_value: str = ""

    @property
    def value(self) -> float:
        """Numerator by denominator."""
        return self.numerator / self.denominator


class CohortWeek(NamedTuple):
    """How many of those who signed up in the week from ``cohort_week`` were active so many weeks later."""

    cohort_week: date
    week_number: int
    users: int
    active: int


class DayQueries:
    """Asks the statements of one day."""

    def __init__(self, connection: Connection, values: Mapping[str, Any]) -> None:
        self._connection = connection
        self._values = dict(values)

    def all(self, query: Select[Any] | CompoundSelect[Any]) -> list[tuple[Any, ...]]:
        """Every row."""
        return [tuple(row) for row in self._connection.execute(query, self._values)]

    def one(self, query: Select[Any]) -> tuple[int, ...]:
        """The only row, of numbers alone. (Sums are decimals on MySQL.)"""
        return tuple(map(int, self._connection.execute(query, self._values).one()))


class Volumes(NamedTuple):
    """How many events there were on a day."""

    by_type: Counter[str]  #: by wire name
    by_device_hour: Counter[str]  #: ``web 07``
    session_s: int  #: how long the sessions are together that began on the day

    @property
    def posts(self) -> int:
        """Pictures and videos."""
        return self.by_type["picture"] + self.by_type["video"]

    @property
    def likes(self) -> int:
        """Of both."""
        return self.by_type["picture_like"] + self.by_type["video_like"]


class CumulativeCounts(NamedTuple):
    """What is counted from the run's first day on."""

    users: int
    friendships: int


def read_volumes(asker: DayQueries) -> Volumes:
    """Of the day's events."""
    by_type: Counter[str] = Counter()
    by_device_hour: Counter[str] = Counter()
    session_s = 0
    for name, device, hour, count, spent_s in asker.all(queries.VOLUMES):
        by_type[name] += int(count)
        by_device_hour[f"{device} {int(hour):02d}"] += int(count)
        session_s += int(spent_s)
    return Volumes(by_type, by_device_hour, session_s)


def read_so_far(asker: DayQueries, volumes: Volumes) -> CumulativeCounts:
    """Until the end of the day: what the day before had, and the day's own."""
    users, friendships = next(iter(asker.all(queries.SO_FAR)), (0, 0))
    return CumulativeCounts(users + volumes.by_type["user"], friendships + volumes.by_type["friend_acceptance"])


def event_figures(asker: DayQueries, volumes: Volumes) -> list[MetricValue]:
    """The figures that are read off the events alone, and so can be made of many days side by side."""
    return [
        *_signups(asker),
        *_requests(asker),
        *_viral_posts(asker),
        *_by("events", "type", volumes.by_type),
        *_by("device_hour", "device_hour", volumes.by_device_hour),
    ]


def fact_figures(asker: DayQueries, volumes: Volumes, so_far: CumulativeCounts) -> list[MetricValue]:
    """The others: the facts of the day and of all days before are stored."""
    (active,) = asker.one(queries.ACTIVE_TODAY)
    return [
        *_people(asker, active),
        *_growth(asker),
        *_first_week(asker),
        *_engagement(volumes, active),
        MetricValue("friends_per_user", 2 * so_far.friendships, so_far.users),
        *_creators(asker, volumes.likes),
    ]


def has_row(figure: MetricValue) -> bool:
    """A ratio needs a denominator; of a dimension's values those that nothing fell to are left out."""
    return figure.denominator != 0 and (figure.numerator != 0 or figure.dimension == "all")


def _people(asker: DayQueries, active: int) -> Iterator[MetricValue]:
    (week,), (month,) = asker.one(queries.ACTIVE_WEEK), asker.one(queries.ACTIVE_MONTH)
    yield MetricValue("dau", active)
    for country, count in asker.all(queries.ACTIVE_BY_COUNTRY):
        yield MetricValue("dau", int(count), 1, "country", country)
    yield MetricValue("wau", week)
    yield MetricValue("mau", month)
    yield MetricValue("stickiness", active, month)
    for days, query in queries.RETENTION.items():
        stayed, joined = asker.one(query)
        yield MetricValue(f"retention_d{days}", stayed, joined)


def _signups(asker: DayQueries) -> Iterator[MetricValue]:
    countries: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    for country, device, count in asker.all(queries.SIGNUPS):
        countries[country] += int(count)
        devices[device] += int(count)
    yield MetricValue("signups", countries.total())
    yield from _by("signups", "country", countries)
    yield from _by("signups", "device", devices)


def _growth(asker: DayQueries) -> Iterator[MetricValue]:
    new, retained, resurrected, in_c, in_either = asker.one(queries.GROWTH)
    churned = in_either - in_c
    yield MetricValue("growth_new", new)
    yield MetricValue("growth_retained", retained)
    yield MetricValue("growth_resurrected", resurrected)
    yield MetricValue("growth_churned", churned)
    yield MetricValue("quick_ratio", new + resurrected, churned)


def _first_week(asker: DayQueries) -> Iterator[MetricValue]:
    joined, posted, liked = asker.one(queries.FIRST_WEEK)
    yield MetricValue("activation_7d", posted, joined)
    for step, count in (("1_signup", joined), ("2_first_post", posted), ("3_first_like", liked)):
        yield MetricValue("funnel", count, 1, "step", step)


def _engagement(volumes: Volumes, active: int) -> Iterator[MetricValue]:
    engagement = volumes.likes + volumes.by_type["comment"]
    yield MetricValue("engagement_per_post", engagement, volumes.posts)
    yield MetricValue("engagement_per_active_user", engagement, active)
    yield MetricValue("sessions_per_active_user", volumes.by_type["session"], active)
    yield MetricValue("time_per_active_user_s", volumes.session_s, active)


def _requests(asker: DayQueries) -> Iterator[MetricValue]:
    (requests,) = asker.one(queries.REQUESTS)
    latencies = [tuple(map(int, row)) for row in asker.all(queries.ACCEPTANCES)]
    accepted = latencies[0][2] if latencies else 0
    yield MetricValue("acceptance_7d", accepted, requests)
    for metric, (part, whole) in queries.QUANTILES.items():
        wanted = -(-accepted * part // whole)  # rounded up
        for latency_us, place, _ in latencies:
            if place == wanted:
                yield MetricValue(metric, latency_us, _SECOND_US)


def _creators(asker: DayQueries, likes_of_all: int) -> Iterator[MetricValue]:
    top = [(int(user_id), int(likes)) for user_id, likes in asker.all(queries.TOP_CREATORS)]
    for user_id, likes in top:
        yield MetricValue("top_creator_likes", likes, 1, "user_id", str(user_id))
    yield MetricValue("top_creators_share", sum(likes for _, likes in top), likes_of_all)


def _viral_posts(asker: DayQueries) -> Iterator[MetricValue]:
    yield MetricValue("viral_posts", sum(asker.one(queries.VIRAL_POSTS)))


def _by(metric: str, dimension: str, counts: Mapping[str, int]) -> Iterator[MetricValue]:
    return (MetricValue(metric, count, 1, dimension, value) for value, count in counts.items())


def cohort_weeks(asker: DayQueries, sunday: date) -> list[CohortWeek]:
    """Every cohort in the week that ends with ``sunday``, whose figures and those of the days before are stored."""
    joined: Counter[date] = Counter()
    active: Counter[date] = Counter()
    for day, count in asker.all(queries.SIGNUPS_SO_FAR):
        joined[week_of(day)] += int(count or 0)
    for day, count in asker.all(queries.COHORTS_ACTIVE):
        active[week_of(day)] += int(count)
    this_week = week_of(sunday)
    return [
        CohortWeek(cohort, (this_week - cohort) // WEEK, count, active[cohort])
        for cohort, count in sorted(joined.items())
        if count
    ]
