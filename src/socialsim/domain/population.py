"""The people of a scenario: when they join, where they live, what they are like.

Everything here is a pure function of the scenario and the user id, so any shard can tell anything about any stranger.
"""

import struct
from collections.abc import Iterable
from functools import cached_property
from heapq import merge
from typing import Final, Literal

from socialsim.domain.adoption import Adoption
from socialsim.domain.company import Arrivals, Company
from socialsim.domain.geography import Circle, Geography, Home
from socialsim.domain.places import COUNTRIES
from socialsim.domain.pools import Pools
from socialsim.domain.profiles import Profile, make_profile
from socialsim.domain.traits import Habits, Temper, Traits
from socialsim.events import Device
from socialsim.kernel.randoms import UNIT, mix, mix_on
from socialsim.scenario import Scenario

# One stream of ``mix`` for each aspect of a person, so that a change of one leaves the others alone.
_SIGN_UP: Final = 1
_PROFILE: Final = 2
_LIFE: Final = 4
_WEIGHT_SHIFT: Final = 16  # weights of people in company are below 2**16


class Population:
    """``user_id`` is 0 .. users - 1; shards own contiguous ranges."""

    def __init__(self, scenario: Scenario, pools: Pools) -> None:
        self._scenario = scenario
        self._pools = pools
        self._sign_ups, self._profiles, self._lives = (
            mix(scenario.seed, aspect) for aspect in (_SIGN_UP, _PROFILE, _LIFE)
        )
        self._start_us = scenario.start_us
        self._span_us = scenario.end_us - scenario.start_us
        self._adoption = Adoption(scenario)
        self._temper = Temper(scenario)
        self._habits = Habits(scenario)
        self.friends_mean = max(
            round(self._temper.friends_mean), 1
        )  #: friends that people would like to have, on average
        self.geography = Geography(scenario)
        # What is asked about strangers again and again is kept once computed: 16 bytes for each user, 0 where unknown.
        self._sign_ups_us = _zeros("q", scenario.users)
        self._wanted = _zeros("I", scenario.users)
        self._active = _zeros("I", scenario.users)
        self._circles: dict[Circle, Company] = {}

    # --- joining --------------------------------------------------------------------------------------------------

    def sign_up_us(self, user_id: int) -> int:
        """When the user signs up. Within a shard they come in the order of ids, one in each equal share of its people."""
        sign_up_us = self._sign_ups_us[user_id]
        if not sign_up_us:
            users = self._scenario.user_range(self._scenario.shard_of_user(user_id))
            rank = user_id - users.start
            draw = mix_on(self._sign_ups, user_id) >> 32
            share = (rank * UNIT + draw) // len(users)
            sign_up_us = self._start_us + (self._span_us * self._adoption.instant(share) >> 32)
            self._sign_ups_us[user_id] = sign_up_us
        return sign_up_us

    # --- meeting each other -----------------------------------------------------------------------------------------

    def circle(self, home: Home, number: int) -> Company:
        """The circle of that ``number`` of one who lives at ``home``."""
        circle = self.geography.circle(home, number)
        company = self._circles.get(circle)
        if company is None:
            company = self._circles[circle] = self._company(self.geography.members(circle))
        return company

    def compatriots(self, country: int) -> Company:
        """All who live in the country of that number."""
        return self._arrivals.compatriots[country]

    @property
    def everybody(self) -> Company:
        """All people of the scenario."""
        return self._arrivals.everybody

    @cached_property
    def _arrivals(self) -> Arrivals:
        shards = map(self._scenario.user_range, range(self._scenario.shards))
        # Within a shard the order of ids is that of time.
        people = merge(*(((self.sign_up_us(user_id), user_id) for user_id in user_ids) for user_ids in shards))
        return Arrivals(
            people, lambda user_id: (self.geography.country(user_id), self._weight(user_id)), len(COUNTRIES)
        )

    def _company(self, user_ids: Iterable[int]) -> Company:
        return Company((self.sign_up_us(user_id), user_id, self._weight(user_id)) for user_id in user_ids)

    def _weight(self, user_id: int) -> int:
        """How often somebody is met. Who is sociable is met more often, else the others would be asked far more often

        than they like; and so is who comes often.
        """
        wanted, active = self.visibility(user_id)
        return wanted * active // ((wanted + 2 * self.friends_mean) << _WEIGHT_SHIFT) + 1

    # --- being somebody -------------------------------------------------------------------------------------------

    def traits(self, user_id: int, home: Home) -> Traits:
        """What the user, who lives at ``home``, is like."""
        return self._temper.traits(user_id, home)

    def visibility(self, user_id: int) -> tuple[int, int]:
        """How many friends the user would like to have, and the threshold for a draw whether he comes on a day."""
        wanted = self._wanted[user_id]
        if wanted:
            return wanted, self._active[user_id]
        wanted, active_day = self._temper.visibility(user_id, self.geography.home(user_id))
        self._wanted[user_id] = wanted
        self._active[user_id] = active_day
        return wanted, active_day

    def devices(self, user_id: int) -> tuple[Device, Device]:
        """The user's main device and the other one, which may be the same."""
        return self._habits.devices(user_id)

    def profile(self, user_id: int) -> Profile:
        """Name, address and the rest. The username ends in the id, which makes it unique."""
        home = self.geography.home(user_id)
        bits = mix_on(self._profiles, user_id)
        return make_profile(user_id, self.sign_up_us(user_id), home, self._pools, bits)

    def life_seed(self, user_id: int) -> int:
        """The first state of the stream that decides what the user does."""
        return mix_on(self._lives, user_id)


def _zeros(kind: Literal["q", "I"], count: int) -> "memoryview[int]":
    """So many integers, which take memory only once they are used."""
    return memoryview(bytearray(struct.calcsize(kind) * count)).cast(kind)
