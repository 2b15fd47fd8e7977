"""The users of a scenario: when they sign up, where they live, and their traits.

Everything here is a pure function of the scenario and the user id, so any shard can compute
anything about any user without a message.
"""

import struct
from collections.abc import Iterable
from functools import cached_property
from heapq import merge
from typing import Final, Literal

from socialsim.domain.population.adoption import Adoption
from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.geography import Circle, Geography, Home
from socialsim.domain.population.meeting_pool import Arrivals, MeetingPool
from socialsim.domain.population.name_pools import Pools
from socialsim.domain.population.profiles import Profile, make_profile
from socialsim.domain.population.traits import DeviceModel, TraitModel, Traits
from socialsim.events import Device
from socialsim.kernel.randoms import UNIT, mix, mix_on
from socialsim.scenario.model import Scenario

# One stream of ``mix`` per aspect of a user, so that a change of one aspect leaves the others
# alone.
_SIGN_UP: Final = 1
_PROFILE: Final = 2
_BEHAVIOUR: Final = 4
_WEIGHT_SHIFT: Final = 16  # keeps the weights in a pool below 2**16


class Population:
    """All users of a scenario. ``user_id`` is 0 .. users - 1; shards own contiguous ranges."""

    def __init__(self, scenario: Scenario, pools: Pools) -> None:
        self._scenario = scenario
        self._pools = pools
        self._sign_ups, self._profiles, self._behaviours = (
            mix(scenario.seed, aspect) for aspect in (_SIGN_UP, _PROFILE, _BEHAVIOUR)
        )
        self._start_us = scenario.start_us
        self._span_us = scenario.end_us - scenario.start_us
        self._adoption = Adoption(scenario)
        self._trait_model = TraitModel(scenario)
        self._device_model = DeviceModel(scenario)
        #: mean number of friends that users want
        self.friends_mean = max(round(self._trait_model.friends_mean), 1)
        self.geography = Geography(scenario)
        # Caches of what is read about other users most: 16 bytes per user; 0 means not computed
        # yet.
        self._sign_ups_us = _zeros("q", scenario.users)
        self._wanted = _zeros("I", scenario.users)
        self._active = _zeros("I", scenario.users)
        self._circles: dict[Circle, MeetingPool] = {}

    # --- sign-ups ---------------------------------------------------------------------------------

    def sign_up_us(self, user_id: int) -> int:
        """When the user signs up.

        Sign-ups of a shard are in the order of user ids. They are a stratified sample of the
        adoption curve: one per equal share of the shard's users.
        """
        sign_up_us = self._sign_ups_us[user_id]
        if not sign_up_us:
            users = self._scenario.user_range(self._scenario.shard_of_user(user_id))
            rank = user_id - users.start
            draw = mix_on(self._sign_ups, user_id) >> 32
            share = (rank * UNIT + draw) // len(users)
            sign_up_us = self._start_us + (self._span_us * self._adoption.instant(share) >> 32)
            self._sign_ups_us[user_id] = sign_up_us
        return sign_up_us

    # --- meeting pools ----------------------------------------------------------------------------

    def circle(self, home: Home, number: int) -> MeetingPool:
        """The meeting pool of circle ``number`` of a user who lives at ``home``."""
        circle = self.geography.circle(home, number)
        pool = self._circles.get(circle)
        if pool is None:
            pool = self._circles[circle] = self._pool_of(self.geography.members(circle))
        return pool

    def country_pool(self, country: int) -> MeetingPool:
        """The users who live in the country with this index in ``COUNTRIES``."""
        return self._arrivals.country_pool[country]

    @property
    def global_pool(self) -> MeetingPool:
        """All users of the scenario."""
        return self._arrivals.global_pool

    @cached_property
    def _arrivals(self) -> Arrivals:
        shards = map(self._scenario.user_range, range(self._scenario.shards))
        # Within a shard, user ids are in the order of sign-up times.
        people = merge(*(((self.sign_up_us(user_id), user_id) for user_id in user_ids) for user_ids in shards))
        return Arrivals(
            people, lambda user_id: (self.geography.country(user_id), self._weight(user_id)), len(COUNTRIES)
        )

    def _pool_of(self, user_ids: Iterable[int]) -> MeetingPool:
        return MeetingPool((self.sign_up_us(user_id), user_id, self._weight(user_id)) for user_id in user_ids)

    def _weight(self, user_id: int) -> int:
        """The user's weight in a meeting pool, by sociability and activity.

        Unweighted, less sociable users would receive far more requests than they want.
        """
        wanted, active = self.visibility(user_id)
        return wanted * active // ((wanted + 2 * self.friends_mean) << _WEIGHT_SHIFT) + 1

    # --- traits and profiles ----------------------------------------------------------------------

    def traits(self, user_id: int, home: Home) -> Traits:
        """The traits of a user who lives at ``home``."""
        return self._trait_model.traits(user_id, home)

    def visibility(self, user_id: int) -> tuple[int, int]:
        """What other users can see: (friends wanted, threshold for a draw that a day is active)."""
        wanted = self._wanted[user_id]
        if wanted:
            return wanted, self._active[user_id]
        wanted, active_day = self._trait_model.visibility(user_id, self.geography.home(user_id))
        self._wanted[user_id] = wanted
        self._active[user_id] = active_day
        return wanted, active_day

    def devices(self, user_id: int) -> tuple[Device, Device]:
        """The user's main device and second device, which may be the same."""
        return self._device_model.devices(user_id)

    def profile(self, user_id: int) -> Profile:
        """The user's profile. The username ends in the user id, which makes it unique."""
        home = self.geography.home(user_id)
        bits = mix_on(self._profiles, user_id)
        return make_profile(user_id, self.sign_up_us(user_id), home, self._pools, bits)

    def behaviour_seed(self, user_id: int) -> int:
        """The initial state of the random stream that decides what the user does."""
        return mix_on(self._behaviours, user_id)


def _zeros(kind: Literal["q", "I"], count: int) -> "memoryview[int]":
    """``count`` zeros; the operating system allocates a page only when it is written to."""
    return memoryview(bytearray(struct.calcsize(kind) * count)).cast(kind)
