"""Names and words, drawn once from the seed before the run. During the run nothing calls Faker: it is far too slow.

The pools are part of the stream's bytes, so the version of Faker is pinned in ``pyproject.toml``.
"""

from typing import Final, NamedTuple

from faker import Faker

from socialsim.domain.places import COUNTRIES
from socialsim.kernel.randoms import mix

NAMES: Final = 256  #: first and last names for each country
_STREAM: Final = 0x706F_6F6C  # keeps the pools' draws apart from all others

_OPENINGS: Final = (
    "Finally", "Still thinking about", "Nothing beats", "Throwback to", "Today:", "Found", "Weekend mood:",
    "Just", "Missing", "Best part of the day:", "Not sure about", "So proud of", "One more of",
    "Can't get enough of", "Slow start with", "Late night,",
)  # fmt: skip
_SUBJECTS: Final = (
    "this view", "the old harbour", "grandma's kitchen", "coffee with friends", "the first snow",
    "our little garden", "the new bike", "street food", "the last train home", "a very good dog",
    "the long way round", "golden hour", "rain on the roof", "the match", "my sister's wedding",
    "a quiet morning", "the mountains", "market day", "fresh bread", "the band",
)  # fmt: skip
_ENDINGS: Final = (
    "", ".", "!", " ☀️", " 😍", " ❤️", "…", " #nofilter", " 📸", " 🙌", ", as always", ", no words",
)  # fmt: skip
_REMARKS: Final = (
    "Love this", "So good", "Where is that?", "Wow", "Congratulations", "Miss you", "Beautiful", "Haha",
    "Take me with you", "Amazing light", "Looks delicious", "You two!", "Same here", "I need this",
    "Happy for you", "What a day", "Tell me more", "Goals", "Legend", "This made my day",
)  # fmt: skip


class Pools(NamedTuple):
    """Everything to draw from, indexed as ``COUNTRIES`` where it differs by country. Plain data."""

    first_names: tuple[tuple[str, ...], ...]
    last_names: tuple[tuple[str, ...], ...]
    captions: tuple[str, ...]
    remarks: tuple[str, ...]


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
    return Pools(
        tuple(first_names),
        tuple(last_names),
        tuple(f"{opening} {subject}{ending}" for opening in _OPENINGS for subject in _SUBJECTS for ending in _ENDINGS),
        tuple(remark + ending for remark in _REMARKS for ending in _ENDINGS),
    )
