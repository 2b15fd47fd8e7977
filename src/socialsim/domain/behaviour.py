"""What people decide: pure functions from a scenario's knobs and random draws to an action. No clock, no actor."""

from typing import Final, Literal, TypeAlias

from socialsim.kernel.randoms import exponential, log_normal, threshold
from socialsim.scenario import DAY_US, Scenario

Action: TypeAlias = Literal["picture", "video", "request", "comment", "like"]

FEED_MAX: Final = 24  #: posts of friends that a user has in mind; older ones fall out
_DELAY_SIGMA: Final = 1.0  # of the logarithm of the time until a request is answered
_PICTURE_SIZES: Final = ((1080, 1080), (1080, 1350), (1920, 1080), (2048, 1536), (3024, 4032), (4032, 3024))


class Behaviour:
    """A scenario's knobs as integer bounds for 32-bit draws."""

    __slots__ = ("_accept", "_answer_s", "_comment", "_fanout_max", "_gap_us", "_picture", "_request", "_video")

    def __init__(self, scenario: Scenario) -> None:
        self._gap_us = round(DAY_US / scenario.actions_per_day)
        self._picture = threshold(scenario.picture_share)
        self._video = self._picture + threshold(scenario.video_share)
        self._request = self._video + threshold(scenario.request_share)
        self._comment = self._request + threshold(scenario.comment_share)
        self._accept = threshold(scenario.accept_share)
        self._answer_s = scenario.accept_delay_median_s
        self._fanout_max = scenario.fanout_max

    def gap_us(self, draw: int) -> int:
        """The time until the next action: exponential, at least a microsecond."""
        return exponential(draw, self._gap_us) + 1

    def action(self, draw: int) -> Action:
        """What to do next."""
        if draw >= self._comment:
            return "like"
        if draw >= self._request:
            return "comment"
        if draw >= self._video:
            return "request"
        return "video" if draw >= self._picture else "picture"

    def accepts(self, draw: int) -> bool:
        """Whether a friend request will be accepted."""
        return draw < self._accept

    def answer_delay_us(self, draw: int) -> int:
        """How long a request lies unanswered: log-normal, at least a microsecond."""
        return log_normal(draw, self._answer_s, _DELAY_SIGMA) * 1_000_000 + 1

    def audience(self, friends: int, draw: int) -> tuple[int, int]:
        """Which friends are shown a post: (first, count) into the circle of ``friends``."""
        count = min(friends, self._fanout_max)
        return (draw * friends >> 32, count) if count < friends else (0, count)


def picture_size_px(draw: int) -> tuple[int, int]:
    """Width and height of a picture."""
    return _PICTURE_SIZES[draw * len(_PICTURE_SIZES) >> 32]


def video_duration_s(draw: int) -> int:
    """The length of a video: log-normal about half a minute, 1 second to 10 minutes."""
    return min(max(log_normal(draw, 30, 0.9), 1), 600)


def watched_s(draw: int, duration_s: int) -> int:
    """How much of a video was seen before it was liked: between a third of it and all."""
    least = duration_s // 3
    return least + (draw * (duration_s - least + 1) >> 32)


def takes_other_device(draw: int) -> bool:
    """One action in eight is done from another device than usual."""
    return draw & 7 == 0
