"""The page's content as data: what the browser draws, with nothing left to compute.

Series have one value per day of ``PageContent.days``, None for a day without a row. Ratios and
shares are fractions of 1.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

Unit = Literal["count", "ratio", "number"]


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One KPI of the last day. ``change`` over 7 days: a difference for ratios, else a fraction."""

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
    """The users who signed up in the week from ``week``; ``active[n]`` of them were active in week
    n.
    """

    week: date
    users: int
    active: list[int | None]


class Step(msgspec.Struct, frozen=True):
    """One step of the funnel and the number of users who took it."""

    name: str
    users: int


class Creator(msgspec.Struct, frozen=True):
    """One of the users whose posts got the most likes on the last day."""

    user_id: str
    name: str
    country: str
    likes: int
    days_on_top: int  #: on how many of the last 28 days they were among the first ten


class PageBurst(msgspec.Struct, frozen=True):
    """Unusual hours: the ``events`` of the highest, its time ``peak`` (UTC), and its ``usual``
    count.
    """

    peak: datetime
    hours: int
    events: float
    usual: float


class PageContent(msgspec.Struct, frozen=True, kw_only=True):
    """A whole page. All lists are empty if no day is closed yet."""

    run_id: str
    days: list[date]
    computed_at: datetime | None
    waiting: int  #: days whose KPIs are out of date
    tiles: list[Tile]
    active: list[Series]
    growth: list[Series]
    signups: list[Series]  #: by country, largest first; the last one may be ``other``
    cohorts: list[Cohort]
    volume: list[Series]  #: events by type, without sessions
    #: of the users who signed up in the ``funnel_days`` days that end a week before the last
    funnel: list[Step]
    funnel_days: int
    network: list[Series]  #: ``friendships`` and ``friends_per_user``
    week: list[list[float]]  #: mean events by hour (UTC), from Monday
    hours: list[float | None]  #: events by hour (UTC) of the last days
    hours_from: date | None  #: the first of these days
    bursts: list[PageBurst]  #: in these hours, in time order
    devices: list[Series]  #: shares of the day's events
    creators: list[Creator]
    creators_share: float | None
