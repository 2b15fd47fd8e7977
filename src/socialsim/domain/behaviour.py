"""What people decide: pure functions from a scenario's knobs and random draws to an action. No clock, no actor."""

from typing import Final, Literal, TypeAlias

from socialsim.kernel.randoms import log_normal, threshold
from socialsim.scenario import DAY_US, Scenario

Action: TypeAlias = Literal["picture", "video", "request", "comment", "like"]

FEED_MAX: Final = 24  #: posts of friends that a user has in mind; older ones fall out
ACTION_BITS: Final = 12  #: the high bits of a 32-bit draw that choose an action
_DELAY_SIGMA: Final = 1.0  # of the logarithm of the time until a request is answered
_PICTURE_SIZES: Final = ((1080, 1080), (1080, 1350), (1920, 1080), (2048, 1536), (3024, 4032), (4032, 3024))


class Behaviour:
    """A scenario's knobs as integer bounds and tables for 32-bit draws."""

    __slots__ = ("_accept", "_answer_s", "_fanout_max", "actions", "gap_mean_us")

    def __init__(self, scenario: Scenario) -> None:
        self.gap_mean_us = round(DAY_US / scenario.actions_per_day)  #: mean time between a user's actions
        self.actions = _action_table(scenario)  #: what to do next, by the high ``ACTION_BITS`` of a draw
        self._accept = threshold(scenario.accept_share)
        self._answer_s = scenario.accept_delay_median_s
        self._fanout_max = scenario.fanout_max

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


def _action_table(scenario: Scenario) -> tuple[Action, ...]:
    """The actions by their shares, to one part in 4096."""
    cells = 1 << ACTION_BITS
    shares: tuple[tuple[Action, float], ...] = (
        ("picture", scenario.picture_share),
        ("video", scenario.video_share),
        ("request", scenario.request_share),
        ("comment", scenario.comment_share),
    )
    table: list[Action] = []
    total = 0.0
    for action, share in shares:
        total += share
        table += [action] * (round(total * cells) - len(table))
    return (*table, *["like"] * (cells - len(table)))  # type: ignore[arg-type]


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
