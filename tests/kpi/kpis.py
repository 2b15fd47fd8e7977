"""Runs whose KPIs are tested, stored and computed, and what must come out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Any

from msgspec import structs
from sqlalchemy import Connection, Engine

from socialsim.events import (
    CommentPosted,
    Event,
    FriendAccepted,
    FriendRequested,
    PictureLiked,
    PicturePosted,
    SessionStarted,
    UserSignedUp,
    VideoLiked,
    VideoPosted,
)
from socialsim.kpi import CohortWeek, DayRange, KpiRow, compute, read_cohorts, read_daily, read_stream
from socialsim.runs.catalog import stored_runs
from socialsim.scenario.model import Scenario
from socialsim.simulation.iterate import simulate
from socialsim.warehouse.engines import writing_engine
from tests.kpi.brute_kpis import Brute, day_of
from tests.warehouse.warehouse_fixtures import WarehouseFixture

#: People who come, stay away for weeks and come back; requests that wait for longer than a week;
#: days without a sign-up.
SLEEPY = Scenario(
    users=30,
    days=47,
    shards=3,
    seed=5,
    adoption_midpoint=0.2,
    active_day_alpha=0.5,
    active_day_beta=1.0,
    sessions_per_active_day=1.5,
    drift_share=0.2,
    return_share=0.9,
    friends_mean=8.0,
    accept_delay_median_s=400_000,
    recency_s=100_000,
    start="2026-02-25T00:00:00Z",
)
#: A few busy days with few posts, which many like.
LIVELY = Scenario(
    users=60,
    days=9,
    shards=3,
    seed=3,
    adoption_midpoint=0.05,
    adoption_steepness=30.0,
    active_day_alpha=100.0,
    active_day_beta=0.05,
    sessions_per_active_day=5.0,
    friends_mean=25.0,
    accept_delay_median_s=60,
    post_share=0.02,
    comment_share=0.1,
    reach_median=40,
    recency_s=100_000,
    popular_share=0.5,
)
START_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, a Thursday
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


@cache
def simulated(scenario: Scenario, run_id: str) -> tuple[Event, ...]:
    return tuple(simulate(scenario, run_id))


class Script:
    """Events by hand, of one shard: each call says when, in microseconds since the start, and by
    whom.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self.events: list[Event] = []

    def _add(self, kind: type[Event], at_us: int, user_id: int, device: str = "web", **payload: Any) -> None:
        common: dict[str, Any] = {
            "run_id": self._run_id,
            "shard": 0,
            "seq": len(self.events),
            "time_us": START_US + at_us,
            "device": device,
        }
        self.events.append(kind(**common, user_id=user_id, **payload))

    def join(self, at_us: int, user_id: int, country: str = "FR", device: str = "web") -> None:
        name = f"u{user_id}"
        person = {"username": name, "email": f"{name}@example.com", "phone": "1", "first_name": "A", "last_name": "B"}
        self._add(
            UserSignedUp, at_us, user_id, device, **person, birthday=date(2000, 1, 1), country=country, city="Paris"
        )

    def look(self, at_us: int, user_id: int, duration_s: int) -> None:
        self._add(SessionStarted, at_us, user_id, session_id=len(self.events), duration_s=duration_s)

    def ask(self, at_us: int, user_id: int, receiver_id: int, request_id: int) -> None:
        self._add(FriendRequested, at_us, user_id, receiver_id=receiver_id, request_id=request_id)

    def accept(self, at_us: int, user_id: int, requester_id: int, request_id: int) -> None:
        self._add(FriendAccepted, at_us, user_id, requester_id=requester_id, request_id=request_id)

    def picture(self, at_us: int, user_id: int, picture_id: int, device: str = "mobile") -> None:
        self._add(PicturePosted, at_us, user_id, device, picture_id=picture_id, caption="", width_px=1, height_px=1)

    def video(self, at_us: int, user_id: int, video_id: int) -> None:
        self._add(VideoPosted, at_us, user_id, "tablet", video_id=video_id, caption="", duration_s=9)

    def like_picture(self, at_us: int, user_id: int, picture_id: int) -> None:
        self._add(PictureLiked, at_us, user_id, picture_id=picture_id)

    def like_video(self, at_us: int, user_id: int, video_id: int) -> None:
        self._add(VideoLiked, at_us, user_id, video_id=video_id, watched_s=1)

    def comment(self, at_us: int, user_id: int, picture_id: int) -> None:
        comment_id = len(self.events)
        self._add(
            CommentPosted, at_us, user_id, comment_id=comment_id, content_kind="picture", content_id=picture_id, text=""
        )


@cache
def edges(run_id: str) -> tuple[Event, ...]:
    """What lies a microsecond on this or that side of a bound; days without any event; ties among
    creators.
    """
    script = Script(run_id)
    week_us = 7 * DAY_US
    joined_us = 13 * HOUR_US + 999_999
    for user_id in range(14):
        script.join(joined_us + user_id, user_id, "FR" if user_id % 3 else "JP", "web" if user_id % 2 else "mobile")
    # 23:59:59.999999: rounded, it would be of the next day and hour
    script.picture(DAY_US - 1, 0, 7)
    script.video(DAY_US, 1, 7)  # midnight; the same id, another kind
    for user_id in range(2, 12):  # ten likes within 24 hours, the last one by a microsecond
        script.like_picture(2 * DAY_US - 2 if user_id == 11 else DAY_US + user_id, user_id, 7)
    for user_id in range(2, 12):  # nine, and one that is too late
        script.like_video(2 * DAY_US if user_id == 11 else DAY_US + 100 + user_id, user_id, 7)
    script.ask(HOUR_US * 14, 2, 3, 1)
    script.accept(HOUR_US * 14 + week_us - 1, 3, 2, 1)
    script.ask(HOUR_US * 15, 4, 5, 2)
    script.accept(HOUR_US * 15 + week_us, 5, 4, 2)
    script.ask(HOUR_US * 16, 6, 7, 3)
    script.accept(HOUR_US * 16 + 1, 7, 6, 3)
    script.picture(joined_us + 2 + week_us - 1, 2, 8)  # the first post is in time
    script.picture(joined_us + 3 + week_us, 3, 9)  # this one is not
    script.picture(3 * DAY_US, 4, 10)
    script.like_picture(joined_us + 4 + week_us - 1, 5, 10)  # in time for user 4
    script.picture(3 * DAY_US, 6, 11)
    script.like_picture(joined_us + 6 + week_us, 7, 11)  # not in time for user 6
    script.comment(4 * DAY_US - 1, 8, 10)
    # of the day on which it begins, also for what lies behind midnight
    script.look(6 * DAY_US - 1, 8, 7_200)
    script.look(6 * DAY_US, 8, 1)
    script.look(6 * DAY_US + 5, 8, 2)
    # after weeks without any event: one user returns, all others are gone
    script.picture(33 * DAY_US, 9, 12)
    script.like_picture(36 * DAY_US + 5, 9, 12)
    script.comment(41 * DAY_US, 9, 12)
    return tuple(sorted(script.events, key=lambda event: (event.time_us, event.seq)))


@contextmanager
def engine_of(db: WarehouseFixture) -> Iterator[Engine]:
    engine = writing_engine(db.target, db.password)
    try:
        yield engine
    finally:
        engine.dispose()


def key_of(connection: Connection, run_id: str) -> int:
    return stored_runs(connection)[run_id]


def computed(db: WarehouseFixture, run_id: str, wish: DayRange | None = None, *, complete: bool = True) -> list[date]:
    """Compute what is wished for, by default whatever is missing; which days that was."""
    with engine_of(db) as engine:
        with engine.connect() as connection:
            run_key = key_of(connection, run_id)
            stream = read_stream(connection, run_key, complete=complete)
        assert stream is not None
        return compute(engine, run_key, stream, wish or DayRange())


def stored_figures(db: WarehouseFixture, run_id: str) -> tuple[list[KpiRow], list[CohortWeek]]:
    with engine_of(db) as engine, engine.connect() as connection:
        run_key = key_of(connection, run_id)
        return read_daily(connection, run_key), read_cohorts(connection, run_key)


def true_figures(events: Sequence[Event], behind: date | None = None) -> tuple[list[KpiRow], list[CohortWeek]]:
    """By plain loops; ``behind`` is by default the day behind the last event's."""
    last = max(map(day_of, events))
    brute = Brute(events, behind or date.fromordinal(last.toordinal() + 1))
    return brute.rows(), brute.cohorts()


def assert_true(db: WarehouseFixture, run_id: str, events: Sequence[Event], behind: date | None = None) -> None:
    """Fails, naming the first figure that differs, unless exactly the true ones are stored."""
    figures, cohorts = stored_figures(db, run_id)
    true, true_cohorts = true_figures(events, behind)
    difference = first_difference(figures, true)
    assert difference is None, difference
    assert cohorts == true_cohorts, set(cohorts) ^ set(true_cohorts)


def first_difference(figures: list[KpiRow], true: list[KpiRow]) -> str | None:
    found, expected = ({row[:4]: row for row in rows} for rows in (figures, true))
    assert len(found) == len(figures)
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            return f"stored {found.get(key)}, true {expected.get(key)}"
    return None


def renamed(events: Sequence[Event], run_id: str) -> list[Event]:
    return [structs.replace(event, run_id=run_id) for event in events]
