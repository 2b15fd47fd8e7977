"""Traits: how sociable, active and fond of posting a user is.

Pure functions of seed and user id.
"""

import math
from itertools import pairwise
from statistics import NormalDist
from typing import Final, NamedTuple

from socialsim.domain.population.geography import Home
from socialsim.events import Device
from socialsim.kernel.randoms import GOLDEN, MASK_64, UNIT, exponential, log_normal, mix, mix_on, threshold
from socialsim.scenario.model import Scenario

# One stream of ``mix`` per aspect of a user, so that a change of one aspect leaves the others
# alone.
_FRIENDS: Final = 11
_COMMUNITY: Final = 12
_ACTIVITY: Final = 13
_SESSIONS: Final = 14
_POSTING: Final = 15
_DRIFT: Final = 16
_HABIT: Final = 3

#: Quantiles of the number of friends: (share of users, friends). 10 %, 20 % and 50 % are those
#: published for Facebook in 2011 (Ugander et al.; mean 190, median 99); the others are chosen so
#: that the mean equals the published one.
_FRIENDS_QUANTILES: Final = (
    (0.0, 1), (0.1, 10), (0.2, 25), (0.3, 43), (0.4, 68), (0.5, 99), (0.6, 143), (0.7, 202), (0.8, 290),
    (0.9, 450), (0.95, 660), (0.99, 1200), (1.0, 3000),
)  # fmt: skip

#: Friends wanted per friend found: users find fewer friends than they want. Measured over 60 days.
_WANTED_TO_FOUND: Final = 1.2
_Z_BITS: Final = 9  # z-scores are integers in units of 2**-9
_Z_MAX: Final = 4 << _Z_BITS
_SOCIABLE_AND_BUSY: Final = 0.5  # correlation of friends wanted and activity
_SESSIONS_SIGMA: Final = 0.6  # of the logarithm of sessions per active day
#: z-score by the high 12 bits of a draw.
_Z_SCORES: Final = [round(NormalDist().inv_cdf((cell + 0.5) / 4096) * (1 << _Z_BITS)) for cell in range(4096)]


class Traits(NamedTuple):
    """The traits of one user. All are integers."""

    friends_wanted: int
    active_day: int  #: threshold for a draw that a day is active
    #: Mean, in 2**-20, of an exponential; its floor is the number of sessions after the day's
    #: first.
    sessions_extra: int
    post: int  #: threshold for a draw that an action is a post
    drift: int  #: threshold for a draw that the user goes away for a while after an active day


class TraitModel:
    """Draws the traits of a scenario's users."""

    def __init__(self, scenario: Scenario) -> None:
        seed = scenario.seed
        self._friends_seed = mix(seed, _FRIENDS)
        self._community_seed = mix(seed, _COMMUNITY)
        self._activity_seed = mix(seed, _ACTIVITY)
        self._sessions_seed = mix(seed, _SESSIONS)
        self._posting_seed = mix(seed, _POSTING)
        self._drift_seed = mix(seed, _DRIFT)
        self.friends_mean = (scenario.friends_mean or friends_mean_at(scenario.users)) * _WANTED_TO_FOUND
        self._friends = _friends_table(self.friends_mean, scenario.friends_spread)
        self._active = _active_table(scenario.active_day_alpha, scenario.active_day_beta)
        influence = scenario.community_influence
        self._weights = _weights(influence)
        self._activity_weights = _weights(_SOCIABLE_AND_BUSY**2)
        self._sessions_extra = _extra_mean(scenario.sessions_per_active_day - 1)
        self._post = threshold(scenario.post_share)
        self._post_sigma = scenario.post_sigma
        self._drift = threshold(scenario.drift_share)

    def visibility(self, user_id: int, home: Home) -> tuple[int, int]:
        """The two traits that other users can see: (``friends_wanted``, ``active_day``)."""
        sociability = self._sociability(user_id, home)
        return self._friends[sociability + _Z_MAX], self._active[self._activity(user_id, sociability) + _Z_MAX]

    def traits(self, user_id: int, home: Home) -> Traits:
        """All traits of one user."""
        sociability = self._sociability(user_id, home)
        return Traits(
            self._friends[sociability + _Z_MAX],
            self._active[self._activity(user_id, sociability) + _Z_MAX],
            log_normal(mix_on(self._sessions_seed, user_id) >> 32, self._sessions_extra, _SESSIONS_SIGMA),
            min(log_normal(mix_on(self._posting_seed, user_id) >> 32, self._post, self._post_sigma), UNIT),
            min(exponential(mix_on(self._drift_seed, user_id) >> 32, self._drift), UNIT),
        )

    def _activity(self, user_id: int, sociability: int) -> int:
        """A normal z-score, correlated with sociability."""
        shared, own = self._activity_weights
        return _clipped(shared * sociability + own * _z_score(mix_on(self._activity_seed, user_id)) >> 20)

    def _sociability(self, user_id: int, home: Home) -> int:
        """A normal z-score with a component that all members of a community share.

        The shared components are spread evenly over the quantiles (a golden-ratio sequence) instead
        of drawn: a network has only some hundreds of communities, and independent draws would make
        its mean degree vary by a quarter from seed to seed.
        """
        shared, own = self._weights
        community = _z_score((self._community_seed + home.community_number * GOLDEN) & MASK_64)
        return _clipped(shared * community + own * _z_score(mix_on(self._friends_seed, user_id)) >> 20)


class DeviceModel:
    """Draws which devices a user has."""

    def __init__(self, scenario: Scenario) -> None:
        self._seed = scenario.seed
        bound = 0.0
        self._kinds: list[tuple[int, Device, Device]] = []
        for share, main, other in (
            (scenario.mobile_only_share, "mobile", "mobile"),
            (scenario.web_only_share, "web", "web"),
            (scenario.tablet_share, "tablet", "mobile"),
            (1.0, "mobile", "web"),
        ):
            bound = min(bound + share, 1.0)
            self._kinds.append((threshold(bound), main, other))  # type: ignore[arg-type]

    def devices(self, user_id: int) -> tuple[Device, Device]:
        """The user's main device and second device, which may be the same."""
        draw = mix(self._seed, _HABIT, user_id) >> 32
        for bound, main, other in self._kinds:
            if draw < bound:
                return main, other
        raise AssertionError("the last bound exceeds every draw")


def friends_mean_at(users: int) -> float:
    """Mean number of friends by network size: LDBC Datagen's formula, fitted to Facebook."""
    if users < 2:
        return 1.0
    return max(math.pow(users, 0.512 - 0.028 * math.log10(users)), 1.0)


def _friends_table(mean: float, spread: float) -> list[int]:
    """Friends wanted, by z-score from -4 to 4.

    The published quantiles to the power of ``spread``, scaled to ``mean``.
    """
    normal = NormalDist()
    raw = [_published_friends(_normal_cdf(z / (1 << _Z_BITS))) ** spread for z in range(-_Z_MAX, _Z_MAX + 1)]
    weights = [normal.pdf(z / (1 << _Z_BITS)) for z in range(-_Z_MAX, _Z_MAX + 1)]
    # fsum is exact; the rounding of sum() depends on the version of Python.
    weighted = math.fsum(value * weight for value, weight in zip(raw, weights, strict=True))
    factor = mean * math.fsum(weights) / weighted
    return [max(round(value * factor), 1) for value in raw]


def _published_friends(share: float) -> float:
    """The published quantile function, interpolated linearly."""
    for (left, low), (right, high) in pairwise(_FRIENDS_QUANTILES):
        if share <= right:
            return float(low + (high - low) * (share - left) / (right - left))
    raise AssertionError("a share is at most 1")


def _active_table(alpha: float, beta: float) -> list[int]:
    """Thresholds of ``active_day`` by z-score.

    Quantiles of a Kumaraswamy distribution, which is close to a Beta distribution.
    """
    return [
        min(threshold((1 - (1 - _normal_cdf(z / (1 << _Z_BITS))) ** (1 / beta)) ** (1 / alpha)), UNIT - 1)
        for z in range(-_Z_MAX, _Z_MAX + 1)
    ]


def _normal_cdf(z: float) -> float:
    """The standard normal CDF.

    ``NormalDist.cdf`` is not used: its formula differs between Pythons.
    """
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _extra_mean(mean: float) -> int:
    """The mean, in 2**-20, of an exponential whose floor has the mean ``mean``."""
    return round((1 << 20) / math.log1p(1 / mean)) if mean > 0 else 0


def _weights(share: float) -> tuple[int, int]:
    """Weights, in 2**-20, of a shared and an individual z-score for a correlation of ``share``."""
    return round(math.sqrt(share) * (1 << 20)), round(math.sqrt(1 - share) * (1 << 20))


def _z_score(bits: int) -> int:
    return _Z_SCORES[bits >> 52]


def _clipped(z: int) -> int:
    return min(max(z, -_Z_MAX), _Z_MAX)
