"""Who the people are: pure functions of the seed and the user id, so any shard can tell anything about any stranger."""

import unicodedata
from bisect import bisect_right
from datetime import date
from itertools import accumulate
from typing import Final, NamedTuple

from socialsim.domain.places import COUNTRIES
from socialsim.domain.pools import NAMES, Pools
from socialsim.events import Device
from socialsim.kernel.randoms import UNIT, mix
from socialsim.scenario import Scenario

# One stream of ``mix`` for each aspect of a person, so that a change of one leaves the others alone.
_SIGN_UP: Final = 1
_PROFILE: Final = 2
_HABIT: Final = 3
_LIFE: Final = 4

_COUNTRY_BOUNDS: Final = tuple(accumulate(country.weight for country in COUNTRIES))
_BIRTHDAY_FIRST: Final = date(1946, 1, 1).toordinal()
_BIRTHDAY_DAYS: Final = date(2008, 1, 1).toordinal() - _BIRTHDAY_FIRST
_MAIL_DOMAINS: Final = ("example.com", "example.net", "example.org")  # reserved for documentation by RFC 2606

# Main device of a person: mobile 80 %, web 15 %, tablet 5 %; and what he takes up now and then instead.
_DEVICES: Final[tuple[tuple[int, Device, Device], ...]] = (
    (round(0.80 * UNIT), "mobile", "web"),
    (round(0.95 * UNIT), "web", "mobile"),
    (UNIT, "tablet", "mobile"),
)


class Profile(NamedTuple):
    """What a new user fills in."""

    username: str
    email: str
    phone: str
    first_name: str
    last_name: str
    birthday: date
    country: str
    city: str


class Population:
    """The people of one scenario. ``user_id`` is 0 .. users - 1; shards own contiguous ranges."""

    def __init__(self, scenario: Scenario, pools: Pools) -> None:
        self._scenario = scenario
        self._pools = pools
        self._seed = scenario.seed
        self._start_us = scenario.start_us
        self._span_us = scenario.end_us - scenario.start_us

    def sign_up_us(self, user_id: int) -> int:
        """When the user signs up. Within a shard sign-ups come in the order of ids, one in each equal slice of time."""
        users = self._scenario.user_range(self._scenario.shard_of_user(user_id))
        rank = user_id - users.start
        draw = mix(self._seed, _SIGN_UP, user_id) >> 32
        return self._start_us + self._span_us * (rank * UNIT + draw) // (len(users) * UNIT)

    def pick_user(self, draw: int, now_us: int) -> int | None:
        """Anybody who has signed up before ``now_us``: uniform over the shards, then within the shard."""
        scenario = self._scenario
        anybody = draw * scenario.users >> 32
        users = scenario.user_range(scenario.shard_of_user(anybody))
        # Each slice of time has one sign-up: those in slices that are over have signed up for sure, the next one maybe.
        there = min((now_us - self._start_us) * len(users) // self._span_us, len(users))
        rank = (anybody - users.start) * min(there + 1, len(users)) // len(users)
        user_id = users.start + rank
        return user_id if rank < there or self.sign_up_us(user_id) < now_us else None

    def country_number(self, user_id: int) -> int:
        """Where the user's country stands in ``COUNTRIES``."""
        return _country_number(mix(self._seed, _PROFILE, user_id))

    def profile(self, user_id: int) -> Profile:
        """Name, address and the rest. The username ends in the id, which makes it unique."""
        bits = mix(self._seed, _PROFILE, user_id)
        number = _country_number(bits)
        country = COUNTRIES[number]
        first = self._pools.first_names[number][(bits >> 16) % NAMES]
        last = self._pools.last_names[number][(bits >> 24) % NAMES]
        handle = _handle(first, last)
        username = f"{handle}{user_id}"
        # Nobody lives in the first cities as often as in the last: the smaller of two draws favours the largest.
        city = min((bits >> 32) % len(country.cities), (bits >> 36) % len(country.cities))
        return Profile(
            username,
            f"{username}@{_MAIL_DOMAINS[(bits >> 40) % len(_MAIL_DOMAINS)]}",
            _phone(country.code, bits >> 42),
            first,
            last,
            date.fromordinal(_BIRTHDAY_FIRST + (bits >> 46) % _BIRTHDAY_DAYS),
            country.code,
            country.cities[city].name,
        )

    def devices(self, user_id: int) -> tuple[Device, Device]:
        """The user's main device and the other one."""
        draw = mix(self._seed, _HABIT, user_id) >> 32
        for bound, main, other in _DEVICES:
            if draw < bound:
                return main, other
        raise AssertionError("the last bound is above every draw")

    def life_seed(self, user_id: int) -> int:
        """The first state of the stream that decides what the user does."""
        return mix(self._seed, _LIFE, user_id)


def _country_number(bits: int) -> int:
    """By the low 16 bits of a profile's draw."""
    return bisect_right(_COUNTRY_BOUNDS, (bits & 0xFFFF) * _COUNTRY_BOUNDS[-1] >> 16)


def _handle(first: str, last: str) -> str:
    """``first.last`` in ASCII letters, as far as they have any."""
    plain = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode().lower()
    letters = "".join(character for character in plain if character.isalpha() or character == ".").strip(".")
    return f"{letters[:40]}." if letters else "user."


def _phone(country: str, bits: int) -> str:
    """A number that rings nowhere: the ranges that regulators keep for fiction, else a country code nobody has.

    Sources: NANPA 555-0100 to 555-0199; Ofcom's numbers for drama 07700 900000 to 900999; ARCEP 06 39 98 00 00
    to 99 99; elsewhere +999, which the ITU has never assigned.
    """
    if country == "US":
        return f"+1{200 + bits % 700}55501{bits // 700 % 100:02d}"
    if country == "GB":
        return f"+447700900{bits % 1000:03d}"
    if country == "FR":
        return f"+3363998{bits % 10_000:04d}"
    return f"+999{bits % 1_000_000_000:09d}"
