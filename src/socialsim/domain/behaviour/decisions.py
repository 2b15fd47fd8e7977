"""Decisions: pure functions from a scenario's knobs and random draws. No clock, no actor."""

from typing import Final, Literal, TypeAlias

from socialsim.domain.behaviour.affinity import AFFINITY_UNIT, Affinity
from socialsim.kernel.randoms import UNIT, exponential, log_normal, threshold
from socialsim.scenario.model import Scenario

Meeting: TypeAlias = Literal["circle", "closure", "stranger"]

_DELAY_SIGMA: Final = 1.0  # of the logarithm of the minimum delay of an answer to a request
_AWAY_SIGMA: Final = 0.8  # of the logarithm of the days away of users who return
TABLE_BITS: Final = 12  #: tables of quantiles have 2**12 cells
FRESH_BITS: Final = 10  #: freshness is in units of 2**-10
_SESSION_SIGMA: Final = 1.0
_SESSION_MAX_US: Final = 4 * 3_600_000_000
_QUALITY_UNIT: Final = 1 << 10  #: the median quality of posts
_PICTURE_SIZES: Final = ((1080, 1080), (1080, 1350), (1920, 1080), (2048, 1536), (3024, 4032), (4032, 3024))
#: index: ``FriendRequest.meeting``
MEETINGS: Final[tuple[Meeting, ...]] = ("circle", "closure", "stranger")


class Behaviour:
    """A scenario's knobs as integer thresholds and tables for 32-bit draws."""

    __slots__ = (
        "_accept", "_answer_s", "_away_days", "_bounce", "_quality_sigma", "_reach", "_return",
        "affinity", "circle", "closure", "closure_abroad", "comment", "gaps_us", "popular", "recency_us", "second_device",
        "sessions_us", "stranger_home", "video", "weekend_post",
    )  # fmt: skip

    def __init__(self, scenario: Scenario) -> None:
        self._accept = tuple(
            threshold(share)
            for share in (scenario.accept_circle_share, scenario.accept_closure_share, scenario.accept_stranger_share)
        )
        self._answer_s = scenario.accept_delay_median_s
        self._away_days = scenario.away_median_days
        self._bounce = threshold(scenario.bounce_share)
        self._return = threshold(scenario.return_share)
        #: Time between two actions of a session, by the high ``TABLE_BITS`` bits of a draw:
        #: log-normal, at least one microsecond.
        self.gaps_us = tuple(
            gap_us + 1 for gap_us in _log_normals(scenario.action_gap_median_s * 1_000_000, scenario.action_gap_sigma)
        )
        #: Duration of a session, likewise: log-normal, 1 second to 4 hours, in whole seconds.
        self.sessions_us = tuple(
            min(max(duration_us - duration_us % 1_000_000, 1_000_000), _SESSION_MAX_US)
            for duration_us in _log_normals(scenario.session_duration_median_s * 1_000_000, _SESSION_SIGMA)
        )
        self._reach = scenario.reach_median
        self._quality_sigma = scenario.quality_sigma
        self.affinity = Affinity(scenario)
        #: the age at which a post is half as fresh
        self.recency_us = scenario.recency_s * 1_000_000
        # Thresholds for draws:
        self.circle = threshold(scenario.circle_share)  #: a request goes to a member of a circle
        #: ... or, from ``circle`` up to here, to a friend's friend
        self.closure = threshold(scenario.circle_share + scenario.closure_share)
        self.closure_abroad = threshold(scenario.closure_abroad_share)
        self.stranger_home = threshold(scenario.stranger_home_share)
        self.comment = threshold(scenario.comment_share)
        self.popular = threshold(scenario.popular_share)
        self.video = threshold(scenario.video_share)
        self.second_device = threshold(scenario.second_device_share)
        #: relative to a working day, in 2**-16
        self.weekend_post = round(scenario.weekend_activity * (1 << 16))

    # --- sessions ---------------------------------------------------------------------------------

    def bounces(self, draw: int) -> bool:
        """Whether a user never returns after the day of their sign-up."""
        return draw < self._bounce

    def days_away(self, draw: int, return_draw: int) -> int | None:
        """How many days a user who drifts away stays away; None: forever."""
        if return_draw >= self._return:
            return None
        return log_normal(draw, self._away_days, _AWAY_SIGMA) + 1

    # --- friends ----------------------------------------------------------------------------------

    def requests(self, friends_missing: int) -> int:
        """Friend requests that a user sends in one session, by the number of friends missing."""
        return min(friends_missing, 3 + (friends_missing >> 2)) if friends_missing > 0 else 0

    def accepts(self, meeting: int, friends: int, friends_wanted: int, draw: int) -> bool:
        """Whether a request will be accepted.

        The chance falls to zero as the number of friends exceeds the number wanted.
        """
        chance = self._accept[meeting]
        if friends > friends_wanted:
            room = (friends_wanted >> 2) + 2
            chance = chance * max(room - (friends - friends_wanted), 0) // room
        return draw < chance

    def answer_delay_us(self, draw: int) -> int:
        """Minimum time before a request is answered: log-normal, at least one microsecond."""
        return log_normal(draw, self._answer_s, _DELAY_SIGMA) * 1_000_000 + 1

    # --- posts ------------------------------------------------------------------------------------

    def quality(self, draw: int) -> int:
        """A post's quality: log-normal with median 1024, between 1 and 2**20."""
        return min(max(log_normal(draw, _QUALITY_UNIT, self._quality_sigma), 1), 1 << 20)

    def audience(self, friends: int, quality: int, draw: int) -> tuple[int, int]:
        """Which friends are shown a post, as (first, count) in the ring of ``friends``.

        Better posts reach more friends.
        """
        reach = self._reach * quality // _QUALITY_UNIT
        reach = exponential(draw * 0x9E37_79B1 % UNIT, reach) + 1 if reach else 0
        count = min(friends, reach)
        return (draw * friends >> 32, count) if count < friends else (0, count)


def _log_normals(median: int, sigma: float) -> list[int]:
    """The quantiles at the midpoints of 2**``TABLE_BITS`` equal steps."""
    step = UNIT >> TABLE_BITS
    return [log_normal(draw, median, sigma) for draw in range(step // 2, UNIT, step)]


def attention(quality: int, affinity: int, age_us: int, recency_us: int) -> int:
    """How much a post attracts a user with this affinity to its author; comparable among posts."""
    fresh = _freshness(age_us, recency_us)
    return quality * affinity * fresh * fresh


def video_appeal(quality: int, affinity: int, age_us: int, recency_us: int) -> int:
    """How long a video is watched, relatively: 1024 if new and of median quality and affinity.

    With age, the appeal falls to half of the same video's appeal when it was new.
    """
    fresh = _freshness(age_us, recency_us)
    return (quality * affinity // AFFINITY_UNIT) * ((1 << FRESH_BITS) + fresh) >> (FRESH_BITS + 1)


def _freshness(age_us: int, recency_us: int) -> int:
    """Freshness in 2**-``FRESH_BITS``: 1 for a new post, 1/2 at the age ``recency_us``."""
    return (recency_us << FRESH_BITS) // (recency_us + age_us)


def picture_size_px(draw: int) -> tuple[int, int]:
    """(Width, height) of a picture."""
    return _PICTURE_SIZES[draw * len(_PICTURE_SIZES) >> 32]


def video_duration_s(draw: int) -> int:
    """The duration of a video: log-normal with a median of 30 s, between 1 s and 10 minutes."""
    return min(max(log_normal(draw, 30, 0.9), 1), 600)


def watched_s(draw: int, duration_s: int, appeal: int) -> int:
    """How much of a video was watched before it was liked.

    At least a sixth, at most all of it, more with a higher ``appeal`` (see ``video_appeal``).
    """
    share = draw % UNIT * (appeal + _QUALITY_UNIT) // (2 * _QUALITY_UNIT)
    return min(duration_s // 6 + (share * duration_s >> 32), duration_s)


def actions_per_day(scenario: Scenario) -> float:
    """Approximate actions per user and day, which the timer buckets are sized by."""
    per_session = 1 + 1.5 * scenario.session_duration_median_s / scenario.action_gap_median_s
    return scenario.sessions_per_active_day * per_session
