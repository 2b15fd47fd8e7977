"""What people decide: pure functions from a scenario's knobs and random draws to an action. No clock, no actor."""

from typing import Final, Literal, TypeAlias

from socialsim.domain.behaviour.affinity import AFFINITY_UNIT, Affinity
from socialsim.kernel.randoms import UNIT, exponential, log_normal, threshold
from socialsim.scenario.model import Scenario

Meeting: TypeAlias = Literal["circle", "closure", "stranger"]

_DELAY_SIGMA: Final = 1.0  # of the logarithm of the least time until a request is answered
_AWAY_SIGMA: Final = 0.8  # of the logarithm of the time away of those who return
TABLE_BITS: Final = 12  #: tables of quantiles have 2**12 cells
FRESH_BITS: Final = 10  #: a new post is 2**10 fresh
_SESSION_SIGMA: Final = 1.0
_SESSION_MAX_US: Final = 4 * 3_600_000_000
_QUALITY_UNIT: Final = 1 << 10  #: a post of median quality
_PICTURE_SIZES: Final = ((1080, 1080), (1080, 1350), (1920, 1080), (2048, 1536), (3024, 4032), (4032, 3024))
MEETINGS: Final[tuple[Meeting, ...]] = ("circle", "closure", "stranger")  #: by the number in ``FriendRequest.meeting``


class Behaviour:
    """A scenario's knobs as integer bounds and tables for 32-bit draws."""

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
        #: Times between two actions of a session, by the high ``TABLE_BITS`` of a draw: log-normal, a microsecond at least.
        self.gaps_us = tuple(
            gap_us + 1 for gap_us in _log_normals(scenario.action_gap_median_s * 1_000_000, scenario.action_gap_sigma)
        )
        #: How long sessions last, likewise: log-normal, from a second to four hours, in whole seconds.
        self.sessions_us = tuple(
            min(max(duration_us - duration_us % 1_000_000, 1_000_000), _SESSION_MAX_US)
            for duration_us in _log_normals(scenario.session_duration_median_s * 1_000_000, _SESSION_SIGMA)
        )
        self._reach = scenario.reach_median
        self._quality_sigma = scenario.quality_sigma
        self.affinity = Affinity(scenario)
        self.recency_us = scenario.recency_s * 1_000_000  #: the age at which a post draws half as much attention
        # Thresholds for draws:
        self.circle = threshold(scenario.circle_share)  #: a request goes to somebody of a circle
        self.closure = threshold(
            scenario.circle_share + scenario.closure_share
        )  #: ... or, above that, a friend's friend
        self.closure_abroad = threshold(scenario.closure_abroad_share)
        self.stranger_home = threshold(scenario.stranger_home_share)
        self.comment = threshold(scenario.comment_share)
        self.popular = threshold(scenario.popular_share)
        self.video = threshold(scenario.video_share)
        self.second_device = threshold(scenario.second_device_share)
        self.weekend_post = round(scenario.weekend_activity * (1 << 16))  #: in 2**-16, to a working day's

    # --- sessions -------------------------------------------------------------------------------------------------

    def bounces(self, draw: int) -> bool:
        """Whether somebody never comes back after the day of his sign-up."""
        return draw < self._bounce

    def days_away(self, draw: int, return_draw: int) -> int | None:
        """For how many days somebody who drifts away stays away; None: for good."""
        if return_draw >= self._return:
            return None
        return log_normal(draw, self._away_days, _AWAY_SIGMA) + 1

    # --- friends --------------------------------------------------------------------------------------------------

    def requests(self, friends_missing: int) -> int:
        """How many people somebody would ask in one session, who misses so many friends."""
        return min(friends_missing, 3 + (friends_missing >> 2)) if friends_missing > 0 else 0

    def accepts(self, meeting: int, friends: int, friends_wanted: int, draw: int) -> bool:
        """Whether a request will be accepted: less and less likely when one has the friends that one wanted."""
        chance = self._accept[meeting]
        if friends > friends_wanted:
            room = (friends_wanted >> 2) + 2
            chance = chance * max(room - (friends - friends_wanted), 0) // room
        return draw < chance

    def answer_delay_us(self, draw: int) -> int:
        """How long a request lies unanswered at least: log-normal, at least a microsecond."""
        return log_normal(draw, self._answer_s, _DELAY_SIGMA) * 1_000_000 + 1

    # --- posts ----------------------------------------------------------------------------------------------------

    def quality(self, draw: int) -> int:
        """How good a post is: log-normal, the median is 1024; between 1 and 2**20."""
        return min(max(log_normal(draw, _QUALITY_UNIT, self._quality_sigma), 1), 1 << 20)

    def audience(self, friends: int, quality: int, draw: int) -> tuple[int, int]:
        """Which friends are shown a post: (first, count) into the ring of ``friends``; better posts reach more."""
        reach = self._reach * quality // _QUALITY_UNIT
        reach = (
            exponential(draw * 0x9E37_79B1 % UNIT, reach) + 1 if reach else 0
        )  # by far not everybody is reached alike
        count = min(friends, reach)
        return (draw * friends >> 32, count) if count < friends else (0, count)


def _log_normals(median: int, sigma: float) -> list[int]:
    """The quantiles in the middles of 2**``TABLE_BITS`` equal steps."""
    step = UNIT >> TABLE_BITS
    return [log_normal(draw, median, sigma) for draw in range(step // 2, UNIT, step)]


def attention(quality: int, affinity: int, age_us: int, recency_us: int) -> int:
    """How much a post draws the eye of one who cares so much for its author; comparable among posts only."""
    fresh = _freshness(age_us, recency_us)
    return quality * affinity * fresh * fresh


def appeal(quality: int, affinity: int, age_us: int, recency_us: int) -> int:
    """How much a video holds whom it has drawn: 1024 for a new one of median quality by somebody one likes as most.

    An old one has half the appeal of the same one when it was new.
    """
    fresh = _freshness(age_us, recency_us)
    return (quality * affinity // AFFINITY_UNIT) * ((1 << FRESH_BITS) + fresh) >> (FRESH_BITS + 1)


def _freshness(age_us: int, recency_us: int) -> int:
    """In 2**-``FRESH_BITS``: of a new post 1, of one whose age is ``recency_us`` a half."""
    return (recency_us << FRESH_BITS) // (recency_us + age_us)


def picture_size_px(draw: int) -> tuple[int, int]:
    """Width and height of a picture."""
    return _PICTURE_SIZES[draw * len(_PICTURE_SIZES) >> 32]


def video_duration_s(draw: int) -> int:
    """The length of a video: log-normal about half a minute, 1 second to 10 minutes."""
    return min(max(log_normal(draw, 30, 0.9), 1), 600)


def watched_s(draw: int, duration_s: int, held: int) -> int:
    """How much of a video was seen before it was liked: at least a sixth, more if it ``held`` (its appeal), at most all."""
    share = draw % UNIT * (held + _QUALITY_UNIT) // (2 * _QUALITY_UNIT)
    return min(duration_s // 6 + (share * duration_s >> 32), duration_s)


def actions_per_day(scenario: Scenario) -> float:
    """Roughly how often a person acts in a day, to size timers by."""
    per_session = 1 + 1.5 * scenario.session_duration_median_s / scenario.action_gap_median_s
    return scenario.sessions_per_active_day * per_session
