"""The page's content as data: what the browser draws, and nothing it would have to compute.

Series have one value for each of ``PageContent.days``, None where a day has no row. Ratios and shares are fractions of 1.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

Unit = Literal["count", "ratio", "number"]


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of the last day. ``change`` over 7 days: of a ratio its difference, of anything else a fraction."""

    metric: str
    title: str
    unit: Unit
    about: str
    value: float | None
    change: float | None
    spark: list[float | None]


class Series(msgspec.Struct, frozen=True):
    """One line, band or row of bars."""

    name: str
    values: list[float | None]


class Cohort(msgspec.Struct, frozen=True):
    """Who signed up in the week from ``week``; ``active[n]`` is how many of the ``users`` were so in week n."""

    week: date
    users: int
    active: list[int | None]


class Step(msgspec.Struct, frozen=True):
    """One step of the funnel and how many users took it."""

    name: str
    users: int


class Creator(msgspec.Struct, frozen=True):
    """One of the users whose posts got most likes on the last day."""

    user_id: str
    name: str
    country: str
    likes: int
    days_on_top: int  #: how many of the last 28 days he was among the first ten


class PageBurst(msgspec.Struct, frozen=True):
    """Hours that stand out: ``events`` of the highest, ``peak`` (UTC), and how many there usually are in such an hour."""

    peak: datetime
    hours: int
    events: float
    usual: float


class PageContent(msgspec.Struct, frozen=True, kw_only=True):
    """A whole page. All lists are empty if no day is closed yet."""

    run_id: str
    days: list[date]
    computed_at: datetime | None
    waiting: int  #: days whose figures are stale
    tiles: list[Tile]
    active: list[Series]
    growth: list[Series]
    signups: list[Series]  #: by country, the largest first; the last one may be ``other``
    cohorts: list[Cohort]
    volume: list[Series]  #: events by type, without sessions
    funnel: list[Step]  #: of all who signed up in the ``funnel_days`` days up to a week before the last day
    funnel_days: int
    network: list[Series]  #: ``friendships`` and ``friends_per_user``
    week: list[list[float]]  #: mean events in each hour (UTC), Monday first
    hours: list[float | None]  #: events in each hour (UTC) of the last days, one after the other
    hours_from: date | None  #: the day that they begin with
    bursts: list[PageBurst]  #: of these hours, in their order
    devices: list[Series]  #: share of the day's events
    creators: list[Creator]
    creators_share: float | None
