"""From KPI rows to the page's content. Pure: the same rows make the same page."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from socialsim.kpi.metrics import CohortWeek
from socialsim.kpi.reading import KpiRow
from socialsim.report.bursts import HOURS, find_bursts
from socialsim.report.content import Cohort, Creator, PageBurst, PageContent, Series, Step, Tile, Unit
from socialsim.report.rows import KpiRows, Person

COUNTRIES_MAX: Final = 6  #: drawn apart, the others as one: more colours than that cannot be told from each other
SPARK_DAYS: Final = 28
RECENT_DAYS: Final = 28
HOURS_DAYS: Final = 42  #: drawn hour by hour: of more days each hour is less than a pixel
WEEK_DAYS: Final = 7
OTHER: Final = "other"

#: metric, title, unit, definition in one sentence. The whole of them are in docs/kpis.md.
TILES: Final[tuple[tuple[str, str, Unit, str], ...]] = (
    ("dau", "Daily active users", "count", "Users who did anything on the day, the sign-up included."),
    ("signups", "Sign-ups", "count", "Users who signed up on the day."),
    ("stickiness", "Stickiness", "ratio", "Active users of the day / active users of the 30 days that end with it."),
    ("retention_d7", "Day-7 retention", "ratio", "Of those who signed up 7 days before: share active on the day."),
    ("posts", "Posts", "count", "Pictures and videos posted on the day."),
    ("engagement_per_active_user", "Engagement per active user", "number", "Likes and comments / active users."),
    ("acceptance_7d", "Friend requests accepted", "ratio", "Of the requests made 7 days before: share accepted since."),
    ("friends_per_user", "Friends per user", "number", "2 x friendships so far / users so far."),
)
_GROWTH: Final = ("new", "retained", "resurrected", "churned")
_SESSION: Final = "session"  # neither content nor reaction, and so many that they would hide both
_STEPS: Final = ("1_signup", "2_first_post", "3_first_like")


class _Figures:
    """The rows by metric and dimension value, then by day."""

    def __init__(self, rows: Iterable[KpiRow]) -> None:
        self.by_metric: dict[tuple[str, str], dict[str, dict[date, KpiRow]]] = defaultdict(lambda: defaultdict(dict))
        days: set[date] = set()
        for row in rows:
            self.by_metric[row.metric, row.dimension][row.dimension_value][row.day] = row
            days.add(row.day)
        # Days are those between, too: a chart must not draw a hole as if it were none.
        first, last = (min(days), max(days)) if days else (date.max, date.min)
        self.days = [first + timedelta(n) for n in range((last - first).days + 1)] if days else []

    def of(self, metric: str, dimension: str = "all") -> dict[str, dict[date, KpiRow]]:
        return self.by_metric.get((metric, dimension), {})

    def series(self, metric: str) -> list[float | None]:
        by_day = self.of(metric).get("", {})
        return [by_day[day].value if day in by_day else None for day in self.days]

    def counts(self, metric: str, dimension: str, value: str) -> list[float | None]:
        """Of a dimension, where a day without a row is 0."""
        by_day = self.of(metric, dimension).get(value, {})
        return [by_day[day].value if day in by_day else 0 for day in self.days]


def build_content(given: KpiRows) -> PageContent:
    """The page of these rows; one with empty lists if there are none."""
    figures = _Figures(given.rows)
    days = figures.days
    funnel_days = len(figures.of("funnel", "step").get(_STEPS[0], {}).keys() & set(days[-RECENT_DAYS:]))
    creators_share = figures.series("top_creators_share")
    hours = _hours(figures)
    unknown: list[float | None] = [None] * HOURS
    return PageContent(
        run_id=given.run_id,
        days=days,
        computed_at=given.computed_at,
        waiting=given.waiting,
        tiles=[_tile(figures, *tile) for tile in TILES] if days else [],
        active=[Series(name, figures.series(name)) for name in ("dau", "wau", "mau")] if days else [],
        growth=[Series(name, figures.series(f"growth_{name}")) for name in _GROWTH] if days else [],
        signups=_largest(figures, "signups", "country", COUNTRIES_MAX),
        cohorts=_cohorts(given.cohorts),
        volume=[each for each in _largest(figures, "events", "type", None) if each.name != _SESSION],
        funnel=_funnel(figures) if funnel_days else [],
        funnel_days=funnel_days,
        network=_network(figures) if days else [],
        week=_week(figures) if days else [],
        hours=[events for day in hours[-HOURS_DAYS:] for events in day or unknown],
        hours_from=days[-HOURS_DAYS:][0] if days else None,
        bursts=_bursts(days, hours),
        devices=_devices(figures),
        creators=_creators(figures, given.people) if days else [],
        creators_share=creators_share[-1] if creators_share else None,
    )


def _tile(figures: _Figures, metric: str, title: str, unit: Unit, about: str) -> Tile:
    values = _posts(figures) if metric == "posts" else figures.series(metric)
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
    """From ``before`` to ``now``; None where that says nothing, as from 0."""
    if now is None or before is None:
        return None
    if unit == "ratio":
        return now - before
    return None if before == 0 else (now - before) / before


def _posts(figures: _Figures) -> list[float | None]:
    return _sum([figures.counts("events", "type", name) for name in ("picture", "video")], len(figures.days))


def _sum(columns: Sequence[Sequence[float | None]], length: int) -> list[float | None]:
    return [sum(column[n] or 0 for column in columns) for n in range(length)]


def _largest(figures: _Figures, metric: str, dimension: str, most: int | None) -> list[Series]:
    """One series for each value of the dimension, the largest first; those behind the first ``most`` are one."""
    totals = {name: sum(row.value for row in by_day.values()) for name, by_day in figures.of(metric, dimension).items()}
    names = sorted(totals, key=lambda name: (-totals[name], name))
    shown = names if most is None or len(names) <= most + 1 else names[:most]
    series = [Series(name, figures.counts(metric, dimension, name)) for name in shown]
    rest = [figures.counts(metric, dimension, name) for name in names[len(shown) :]]
    return [*series, Series(OTHER, _sum(rest, len(figures.days)))] if rest else series


def _cohorts(rows: Iterable[CohortWeek]) -> list[Cohort]:
    by_week: dict[date, dict[int, CohortWeek]] = defaultdict(dict)
    for row in rows:
        by_week[row.cohort_week][row.week_number] = row
    cohorts = []
    for week, numbers in sorted(by_week.items()):
        active = [numbers[n].active if n in numbers else None for n in range(max(numbers) + 1)]
        cohorts.append(Cohort(week, next(iter(numbers.values())).users, active))
    return cohorts


def _funnel(figures: _Figures) -> list[Step]:
    recent = set(figures.days[-RECENT_DAYS:])
    by_step = figures.of("funnel", "step")
    return [
        Step(step, sum(row.numerator for day, row in by_step.get(step, {}).items() if day in recent)) for step in _STEPS
    ]


def _network(figures: _Figures) -> list[Series]:
    by_day = figures.of("friends_per_user").get("", {})
    friendships: list[float | None] = [
        by_day[day].numerator // 2 if day in by_day else None for day in figures.days
    ]  # each friendship is two people's
    return [Series("friendships", friendships), Series("friends_per_user", figures.series("friends_per_user"))]


def _device_hours(figures: _Figures) -> Iterable[tuple[str, int, KpiRow]]:
    for value, by_day in figures.of("device_hour", "device_hour").items():
        device, _, hour = value.rpartition(" ")
        for row in by_day.values():
            yield device, int(hour), row


def _week(figures: _Figures) -> list[list[float]]:
    seen = Counter(day.weekday() for day in figures.days)
    totals = [[0.0] * 24 for _ in range(WEEK_DAYS)]
    for _, hour, row in _device_hours(figures):
        totals[row.day.weekday()][hour] += row.value
    return [[total / max(1, seen[weekday]) for total in hours] for weekday, hours in enumerate(totals)]


def _hours(figures: _Figures) -> list[list[float] | None]:
    by_day: dict[date, list[float]] = {}
    for _, hour, row in _device_hours(figures):
        by_day.setdefault(row.day, [0.0] * HOURS)[hour] += row.value
    return [by_day.get(day) for day in figures.days]


def _bursts(days: Sequence[date], hours: Sequence[list[float] | None]) -> list[PageBurst]:
    """Looked for among all days, so that those before the first one that is drawn say what is usual."""
    drawn = max(0, len(days) - HOURS_DAYS) * HOURS
    return [
        PageBurst(datetime.combine(days[0], time()) + timedelta(hours=each.peak), each.hours, each.events, each.usual)
        for each in find_bursts(hours)
        if each.peak >= drawn
    ]


def _devices(figures: _Figures) -> list[Series]:
    by_device: dict[str, Counter[date]] = defaultdict(Counter)
    for device, _, row in _device_hours(figures):
        by_device[device][row.day] += row.numerator
    totals: Counter[date] = sum(by_device.values(), Counter())
    names = sorted(by_device, key=lambda name: (-by_device[name].total(), name))
    return [
        Series(name, [by_device[name][day] / totals[day] if totals[day] else None for day in figures.days])
        for name in names
    ]


def _creators(figures: _Figures, people: Mapping[str, Person]) -> list[Creator]:
    last, recent = figures.days[-1], set(figures.days[-RECENT_DAYS:])
    by_user = figures.of("top_creator_likes", "user_id")
    top = [(user_id, by_day[last].numerator) for user_id, by_day in by_user.items() if last in by_day]
    top.sort(key=lambda each: (-each[1], int(each[0])))
    creators = []
    for user_id, likes in top:
        person = people.get(user_id) or Person(f"user {user_id}", "")
        creators.append(Creator(user_id, person.name, person.country, likes, len(by_user[user_id].keys() & recent)))
    return creators
