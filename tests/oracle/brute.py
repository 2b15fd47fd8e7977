"""The KPIs of docs/kpis.md by brute force: each scans all events, with dates, sets and loops."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any, TypeAlias

from socialsim.events import WIRE_NAMES, Event

Key: TypeAlias = tuple[date, str, str, str]  # day, metric, dimension, dimension_value
Ratio: TypeAlias = tuple[int, int]
ENGAGEMENT = ("picture_like", "video_like", "comment")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def when(event: Any) -> datetime:
    return EPOCH + timedelta(microseconds=event.time_us)


class Brute:
    """All events of a run, with slow queries."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events: list[Any] = list(events)
        self.by_type: dict[str, list[Any]] = {name: [] for name in WIRE_NAMES.values()}
        for event in self.events:
            self.by_type[WIRE_NAMES[type(event)]].append(event)
        self.posts = {(kind, getattr(e, f"{kind}_id")): e for kind in ("picture", "video") for e in self.by_type[kind]}
        self.likes = [
            ((kind, getattr(e, f"{kind}_id")), e) for kind in ("picture", "video") for e in self.by_type[f"{kind}_like"]
        ]
        self.signed_up = {e.user_id: when(e) for e in self.by_type["user"]}
        self.country = {e.user_id: e.country for e in self.by_type["user"]}
        self.seen: dict[date, set[int]] = {}
        for event in self.events:
            self.seen.setdefault(when(event).date(), set()).add(event.user_id)

    def days(self) -> list[date]:
        first, last = min(self.seen), max(self.seen)
        return [first + DAY * n for n in range((last - first).days + 1)]

    def on(self, name: str, day: date) -> list[Any]:
        return [e for e in self.by_type[name] if when(e).date() == day]

    def active(self, first: date, last: date) -> set[int]:
        return {user for day, users in self.seen.items() if first <= day <= last for user in users}

    def joined(self, first: date, last: date) -> set[int]:
        return {user for user, time in self.signed_up.items() if first <= time.date() <= last}

    def rows(self) -> dict[Key, Ratio]:
        found: dict[Key, Ratio] = {}
        for day in self.days():
            for ask in (self._users, self._growth, self._cohort, self._requests, self._content, self._volumes):
                for metric, dimension, value, numerator, denominator in ask(day):
                    if denominator and (dimension == "all" or numerator):
                        assert (day, metric, dimension, value) not in found
                        found[day, metric, dimension, value] = (numerator, denominator)
        return found

    def _users(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        active, new = self.active(day, day), self.joined(day, day)
        month = self.active(day - 29 * DAY, day)
        yield "dau", "all", "", len(active), 1
        yield "wau", "all", "", len(self.active(day - 6 * DAY, day)), 1
        yield "mau", "all", "", len(month), 1
        yield "stickiness", "all", "", len(active), len(month)
        yield "signups", "all", "", len(new), 1
        for country in sorted(set(self.country.values())):
            yield "dau", "country", country, sum(self.country[user] == country for user in active), 1
            yield "signups", "country", country, sum(self.country[user] == country for user in new), 1
        for device in ("web", "mobile", "tablet"):
            yield "signups", "device", device, sum(e.device == device for e in self.on("user", day)), 1
        for n in (1, 7, 30):
            cohort = self.joined(day - n * DAY, day - n * DAY)
            yield f"retention_d{n}", "all", "", len(cohort & active), len(cohort)

    def _growth(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        now, before = self.active(day - 6 * DAY, day), self.active(day - 13 * DAY, day - 7 * DAY)
        joined = self.joined(day - 6 * DAY, day)
        figures = {
            "new": len(now & joined),
            "retained": len((now & before) - joined),
            "resurrected": len(now - before - joined),
            "churned": len(before - now),
        }
        for name, count in figures.items():
            yield f"growth_{name}", "all", "", count, 1
        yield "quick_ratio", "all", "", figures["new"] + figures["resurrected"], figures["churned"]

    def _cohort(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        cohort = self.joined(day - 7 * DAY, day - 7 * DAY)

        def early(user: int, event: Any) -> bool:
            return user in cohort and when(event) < self.signed_up[user] + timedelta(hours=168)

        posted = {e.user_id for e in self.posts.values() if early(e.user_id, e)}
        liked = {self.posts[post].user_id for post, like in self.likes if early(self.posts[post].user_id, like)}
        yield "activation_7d", "all", "", len(posted), len(cohort)
        yield "funnel", "step", "1_signup", len(cohort), 1
        yield "funnel", "step", "2_first_post", len(posted), 1
        yield "funnel", "step", "3_first_like", len(liked), 1

    def _requests(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        made = {e.request_id: when(e) for e in self.on("friend_request", day - 7 * DAY)}
        waits = sorted(
            when(e) - made[e.request_id]
            for e in self.by_type["friend_acceptance"]
            if e.request_id in made and when(e) < made[e.request_id] + timedelta(hours=168)
        )
        yield "acceptance_7d", "all", "", len(waits), len(made)
        if waits:
            for name, q in (("median", 0.5), ("p90", 0.9)):
                wait = waits[ceil(round(q * len(waits), 6)) - 1]
                yield f"acceptance_latency_{name}_s", "all", "", wait // timedelta(microseconds=1), 1_000_000
        until = datetime.combine(day + DAY, datetime.min.time(), UTC)
        accepted = sum(when(e) < until for e in self.by_type["friend_acceptance"])
        yield "friends_per_user", "all", "", 2 * accepted, sum(time < until for time in self.signed_up.values())

    def _content(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        engagement = sum(len(self.on(name, day)) for name in ENGAGEMENT)
        yield "engagement_per_post", "all", "", engagement, len(self.on("picture", day)) + len(self.on("video", day))
        yield "engagement_per_active_user", "all", "", engagement, len(self.active(day, day))
        looks = self.on("session", day)
        yield "sessions_per_active_user", "all", "", len(looks), len(self.active(day, day))
        yield "time_per_active_user_s", "all", "", sum(look.duration_s for look in looks), len(self.active(day, day))
        likes = Counter(self.posts[post].user_id for post, like in self.likes if when(like).date() == day)
        top = sorted(likes.items(), key=lambda entry: (-entry[1], entry[0]))[:10]
        for user, count in top:
            yield "top_creator_likes", "user_id", str(user), count, 1
        yield "top_creators_share", "all", "", sum(count for _, count in top), sum(likes.values())
        made = {post: when(e) for post, e in self.posts.items() if when(e).date() == day - DAY}
        soon = Counter(post for post, like in self.likes if post in made and when(like) < made[post] + DAY)
        yield "viral_posts", "all", "", sum(count >= 10 for count in soon.values()), 1

    def _volumes(self, day: date) -> Iterator[tuple[str, str, str, int, int]]:
        of_day = [e for e in self.events if when(e).date() == day]
        for name, count in Counter(WIRE_NAMES[type(e)] for e in of_day).items():
            yield "events", "type", name, count, 1
        for value, count in Counter(f"{e.device} {when(e):%H}" for e in of_day).items():
            yield "device_hour", "device_hour", value, count, 1

    def cohorts(self) -> dict[tuple[date, int], Ratio]:
        """Users who joined and who were active, by cohort week and number of weeks later."""
        found = {}
        monday: Callable[[date], date] = lambda day: day - DAY * day.weekday()  # noqa: E731
        last = monday(self.days()[-1])
        for week in sorted({monday(time.date()) for time in self.signed_up.values()}):
            cohort = self.joined(week, week + 6 * DAY)
            for number in range((last - week).days // 7 + 1):
                then = week + 7 * number * DAY
                found[week, number] = (len(cohort), len(cohort & self.active(then, then + 6 * DAY)))
        return found
