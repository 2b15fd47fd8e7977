"""Pools of names and texts that a run draws from, chosen by the seed before the run.

They are chosen from packaged lists (``data.names``, ``texts``), so that no dependency's release can
change the stream's bytes.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Final, NamedTuple

from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.data import names
from socialsim.domain.population.texts import PHRASES, captions, remarks
from socialsim.kernel.randoms import UNIT_BITS, mix, mix_on

NAMES: Final = 256  #: first names, and last names, per country
_STREAM: Final = 0x706F_6F6C  # key of this stream of draws
_FIRST, _LAST = 0, 1


class Pools(NamedTuple):
    """Names and texts by index in ``COUNTRIES``. Countries with one language share its texts."""

    first_names: tuple[tuple[str, ...], ...]
    last_names: tuple[tuple[str, ...], ...]
    captions: tuple[tuple[str, ...], ...]
    remarks: tuple[tuple[str, ...], ...]


class NameList:
    """Names with their frequencies."""

    def __init__(self, text: str) -> None:
        """``text``, as in ``data.names``, is ``name`` or ``name:weight``, separated by commas."""
        parts = [part.partition(":") for part in text.split(",")]
        self.names: Final = [name for name, _, _ in parts]
        self._cumulative: Final = list(accumulate(int(weight or 1) for _, _, weight in parts))

    def name(self, draw: int) -> str:
        """A name, drawn by weight with 32 random bits."""
        return self.names[bisect_right(self._cumulative, draw * self._cumulative[-1] >> UNIT_BITS)]


def name_lists() -> dict[str, tuple[NameList, NameList, NameList]]:
    """By locale: (first names of women, first names of men, last names)."""
    return {
        locale: (NameList(women), NameList(men), NameList(last)) for locale, (women, men, last) in names.NAMES.items()
    }


def build_pools(seed: int) -> Pools:
    """The pools of ``seed``, the same in every process. Takes some tens of milliseconds."""
    lists = name_lists()
    first_names = []
    last_names = []
    for number, country in enumerate(COUNTRIES):
        women, men, last = lists[country.locale]
        first_seed = mix(seed, _STREAM, number, _FIRST)
        last_seed = mix(seed, _STREAM, number, _LAST)
        # Alternating, because no combined list has as many women as men.
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
