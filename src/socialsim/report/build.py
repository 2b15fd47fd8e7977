"""Builds the page's content from KPI rows. Pure: the same rows give the same page."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from socialsim.kpi.metrics import CohortWeek
from socialsim.kpi.reading import KpiRow
from socialsim.report.bursts import HOURS, find_bursts
from socialsim.report.content import Cohort, Creator, PageBurst, PageContent, Series, Step, Tile, Unit
from socialsim.report.rows import KpiRows, Person

#: Drawn separately, the others as one: more colours than this cannot be distinguished.
COUNTRIES_MAX: Final = 6
SPARK_DAYS: Final = 28
RECENT_DAYS: Final = 28
#: Drawn by the hour: with more days an hour is narrower than a pixel.
HOURS_DAYS: Final = 42
WEEK_DAYS: Final = 7
OTHER: Final = "other"

#: Metric, title, unit, and a definition in one sentence. The full definitions are in docs/kpis.md.
TILES: Final[tuple[tuple[str, str, Unit, str], ...]] = (
    ("dau", "Daily active users", "count", "Users who did anything on the day, including signing up."),
    ("signups", "Sign-ups", "count", "Users who signed up on the day."),
    ("stickiness", "Stickiness", "ratio", "Active users of the day / active users of the 30 days up to it."),
    ("retention_d7", "Day-7 retention", "ratio", "Share of users who signed up 7 days before and were active."),
    ("posts", "Posts", "count", "Pictures and videos posted on the day."),
    ("engagement_per_active_user", "Engagement per active user", "number", "Likes and comments / active users."),
    ("acceptance_7d", "Friend requests accepted", "ratio", "Share of the requests made 7 days before, accepted since."),
    ("friends_per_user", "Friends per user", "number", "2 x friendships so far / users so far."),
)
_GROWTH: Final = ("new", "retained", "resurrected", "churned")
# neither content nor reaction, and so frequent that sessions would hide both
_SESSION: Final = "session"
_STEPS: Final = ("1_signup", "2_first_post", "3_first_like")


class _KpiTable:
    """The rows by metric and dimension value, then by day."""

    def __init__(self, rows: Iterable[KpiRow]) -> None:
        self.by_metric: dict[tuple[str, str], dict[str, dict[date, KpiRow]]] = defaultdict(lambda: defaultdict(dict))
        days: set[date] = set()
        for row in rows:
            self.by_metric[row.metric, row.dimension][row.dimension_value][row.day] = row
            days.add(row.day)
        # Includes days without rows, so that charts show a gap instead of closing it.
        first, last = (min(days), max(days)) if days else (date.max, date.min)
        self.days = [first + timedelta(index) for index in range((last - first).days + 1)] if days else []

    def of(self, metric: str, dimension: str = "all") -> dict[str, dict[date, KpiRow]]:
        return self.by_metric.get((metric, dimension), {})

    def series(self, metric: str) -> list[float | None]:
        by_day = self.of(metric).get("", {})
        return [by_day[day].value if day in by_day else None for day in self.days]

    def counts(self, metric: str, dimension: str, value: str) -> list[float | None]:
        """The counts of one dimension value; 0 on a day without a row."""
        by_day = self.of(metric, dimension).get(value, {})
        return [by_day[day].value if day in by_day else 0 for day in self.days]


def build_content(given: KpiRows) -> PageContent:
    """The page for ``given``; its lists are empty if there are no rows."""
    kpis = _KpiTable(given.rows)
    days = kpis.days
    funnel_days = len(kpis.of("funnel", "step").get(_STEPS[0], {}).keys() & set(days[-RECENT_DAYS:]))
    creators_share = kpis.series("top_creators_share")
    hours = _hours(kpis)
    unknown: list[float | None] = [None] * HOURS
    return PageContent(
        run_id=given.run_id,
        days=days,
        computed_at=given.computed_at,
        waiting=given.waiting,
        tiles=[_tile(kpis, *tile) for tile in TILES] if days else [],
        active=[Series(name, kpis.series(name)) for name in ("dau", "wau", "mau")] if days else [],
        growth=[Series(name, kpis.series(f"growth_{name}")) for name in _GROWTH] if days else [],
        signups=_largest(kpis, "signups", "country", COUNTRIES_MAX),
        cohorts=_cohorts(given.cohorts),
        volume=[each for each in _largest(kpis, "events", "type", None) if each.name != _SESSION],
        funnel=_funnel(kpis) if funnel_days else [],
        funnel_days=funnel_days,
        network=_network(kpis) if days else [],
        week=_week(kpis) if days else [],
        hours=[events for day in hours[-HOURS_DAYS:] for events in day or unknown],
        hours_from=days[-HOURS_DAYS:][0] if days else None,
        bursts=_bursts(days, hours),
        devices=_devices(kpis),
        creators=_creators(kpis, given.people) if days else [],
        creators_share=creators_share[-1] if creators_share else None,
    )


def _tile(kpis: _KpiTable, metric: str, title: str, unit: Unit, about: str) -> Tile:
    values = _posts(kpis) if metric == "posts" else kpis.series(metric)
    before = values[-1 - WEEK_DAYS] if len(values) > WEEK_DAYS else None
    return Tile(
        metric=metric,
        title=title,
        unit=unit,
        about=about,
        value=values[-1],
        change=change(values[-1], before, unit),
        spark=values[-SPARK_DAYS:],
    )


def change(now: float | None, before: float | None, unit: Unit) -> float | None:
    """The change from ``before`` to ``now``; None where it is undefined, as from 0."""
    if now is None or before is None:
        return None
    if unit == "ratio":
        return now - before
    return None if before == 0 else (now - before) / before


def _posts(kpis: _KpiTable) -> list[float | None]:
    return _sum([kpis.counts("events", "type", name) for name in ("picture", "video")], len(kpis.days))


def _sum(columns: Sequence[Sequence[float | None]], length: int) -> list[float | None]:
    return [sum(column[index] or 0 for column in columns) for index in range(length)]


def _largest(kpis: _KpiTable, metric: str, dimension: str, most: int | None) -> list[Series]:
    """One series per value of the dimension, largest first.

    Those after the first ``most`` are combined.
    """
    totals = {name: sum(row.value for row in by_day.values()) for name, by_day in kpis.of(metric, dimension).items()}
    names = sorted(totals, key=lambda name: (-totals[name], name))
    shown = names if most is None or len(names) <= most + 1 else names[:most]
    series = [Series(name, kpis.counts(metric, dimension, name)) for name in shown]
    rest = [kpis.counts(metric, dimension, name) for name in names[len(shown) :]]
    return [*series, Series(OTHER, _sum(rest, len(kpis.days)))] if rest else series


def _cohorts(rows: Iterable[CohortWeek]) -> list[Cohort]:
    by_week: dict[date, dict[int, CohortWeek]] = defaultdict(dict)
    for row in rows:
        by_week[row.cohort_week][row.week_number] = row
    cohorts = []
    for week, numbers in sorted(by_week.items()):
        active = [numbers[week].active if week in numbers else None for week in range(max(numbers) + 1)]
        cohorts.append(Cohort(week, next(iter(numbers.values())).users, active))
    return cohorts


def _funnel(kpis: _KpiTable) -> list[Step]:
    recent = set(kpis.days[-RECENT_DAYS:])
    by_step = kpis.of("funnel", "step")
    return [
        Step(step, sum(row.numerator for day, row in by_step.get(step, {}).items() if day in recent)) for step in _STEPS
    ]


def _network(kpis: _KpiTable) -> list[Series]:
    by_day = kpis.of("friends_per_user").get("", {})
    friendships: list[float | None] = [
        by_day[day].numerator // 2 if day in by_day else None for day in kpis.days
    ]  # each friendship counts for two users
    return [Series("friendships", friendships), Series("friends_per_user", kpis.series("friends_per_user"))]


def _device_hours(kpis: _KpiTable) -> Iterable[tuple[str, int, KpiRow]]:
    for value, by_day in kpis.of("device_hour", "device_hour").items():
        device, _, hour = value.rpartition(" ")
        for row in by_day.values():
            yield device, int(hour), row


def _week(kpis: _KpiTable) -> list[list[float]]:
    seen = Counter(day.weekday() for day in kpis.days)
    totals = [[0.0] * 24 for _ in range(WEEK_DAYS)]
    for _, hour, row in _device_hours(kpis):
        totals[row.day.weekday()][hour] += row.value
    return [[total / max(1, seen[weekday]) for total in hours] for weekday, hours in enumerate(totals)]


def _hours(kpis: _KpiTable) -> list[list[float] | None]:
    by_day: dict[date, list[float]] = {}
    for _, hour, row in _device_hours(kpis):
        by_day.setdefault(row.day, [0.0] * HOURS)[hour] += row.value
    return [by_day.get(day) for day in kpis.days]


def _bursts(days: Sequence[date], hours: Sequence[list[float] | None]) -> list[PageBurst]:
    """Bursts in the drawn hours.

    Searched in all days: those before the drawn ones show what is usual.
    """
    first_drawn = max(0, len(days) - HOURS_DAYS) * HOURS
    return [
        PageBurst(datetime.combine(days[0], time()) + timedelta(hours=each.peak), each.hours, each.events, each.usual)
        for each in find_bursts(hours)
        if each.peak >= first_drawn
    ]


def _devices(kpis: _KpiTable) -> list[Series]:
    by_device: dict[str, Counter[date]] = defaultdict(Counter)
    for device, _, row in _device_hours(kpis):
        by_device[device][row.day] += row.numerator
    totals: Counter[date] = sum(by_device.values(), Counter())
    names = sorted(by_device, key=lambda name: (-by_device[name].total(), name))
    return [
        Series(name, [by_device[name][day] / totals[day] if totals[day] else None for day in kpis.days])
        for name in names
    ]


def _creators(kpis: _KpiTable, people: Mapping[str, Person]) -> list[Creator]:
    last, recent = kpis.days[-1], set(kpis.days[-RECENT_DAYS:])
    by_user = kpis.of("top_creator_likes", "user_id")
    top = [(user_id, by_day[last].numerator) for user_id, by_day in by_user.items() if last in by_day]
    top.sort(key=lambda each: (-each[1], int(each[0])))
    creators = []
    for user_id, likes in top:
        person = people.get(user_id) or Person(f"user {user_id}", "")
        creators.append(Creator(user_id, person.name, person.country, likes, len(by_user[user_id].keys() & recent)))
    return creators
