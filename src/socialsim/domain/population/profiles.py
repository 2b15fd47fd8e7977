"""Profiles of new users: invented people whose mail addresses and phone numbers reach nobody."""

import unicodedata
from datetime import date
from typing import Final, NamedTuple

from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.geography import Home
from socialsim.domain.population.name_pools import NAMES, Pools
from socialsim.kernel.randoms import UNIT, log_normal
from socialsim.scenario.model import DAY_US, LEAST_AGE_YEARS

_EPOCH: Final = date(1970, 1, 1).toordinal()
#: Reserved for documentation by RFC 2606.
_MAIL_DOMAINS: Final = ("example.com", "example.net", "example.org")
#: Years above the minimum age are log-normal: half of the users are under 31 when they sign up, few
#: over 70. A declared choice, near the published ages of a large network's users; see ``ages`` in
#: ``docs/realism.md``.
_AGE_MEDIAN_DAYS: Final = 18 * 365
_AGE_SIGMA: Final = 0.75
_AGE_MAX_DAYS: Final = 77 * 365


class Profile(NamedTuple):
    """The profile that a new user fills in."""

    username: str
    email: str
    phone: str
    first_name: str
    last_name: str
    birthday: date
    country: str
    city: str


def make_profile(user_id: int, sign_up_us: int, home: Home, pools: Pools, bits: int) -> Profile:
    """The profile of a user who signs up at ``sign_up_us``; ``bits`` are 64 random bits."""
    country = COUNTRIES[home.country]
    first = pools.first_names[home.country][(bits >> 16) % NAMES]
    last = pools.last_names[home.country][(bits >> 24) % NAMES]
    username = f"{_handle(first, last)}{user_id}"
    age_days = min(log_normal((bits >> 8) % UNIT, _AGE_MEDIAN_DAYS, _AGE_SIGMA), _AGE_MAX_DAYS)
    return Profile(
        username,
        f"{username}@{_MAIL_DOMAINS[(bits >> 40) % len(_MAIL_DOMAINS)]}",
        _phone(country.code, bits >> 42),
        first,
        last,
        date.fromordinal(latest_birthday(sign_up_us).toordinal() - age_days),
        country.code,
        country.cities[home.city].name,
    )


def latest_birthday(sign_up_us: int) -> date:
    """The birthday of a user who reaches the minimum age on the UTC day of ``sign_up_us``."""
    day = date.fromordinal(_EPOCH + sign_up_us // DAY_US)
    # does not exist 13 years earlier, and 1 March would be too young
    if (day.month, day.day) == (2, 29):
        day = day.replace(day=28)
    return day.replace(year=day.year - LEAST_AGE_YEARS)


def _handle(first: str, last: str) -> str:
    """``first.last`` reduced to ASCII letters; ``user`` if none are left."""
    plain = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode().lower()
    letters = "".join(character for character in plain if character.isalpha() or character == ".").strip(".")
    return f"{letters[:40]}." if letters else "user."


def _phone(country: str, bits: int) -> str:
    """A phone number that nobody has: reserved for fiction, or with an unassigned country code.

    Sources: NANPA 555-0100 to 555-0199; Ofcom's numbers for drama 07700 900000 to 900999; ARCEP
    06 39 98 00 00 to 99 99; elsewhere +999, which the ITU has never assigned.
    """
    if country == "US":
        return f"+1{200 + bits % 700}55501{bits // 700 % 100:02d}"
    if country == "GB":
        return f"+447700900{bits % 1000:03d}"
    if country == "FR":
        return f"+3363998{bits % 10_000:04d}"
    return f"+999{bits % 1_000_000_000:09d}"
