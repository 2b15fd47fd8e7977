"""The ground truth equals a brute-force computation over all events, for all kinds of runs."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialsim.events import (
    Event,
    FriendAccepted,
    FriendRequested,
    PictureLiked,
    PicturePosted,
    UserSignedUp,
    VideoLiked,
    VideoPosted,
)
from socialsim.oracle import ColumnChunk, KpiCollector, Truth, make_truth
from socialsim.oracle import columns as columns_module
from socialsim.scenario.model import DAY_US, Scenario
from socialsim.simulation.iterate import simulate
from tests.oracle.brute import Brute, Key, Ratio

#: Friends who like everything, so that posts go viral; acceptances that take days, some too long.
LIVELY = Scenario(
    users=60,
    days=16,
    seed=5,
    shards=6,
    window_s=600,
    adoption_midpoint=0.05,
    adoption_steepness=30.0,
    active_day_alpha=100.0,
    active_day_beta=0.05,
    sessions_per_active_day=3.0,
    friends_mean=25.0,
    post_share=0.03,
    video_share=0.3,
    comment_share=0.1,
    reach_median=40,
    recency_s=100_000,
    popular_share=0.4,
    accept_delay_median_s=300_000,
)
SCENARIOS = {
    "lively": LIVELY,
    "starts at mid-day": Scenario(users=80, days=9, seed=2, start="2026-03-28T13:37:11.5Z", adoption_steepness=0.0),
    "one user": Scenario(
        users=1, days=12, seed=3, active_day_alpha=100.0, active_day_beta=0.05, bounce_share=0.0, drift_share=0.0
    ),
    "one user, one day": Scenario(users=1, days=1, seed=4, shards=1),
    "one day": Scenario(users=100, days=1, seed=6, sessions_per_active_day=6.0),
    "many days, fewer users than shards": Scenario(
        users=14, days=45, seed=7, friends_mean=8.0, accept_delay_median_s=200_000
    ),
    "some never post": Scenario(users=150, days=18, seed=9, shards=8, sessions_per_active_day=1.0, post_share=0.02),
    "silent days": Scenario(
        users=7,
        days=40,
        seed=8,
        active_day_alpha=0.3,
        active_day_beta=2.0,
        flash_mobs_per_30_days=0.0,
        start="2024-02-20",
    ),
}


def watched(parts: Iterable[list[Event]], batch: int) -> list[ColumnChunk]:
    """The chunks of processes that each observe one of ``parts``, in batches of the given size."""
    chunks: list[ColumnChunk] = []
    for part in parts:
        collector = KpiCollector(chunks.append)
        for first in range(0, len(part), batch):
            collector.observe(part[first : first + batch])
        collector.flush()
    return sorted(chunks, key=lambda chunk: chunk.day)


def rows_of(truth: Truth) -> dict[Key, Ratio]:
    keys = [(row.day, row.metric, row.dimension, row.dimension_value) for row in truth.kpi_daily]
    assert len(set(keys)) == len(keys)
    assert all(row.value == row.numerator / row.denominator for row in truth.kpi_daily)
    return dict(zip(keys, ((row.numerator, row.denominator) for row in truth.kpi_daily), strict=True))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_truth_equals_a_brute_force_computation(name: str) -> None:
    scenario = SCENARIOS[name]
    events = list(simulate(scenario))
    truth = make_truth(scenario, "r", watched([events], 1024), sealed=True)
    brute = Brute(events)
    assert rows_of(truth) == brute.rows()
    assert {(row.cohort_week, row.week_number): (row.users, row.active) for row in truth.cohort_weekly} == (
        brute.cohorts()
    )
    assert truth.events == len(events)


def test_days_after_the_last_event_are_not_closed() -> None:
    """As in SQL over the rows: the last event's week is over only when a later day has begun."""
    events = [event for event in simulate(LIVELY) if event.time_us < LIVELY.start_us + 3 * DAY_US]
    truth = make_truth(LIVELY, "r", watched([events], 1024), sealed=True)
    behind = date(1970, 1, 1) + timedelta(days=events[-1].time_us // DAY_US + 1)
    assert truth.closed_until == behind
    assert not any(truth.week_is_closed(row) for row in truth.cohort_weekly if row.cohort_week + timedelta(7) > behind)
    begun = make_truth(LIVELY, "r", watched([events], 1024), sealed=False)
    assert begun.closed_until == behind - timedelta(days=1)


def test_the_scenarios_cover_the_hard_cases() -> None:
    """Otherwise the test above would prove little."""
    rows = {
        name: Brute(list(simulate(SCENARIOS[name]))).rows() for name in ("lively", "some never post", "silent days")
    }

    def values(name: str, metric: str) -> list[Ratio]:
        return [ratio for (_, found, _, _), ratio in rows[name].items() if found == metric]

    assert any(viral for viral, _ in values("lively", "viral_posts"))
    assert any(0 < accepted < made for accepted, made in values("lively", "acceptance_7d"))
    assert any(0 < posted < joined for posted, joined in values("some never post", "activation_7d"))
    assert any(churned for churned, _ in values("silent days", "growth_churned"))
    assert any(again for again, _ in values("silent days", "growth_resurrected"))
    assert any(not active for active, _ in values("silent days", "dau"))


@given(
    cuts=st.lists(st.integers(1, LIVELY.shards - 1), unique=True).map(sorted),
    batch=st.integers(1, 3000),
    chunk_events=st.sampled_from([1, 100, 500_000]),
)
@pytest.mark.slow
def test_the_truth_does_not_depend_on_processes_batches_or_chunks(
    cuts: list[int], batch: int, chunk_events: int
) -> None:
    events = [event for event in LIVELY_EVENTS if event.time_us < LIVELY.start_us + 8 * 86_400_000_000]
    parts = [
        [event for event in events if first <= event.shard < behind]
        for first, behind in zip([0, *cuts], [*cuts, LIVELY.shards], strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns_module, "_EVENTS_MAX", chunk_events)
        chunks = watched(parts, batch)
    whole = make_truth(LIVELY, "r", watched([events], 1024), sealed=True)
    assert make_truth(LIVELY, "r", chunks, sealed=True) == whole


LIVELY_EVENTS = list(simulate(LIVELY))


def test_bounds_are_exact_to_the_microsecond() -> None:
    """Exactly 168 or 24 hours is too late, 1 us less is not; midnight belongs to the new day."""
    hour_us = 3_600_000_000
    start_us = LIVELY.start_us + 13 * hour_us
    week_us = 168 * hour_us
    events: list[Event] = []

    def add(kind: type[Event], time_us: int, user: int, **members: Any) -> None:
        events.append(kind(run_id="r", shard=0, seq=0, time_us=time_us, user_id=user, device="web", **members))

    def join(user: int, time_us: int) -> None:
        person: dict[str, Any] = {
            "username": "u",
            "email": "u@example.com",
            "phone": "1",
            "first_name": "F",
            "last_name": "L",
        }
        add(UserSignedUp, time_us, user, **person, birthday=date(2000, 1, 1), country="FR", city="Lyon")

    for user in range(30):
        join(user, start_us + user)
    size = {"caption": "", "width_px": 1, "height_px": 1}
    add(PicturePosted, start_us + 1 + week_us, 1, picture_id=1, **size)  # too late
    add(VideoPosted, start_us + 2 + week_us - 1, 2, video_id=1, caption="", duration_s=1)
    for user, late_us in ((3, 0), (4, -1)):  # early posts, one with its like too late
        add(PicturePosted, start_us + hour_us, user, picture_id=user, **size)
        add(PictureLiked, start_us + user + week_us + late_us, 9, picture_id=user)
        add(FriendRequested, start_us + user, user, request_id=user, receiver_id=9)
        add(FriendAccepted, start_us + user + week_us + late_us, 9, request_id=user, requester_id=user)
    for post, late_us in ((10, 0), (11, -1)):  # the tenth like of each
        add(VideoPosted, start_us + 2 * hour_us, 5, video_id=post, caption="", duration_s=1)
        for user in range(10, 19):
            add(VideoLiked, start_us + 3 * hour_us, user, video_id=post, watched_s=0)
        add(VideoLiked, start_us + 26 * hour_us + late_us, 20, video_id=post, watched_s=0)
    midnight_us = LIVELY.start_us + 72 * hour_us
    for time_us in (midnight_us - 1, midnight_us):
        add(VideoLiked, time_us, 21 + time_us - midnight_us, video_id=10, watched_s=0)
    events.sort(key=lambda event: event.time_us)

    rows = rows_of(make_truth(LIVELY, "r", watched([events], 7), sealed=True))
    assert rows == Brute(events).rows()
    week_later = date(2026, 1, 8)
    assert rows[week_later, "activation_7d", "all", ""] == (4, 30)
    assert rows[week_later, "funnel", "step", "3_first_like"] == (2, 1)
    assert rows[week_later, "acceptance_7d", "all", ""] == (1, 2)
    assert rows[date(2026, 1, 2), "viral_posts", "all", ""] == (1, 1)
    assert rows[date(2026, 1, 3), "dau", "all", ""] == rows[date(2026, 1, 4), "dau", "all", ""] == (1, 1)


def test_the_watermark_of_sealed_and_stopped_runs() -> None:
    scenario = SCENARIOS["starts at mid-day"]
    events = list(simulate(scenario))
    sealed = make_truth(scenario, "r", watched([events], 1024), sealed=True)
    assert (sealed.sealed, sealed.closed_until) == (True, date(2026, 4, 6))
    assert sealed.kpi_daily[-1].day == date(2026, 4, 6)  # half a day is not closed, but has values
    stopped = make_truth(scenario, "r", watched([events[: len(events) // 3]], 1024), sealed=False)
    assert not stopped.sealed
    assert stopped.closed_until == stopped.kpi_daily[-1].day
    closed = {(row.cohort_week, row.week_number): sealed.week_is_closed(row) for row in sealed.cohort_weekly}
    assert closed[date(2026, 3, 23), 1]
    assert not closed[date(2026, 4, 6), 0]


def test_a_run_without_events_has_no_rows() -> None:
    scenario = Scenario(users=1, days=1)
    truth = make_truth(scenario, "r", [], sealed=False)
    assert (truth.events, truth.kpi_daily, truth.cohort_weekly) == (0, (), ())
    assert truth.closed_until == date(2026, 1, 1)
