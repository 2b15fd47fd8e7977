"""Every KPI by its definition in docs/kpis.md, with plain loops over the events: slow, and by no
way that SQL takes.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from socialsim.events import (
    WIRE_NAMES,
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
from socialsim.kpi import CohortWeek, KpiRow

DAY = timedelta(days=1)
HOURS_24_US = 24 * 3_600 * 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POSTS = (PicturePosted, VideoPosted)
LIKES = (PictureLiked, VideoLiked)


def at(event: Event) -> datetime:
    return EPOCH + timedelta(microseconds=event.time_us)


def day_of(event: Event) -> date:
    return at(event).date()


def post_of(event: Event) -> tuple[str, int]:
    """Which post an event makes or is about."""
    match event:
        case PicturePosted() | PictureLiked():
            return "picture", event.picture_id
        case VideoPosted() | VideoLiked():
            return "video", event.video_id
    raise AssertionError(event)


class Brute:
    """``events`` of one run, of which the days before ``behind`` are closed."""

    def __init__(self, events: Sequence[Event], behind: date) -> None:
        self.events = events
        self.behind = behind
        self.first = min(map(day_of, events))
        self.active: dict[date, set[int]] = {}
        for event in events:
            self.active.setdefault(day_of(event), set()).add(event.user_id)
        self.joined = {event.user_id: event for event in events if isinstance(event, UserSignedUp)}
        self.joined_on = {user: day_of(event) for user, event in self.joined.items()}
        self.posts = {post_of(event): event for event in events if isinstance(event, POSTS)}

    def rows(self) -> list[KpiRow]:
        """In the order in which they are read."""
        rows = []
        for index in range((self.behind - self.first).days):
            day = self.first + index * DAY
            for metric, dimension, value, numerator, denominator in self.figures(day):
                if denominator and (numerator or dimension == "all"):
                    rows.append(KpiRow(day, metric, dimension, value, numerator, denominator, numerator / denominator))
        return sorted(rows)

    def of(self, day: date, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.events if day_of(event) == day and (not kinds or isinstance(event, kinds))]

    def active_in(self, last: date, days: int) -> set[int]:
        return set().union(*(self.active.get(last - index * DAY, set()) for index in range(days)))

    def cohort(self, day: date) -> set[int]:
        return {user for user, joined in self.joined_on.items() if joined == day}

    def figures(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        today = self.of(day)
        active = self.active.get(day, set())
        month = self.active_in(day, 30)
        yield "dau", "all", "", len(active), 1
        for country, count in Counter(self.joined[user].country for user in active).items():
            yield "dau", "country", country, count, 1
        yield "wau", "all", "", len(self.active_in(day, 7)), 1
        yield "mau", "all", "", len(month), 1
        yield "stickiness", "all", "", len(active), len(month)
        joined = [event for event in today if isinstance(event, UserSignedUp)]
        yield "signups", "all", "", len(joined), 1
        for country, count in Counter(event.country for event in joined).items():
            yield "signups", "country", country, count, 1
        for device, count in Counter(event.device for event in joined).items():
            yield "signups", "device", device, count, 1
        for days in (1, 7, 30):
            cohort = self.cohort(day - days * DAY)
            yield f"retention_d{days}", "all", "", len(cohort & active), len(cohort)
        yield from self.growth(day)
        yield from self.first_week(day)
        yield from self.requests(day)
        yield from self.content(day)
        for name, count in Counter(WIRE_NAMES[type(event)] for event in today).items():
            yield "events", "type", name, count, 1
        for place, count in Counter(f"{event.device} {at(event):%H}" for event in today).items():
            yield "device_hour", "device_hour", place, count, 1

    def growth(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        current, previous = self.active_in(day, 7), self.active_in(day - 7 * DAY, 7)
        joined = {user for user in current if day - 6 * DAY <= self.joined_on[user] <= day}
        resurrected = current - previous - joined
        churned = previous - current
        yield "growth_new", "all", "", len(joined), 1
        yield "growth_retained", "all", "", len((current & previous) - joined), 1
        yield "growth_resurrected", "all", "", len(resurrected), 1
        yield "growth_churned", "all", "", len(churned), 1
        yield "quick_ratio", "all", "", len(joined) + len(resurrected), len(churned)

    def first_week(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        cohort = self.cohort(day - 7 * DAY)
        ends = {user: self.joined[user].time_us + 7 * HOURS_24_US for user in cohort}
        posted = {
            event.user_id
            for event in self.events
            if isinstance(event, POSTS) and event.user_id in cohort and event.time_us < ends[event.user_id]
        }
        liked = {
            owner
            for event in self.events
            if isinstance(event, LIKES)
            and (owner := self.posts[post_of(event)].user_id) in cohort
            and event.time_us < ends[owner]
        }
        yield "activation_7d", "all", "", len(posted), len(cohort)
        for step, users in (("1_signup", cohort), ("2_first_post", posted), ("3_first_like", liked)):
            yield "funnel", "step", step, len(users), 1

    def requests(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        asked = {
            event.request_id: event.time_us
            for event in self.of(day - 7 * DAY, FriendRequested)
            if isinstance(event, FriendRequested)
        }
        waits = sorted(
            event.time_us - asked[event.request_id]
            for event in self.events
            if isinstance(event, FriendAccepted)
            and event.request_id in asked
            and event.time_us < asked[event.request_id] + 7 * HOURS_24_US
        )
        yield "acceptance_7d", "all", "", len(waits), len(asked)
        for metric, quantile in (("acceptance_latency_median_s", 0.5), ("acceptance_latency_p90_s", 0.9)):
            if waits:
                yield metric, "all", "", waits[math.ceil(quantile * len(waits)) - 1], 1_000_000
        accepted = [event for event in self.events if isinstance(event, FriendAccepted) and day_of(event) <= day]
        users = [user for user, joined in self.joined_on.items() if joined <= day]
        yield "friends_per_user", "all", "", 2 * len(accepted), len(users)

    def content(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        likes, posts = self.of(day, *LIKES), self.of(day, *POSTS)
        engagement = len(likes) + len(self.of(day, CommentPosted))
        yield "engagement_per_post", "all", "", engagement, len(posts)
        yield "engagement_per_active_user", "all", "", engagement, len(self.active.get(day, set()))
        began = [event for event in self.of(day, SessionStarted) if isinstance(event, SessionStarted)]
        yield "sessions_per_active_user", "all", "", len(began), len(self.active.get(day, set()))
        spent_s = sum(event.duration_s for event in began)
        yield "time_per_active_user_s", "all", "", spent_s, len(self.active.get(day, set()))
        owners = Counter(self.posts[post_of(like)].user_id for like in likes)
        top = sorted(owners.items(), key=lambda entry: (-entry[1], entry[0]))[:10]
        for user, count in top:
            yield "top_creator_likes", "user_id", str(user), count, 1
        yield "top_creators_share", "all", "", sum(count for _, count in top), len(likes)
        got: Counter[tuple[str, int]] = Counter()
        yesterday = {post_of(event): event.time_us for event in self.of(day - DAY, *POSTS)}
        for like in self.events:
            if isinstance(like, LIKES):
                made_us = yesterday.get(post_of(like))
                got[post_of(like)] += made_us is not None and like.time_us < made_us + HOURS_24_US
        yield "viral_posts", "all", "", sum(count >= 10 for count in got.values()), 1

    def cohorts(self) -> list[CohortWeek]:
        """Every closed week of every cohort."""
        weeks = {day - day.weekday() * DAY for day in self.joined_on.values()}
        found = []
        for cohort in sorted(weeks):
            users = {user for user, day in self.joined_on.items() if cohort <= day < cohort + 7 * DAY}
            number = 0
            while (sunday := cohort + (7 * number + 6) * DAY) < self.behind:
                found.append(CohortWeek(cohort, number, len(users), len(users & self.active_in(sunday, 7))))
                number += 1
        return found
