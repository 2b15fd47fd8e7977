"""The texts that simulated users write, by language. Changing them changes the stream's bytes."""

from typing import Final

from socialsim.domain.population.texts.asian import FILIPINO, HINGLISH, INDONESIAN, VIETNAMESE
from socialsim.domain.population.texts.eastern import ARABIC, JAPANESE, THAI, TURKISH
from socialsim.domain.population.texts.european import ENGLISH, GERMAN, POLISH
from socialsim.domain.population.texts.phrases import Phrases, captions, remarks
from socialsim.domain.population.texts.romance import FRENCH, ITALIAN, PORTUGUESE, SPANISH

__all__ = ["PHRASES", "Phrases", "captions", "remarks"]

PHRASES: Final[dict[str, Phrases]] = {
    "ar": ARABIC,
    "de": GERMAN,
    "en": ENGLISH,
    "es": SPANISH,
    "fr": FRENCH,
    "hi": HINGLISH,
    "id": INDONESIAN,
    "it": ITALIAN,
    "ja": JAPANESE,
    "pl": POLISH,
    "pt": PORTUGUESE,
    "th": THAI,
    "tl": FILIPINO,
    "tr": TURKISH,
    "vi": VIETNAMESE,
}  #: by ISO 639-1
