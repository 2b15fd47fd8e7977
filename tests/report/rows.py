"""KPI rows made by hand: every KPI is a simple function of the day, so that results are known."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from socialsim.kpi.metrics import CohortWeek
from socialsim.kpi.reading import KpiRow
from socialsim.report.rows import KpiRows, Person

FIRST = date(2026, 1, 1)  # a Thursday
HOSTILE = '</script><img src=x onerror="alert(1)"><b>&amp;'


def row(n: int, metric: str, numerator: int, denominator: int = 1, *of: str) -> KpiRow:
    day = FIRST + timedelta(n)
    dimension, value = of or ("all", "")
    return KpiRow(day, metric, dimension, value, numerator, denominator, numerator / denominator)


def rows_of_day(n: int) -> Iterator[KpiRow]:
    yield row(n, "dau", 100 + n)
    yield row(n, "wau", 200 + n)
    yield row(n, "mau", 400)
    yield row(n, "stickiness", 100 + n, 400)
    yield row(n, "signups", 10)
    yield from (row(n, "signups", 9 - i, 1, "country", code) for i, code in enumerate(("US", "IN", "BR", "ID")))
    yield from (row(n, f"growth_{name}", 10 + n) for name in ("new", "retained", "resurrected", "churned"))
    yield row(n, "engagement_per_active_user", 300, 100 + n)
    yield row(n, "friends_per_user", 2 * 50 * (n + 1), 100)
    yield row(n, "top_creators_share", 50, 200)
    for i in range(10):
        yield row(n, "top_creator_likes", 20 - i, 1, "user_id", str(i))
    for name, events in (("picture", 30), ("video", 12), ("picture_like", 200), ("session", 5000)):
        yield row(n, "events", events, 1, "type", name)
    for hour in range(24):
        yield row(n, "device_hour", 3, 1, "device_hour", f"mobile {hour:02}")
        yield row(n, "device_hour", 1, 1, "device_hour", f"web {hour:02}")
    if n >= 7:
        yield row(n, "retention_d7", 4, 10)
        yield row(n, "acceptance_7d", 8, 10)
        yield from (
            row(n, "funnel", users, 1, "step", step)
            for step, users in (("1_signup", 10), ("2_first_post", 6), ("3_first_like", 2))
        )


def kpi_rows(days: int = 30, *, name: str = HOSTILE) -> KpiRows:
    monday = date(2025, 12, 29)
    cohorts = [
        CohortWeek(monday + timedelta(weeks=w), n, 40, 40 - 10 * n)
        for w in range(days // 7)
        for n in range(min(4, days // 7 - w))
    ]
    return KpiRows(
        run_id="r1",
        rows=[each for n in range(days) for each in rows_of_day(n)],
        cohorts=cohorts,
        people={"0": Person(name, "US"), "1": Person("Amélie Ünal", "FR")},
        computed_at=datetime(2026, 2, 1, 12, 0),  # noqa: DTZ001 - UTC, as the database keeps it
    )
