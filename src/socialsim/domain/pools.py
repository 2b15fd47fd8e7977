"""Names and words to draw from, chosen from the seed before the run.

The lists that they are chosen from are data of our own (``domain.data``): no other package decides a byte.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Final, NamedTuple

from socialsim.domain.places import COUNTRIES
from socialsim.domain.texts import PHRASES, captions, remarks
from socialsim.kernel.randoms import UNIT_BITS, mix, mix_on

NAMES: Final = 256  #: first and last names for each country
_STREAM: Final = 0x706F_6F6C  # keeps the pools' draws apart from all others
_FIRST, _LAST = 0, 1


class Pools(NamedTuple):
    """Everything to draw from, indexed as ``COUNTRIES``. Plain data; countries of one language share its texts."""

    first_names: tuple[tuple[str, ...], ...]
    last_names: tuple[tuple[str, ...], ...]
    captions: tuple[tuple[str, ...], ...]
    remarks: tuple[tuple[str, ...], ...]


class NameList:
    """Names with how frequent they are."""

    def __init__(self, text: str) -> None:
        """``text`` is as in ``data.names``: names, or ``name:weight``, separated by commas."""
        parts = [part.partition(":") for part in text.split(",")]
        self.names: Final = [name for name, _, _ in parts]
        self._reached: Final = list(accumulate(int(weight or 1) for _, _, weight in parts))

    def name(self, draw: int) -> str:
        """One of them, by weight and 32 random bits."""
        return self.names[bisect_right(self._reached, draw * self._reached[-1] >> UNIT_BITS)]


def name_lists() -> dict[str, tuple[NameList, NameList, NameList]]:
    """By locale: first names of women and of men, last names."""
    from socialsim.domain.data.names import NAMES as TEXTS  # noqa: PLC0415 - only who simulates pays for it

    return {locale: (NameList(women), NameList(men), NameList(last)) for locale, (women, men, last) in TEXTS.items()}


def build_pools(seed: int) -> Pools:
    """The pools of one seed: the same in any process, on any day. Takes some tens of milliseconds."""
    lists = name_lists()
    first_names = []
    last_names = []
    for number, country in enumerate(COUNTRIES):
        women, men, last = lists[country.locale]
        first_seed = mix(seed, _STREAM, number, _FIRST)
        last_seed = mix(seed, _STREAM, number, _LAST)
        # In turns, for there are no lists of both together that would have as many women as men.
        first_names.append(tuple((women if n % 2 else men).name(mix_on(first_seed, n) >> 32) for n in range(NAMES)))
        last_names.append(tuple(last.name(mix_on(last_seed, n) >> 32) for n in range(NAMES)))
    captions_in = {language: captions(phrases) for language, phrases in PHRASES.items()}
    remarks_in = {language: remarks(phrases) for language, phrases in PHRASES.items()}
    return Pools(
        tuple(first_names),
        tuple(last_names),
        tuple(captions_in[country.language] for country in COUNTRIES),
        tuple(remarks_in[country.language] for country in COUNTRIES),
    )
