"""The content of a page, built from rows with known KPIs."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, timedelta

import pytest

from socialsim.kpi.reading import KpiRow
from socialsim.report.build import COUNTRIES_MAX, HOURS_DAYS, build_content, change
from socialsim.report.content import PageContent, Tile, Unit
from socialsim.report.rows import KpiRows
from tests.report.rows import FIRST, kpi_rows, row


def tiles_of(content: PageContent) -> dict[str, Tile]:
    return {tile.metric: tile for tile in content.tiles}


def test_a_tile_shows_the_last_day_the_seven_day_change_and_four_weeks() -> None:
    tiles = tiles_of(build_content(kpi_rows(30)))
    assert tiles["dau"].value == 129
    assert tiles["dau"].change == pytest.approx(7 / 122)
    assert tiles["dau"].spark == [100 + n for n in range(2, 30)]
    assert tiles["stickiness"].change == pytest.approx(7 / 400)  # of a ratio, the difference
    assert tiles["posts"].value == 42
    assert tiles["retention_d7"].value == 0.4


@pytest.mark.parametrize(
    ("now", "before", "unit", "expected"),
    [
        (110, 100, "count", 0.1),
        (90, 100, "number", -0.1),
        (0.5, 0.4, "ratio", 0.1),
        (5, 0, "count", None),
        (0.5, 0, "ratio", 0.5),
        (None, 1, "ratio", None),
        (1, None, "count", None),
    ],
)
def test_change_is_a_difference_for_ratios_and_a_fraction_otherwise(
    now: float | None, before: float | None, unit: Unit, expected: float | None
) -> None:
    assert change(now, before, unit) == (None if expected is None else pytest.approx(expected))


def test_every_chart_has_its_data() -> None:
    content = build_content(kpi_rows(30))
    assert len(content.days) == 30
    assert [series.name for series in content.active] == ["dau", "wau", "mau"]
    assert {len(series.values) for series in (*content.active, *content.growth, *content.volume)} == {30}
    assert [series.name for series in content.volume] == ["picture_like", "picture", "video"]
    assert [(step.name, step.users) for step in content.funnel] == [
        ("1_signup", 230),
        ("2_first_post", 138),
        ("3_first_like", 46),
    ]
    assert content.funnel_days == 23
    assert content.network[0].values[-1] == 1500  # two people's friendship is one
    assert content.network[1].values[-1] == 30
    assert [(series.name, series.values[0]) for series in content.devices] == [("mobile", 0.75), ("web", 0.25)]
    assert content.week == [[4.0] * 24] * 7
    assert content.hours == [4.0] * 24 * 30
    assert content.hours_from == FIRST
    assert content.bursts == []
    assert content.creators[0].likes == 20
    assert content.creators[0].days_on_top == 28
    assert content.creators[2].name == "user 2"  # whose sign-up is not stored yet
    assert content.creators_share == 0.25
    assert content.cohorts[0].week == date(2025, 12, 29)
    assert content.cohorts[0].active == [40, 30, 20, 10]
    assert content.cohorts[-1].active == [40]


def test_surplus_countries_are_combined() -> None:
    rows = [row(0, "signups", 100 - n, 1, "country", f"C{n:02}") for n in range(20)]
    series = build_content(KpiRows("r1", rows)).signups
    assert [each.name for each in series] == [f"C{n:02}" for n in range(COUNTRIES_MAX)] + ["other"]
    assert sum(each.values[0] or 0 for each in series) == sum(100 - n for n in range(20))


def test_an_empty_run_has_an_empty_page() -> None:
    content = build_content(KpiRows("r1"))
    for each in (content.days, content.tiles, content.cohorts, content.creators, content.week, content.hours):
        assert each == []
    assert content.hours_from is None
    assert content.creators_share is None


def test_one_day_has_values_and_no_change() -> None:
    content = build_content(kpi_rows(1))
    assert tiles_of(content)["dau"].value == 100
    assert {tile.change for tile in content.tiles} == {None}
    assert tiles_of(content)["retention_d7"].value is None
    assert content.funnel == []
    assert content.week[3] == [4.0] * 24  # Thursday
    assert content.week[0] == [0.0] * 24


def test_a_missing_day_is_a_gap_in_every_series() -> None:
    content = build_content(KpiRows("r1", [row(0, "dau", 5), row(2, "dau", 7)]))
    assert content.days == [FIRST + timedelta(n) for n in range(3)]
    assert content.active[0].values == [5, None, 7]


def hourly_rows(days: Iterable[int], mobs: Collection[tuple[int, int]] = ()) -> Iterator[KpiRow]:
    """500 events per hour from each of two devices, plus 2,000 from one of them in the hours
    ``mobs``.
    """
    for n in days:
        for hour in range(24):
            extra = 2_000 if (n, hour) in mobs else 0
            yield row(n, "device_hour", 500 + extra, 1, "device_hour", f"mobile {hour:02}")
            yield row(n, "device_hour", 500, 1, "device_hour", f"web {hour:02}")


def test_the_hourly_chart_covers_the_last_days_and_marks_their_bursts() -> None:
    rows = list(hourly_rows(range(60), {(2, 7), (30, 0), (59, 23)}))
    content = build_content(KpiRows("r1", rows))
    assert content.hours_from == FIRST + timedelta(60 - HOURS_DAYS)
    assert len(content.hours) == 24 * HOURS_DAYS
    assert [(burst.peak, burst.hours, burst.events) for burst in content.bursts] == [
        (datetime(2026, 1, 31, 0), 1, 3000),  # noqa: DTZ001 - UTC, as all of the page
        (datetime(2026, 3, 1, 23), 1, 3000),  # noqa: DTZ001
    ]  # not that of the third day, which is not drawn
    assert [burst.usual for burst in content.bursts] == pytest.approx([1000, 1000])
    start = datetime.combine(content.hours_from, datetime.min.time())
    for burst in content.bursts:
        assert content.hours[int((burst.peak - start) / timedelta(hours=1))] == burst.events


def test_a_missing_day_is_a_gap_in_the_hourly_chart() -> None:
    content = build_content(KpiRows("r1", list(hourly_rows((0, 2)))))
    assert content.hours == [1000.0] * 24 + [None] * 24 + [1000.0] * 24
