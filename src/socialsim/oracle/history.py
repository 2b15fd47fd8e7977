"""What the KPIs need of past days. Sets of users are bits of long integers.

With them the union of a month's active users takes thirty operations and counting it takes one,
whatever the number of users.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from socialsim.oracle.columns import ColumnChunk, empty_column
from socialsim.scenario.model import DAY_US, Scenario

KINDS: Final = ("picture", "video")
_DAYS_KEPT: Final = 31  #: retention looks 30 days back

Bits: TypeAlias = int
Column: TypeAlias = "array[int]"
_Table: TypeAlias = "array[int] | dict[int, int]"


class PostIndex:
    """The posts or likes of one kind on one day, in columns; ``users`` are the publishers, for
    likes too.
    """

    def __init__(self, ids: Column, users: Column, times_us: Column) -> None:
        self.ids = ids
        self.users = users
        self.times_us = times_us


class Day:
    """The events of one day, over all processes. Columns that are no longer needed are dropped."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.device_hours: Counter[str] = Counter()
        self.joined_devices: Counter[str] = Counter()
        self.joined_countries: Counter[str] = Counter()
        self.session_s = 0  #: total duration of the sessions that started that day
        self.active: Bits = 0
        self.joined: Bits = 0
        self.joined_us: dict[int, int] = {}  #: sign-up time by user
        self.posters: Bits = 0
        self.liked: Bits = 0  #: publishers of the posts that were liked that day
        #: Of the requests made that day that were accepted within 7 days.
        self.latencies_us: array[int] = array("q")
        self.posts: dict[str, PostIndex] = {}
        self.likes: dict[str, PostIndex] = {}
        self.likes_by_post: dict[str, Counter[int]] = {}

    @property
    def posted(self) -> int:
        """The number of posts."""
        return self.counts["picture"] + self.counts["video"]

    @property
    def likes_given(self) -> int:
        """The number of likes."""
        return self.counts["picture_like"] + self.counts["video_like"]


class History:
    """The days so far; ``today`` is the number of the last one. Days before the first are empty."""

    def __init__(self, scenario: Scenario) -> None:
        self._users = scenario.users
        # Ids are n * shards + shard. With fewer users than shards most shards are empty and an
        # array would be mostly empty.
        self._sparse = scenario.users < scenario.shards
        self._days: dict[int, Day] = {}
        self._publishers: dict[str, _Table] = {kind: self._table("user_id") for kind in KINDS}
        self._requested_us: _Table = self._table("time_us")
        self.today = 0
        self.users = 0  #: signed up so far
        self.acceptances = 0
        self.countries: dict[str, Bits] = {}

    def of(self, day: int) -> Day:
        """The day with the number ``day``, at most 30 days ago."""
        return self._days.get(day) or Day()

    def add_day(self, day: int, chunks: Sequence[ColumnChunk]) -> None:
        """Add ``day``, which follows the last one, from its chunks."""
        self.today = day
        today = self._days[day] = Day()
        self._days.pop(day - _DAYS_KEPT, None)
        if day - 2 in self._days:
            self._days[day - 2].posts = {}  # KPIs of a day need the posts of the day before
        if day - 1 in self._days:
            self._days[day - 1].likes = {}
        if day - 8 in self._days:
            self._days[day - 8].joined_us = {}
            self._days[day - 8].latencies_us = array("q")
        for chunk in chunks:
            today.counts.update(chunk.counts)
            today.device_hours.update(chunk.device_hours)
            today.joined_devices.update(chunk.signup_devices)
            today.session_s += chunk.session_s
            self._add_users(today, chunk)
        today.active = self._bits(array("I", b"".join(chunk.active for chunk in chunks)))
        self.users += today.counts["user"]
        self.acceptances += today.counts["friend_acceptance"]
        for kind in KINDS:
            self._add_posts(today, kind, chunks)
            self._add_likes(today, kind, chunks)
        self._add_requests(chunks)

    def _add_users(self, today: Day, chunk: ColumnChunk) -> None:
        users = chunk.column("user", "user_id")
        today.joined |= self._bits(users)
        today.joined_us.update(zip(users, chunk.column("user", "time_us"), strict=True))
        by_country: dict[str, list[int]] = {}
        for index, user in enumerate(users):
            by_country.setdefault(chunk.countries[2 * index : 2 * index + 2], []).append(user)
        for country, ids in by_country.items():
            today.joined_countries[country] += len(ids)
            self.countries[country] = self.countries.get(country, 0) | self._bits(ids)

    def _add_posts(self, today: Day, kind: str, chunks: Sequence[ColumnChunk]) -> None:
        posts = today.posts[kind] = PostIndex(
            _joined(chunks, kind, f"{kind}_id"), _joined(chunks, kind, "user_id"), _joined(chunks, kind, "time_us")
        )
        today.posters |= self._bits(posts.users)
        _put(self._publishers[kind], posts.ids, posts.users)

    def _add_likes(self, today: Day, kind: str, chunks: Sequence[ColumnChunk]) -> None:
        ids = _joined(chunks, f"{kind}_like", f"{kind}_id")
        publishers = array("I", map(self._publishers[kind].__getitem__, ids))
        today.likes[kind] = PostIndex(ids, publishers, _joined(chunks, f"{kind}_like", "time_us"))
        today.likes_by_post[kind] = Counter(ids)
        today.liked |= self._bits(publishers)

    def _add_requests(self, chunks: Sequence[ColumnChunk]) -> None:
        _put(
            self._requested_us,
            _joined(chunks, "friend_request", "request_id"),
            _joined(chunks, "friend_request", "time_us"),
        )
        accepted = _joined(chunks, "friend_acceptance", "request_id")
        times_us = _joined(chunks, "friend_acceptance", "time_us")
        for requested_us, accepted_us in zip(map(self._requested_us.__getitem__, accepted), times_us, strict=True):
            if accepted_us < requested_us + 7 * DAY_US:
                self._days[requested_us // DAY_US].latencies_us.append(accepted_us - requested_us)

    def _bits(self, users: Iterable[int]) -> Bits:
        flags = bytearray(self._users // 8 + 1)
        for user in sorted(set(users)):
            flags[user >> 3] |= 1 << (user & 7)
        return int.from_bytes(flags, "little")

    def _table(self, member: str) -> _Table:
        return {} if self._sparse else empty_column(member)


def _joined(chunks: Sequence[ColumnChunk], event: str, member: str) -> "array[int]":
    column = empty_column(member)
    for chunk in chunks:
        column += chunk.column(event, member)
    return column


def _put(table: _Table, ids: Column, values: Column) -> None:
    """Set ``table[id] = value`` for each pair. An array grows with the largest id."""
    if isinstance(table, dict):
        table.update(zip(ids, values, strict=True))
        return
    missing = max(ids, default=-1) + 1 - len(table)
    if missing > 0:
        table.frombytes(bytes(missing * table.itemsize))
    for index, value in zip(ids, values, strict=True):
        table[index] = value
