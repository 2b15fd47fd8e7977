"""Names and words, drawn once from the seed before the run. During the run nothing calls Faker: it is far too slow.

The pools are part of the stream's bytes, so the version of Faker is pinned in ``pyproject.toml``.
"""

from typing import Final, NamedTuple

from faker import Faker

from socialsim.domain.places import COUNTRIES
from socialsim.domain.texts import PHRASES, captions, remarks
from socialsim.kernel.randoms import mix

NAMES: Final = 256  #: first and last names for each country
_STREAM: Final = 0x706F_6F6C  # keeps the pools' draws apart from all others


class Pools(NamedTuple):
    """Everything to draw from, indexed as ``COUNTRIES``. Plain data; countries of one language share its texts."""

    first_names: tuple[tuple[str, ...], ...]
    last_names: tuple[tuple[str, ...], ...]
    captions: tuple[tuple[str, ...], ...]
    remarks: tuple[tuple[str, ...], ...]


def build_pools(seed: int) -> Pools:
    """The pools of one seed: the same in any process, on any day. Takes about a second."""
    first_names = []
    last_names = []
    for number, country in enumerate(COUNTRIES):
        fake = Faker(country.locale)
        fake.seed_instance(mix(seed, _STREAM, number))
        # Some locales have no names for both at once and would fall back on English ones.
        first_names.append(tuple(fake.first_name_female() if n % 2 else fake.first_name_male() for n in range(NAMES)))
        last_names.append(tuple(fake.last_name() for _ in range(NAMES)))
    captions_in = {language: captions(phrases) for language, phrases in PHRASES.items()}
    remarks_in = {language: remarks(phrases) for language, phrases in PHRASES.items()}
    return Pools(
        tuple(first_names),
        tuple(last_names),
        tuple(captions_in[country.language] for country in COUNTRIES),
        tuple(remarks_in[country.language] for country in COUNTRIES),
    )
