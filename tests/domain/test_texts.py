"""Texts are unique, trimmed, short enough for the events, and in the script of their language."""

import unicodedata
from collections.abc import Callable

import msgspec
import pytest

from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.texts import PHRASES, Phrases, captions, remarks
from socialsim.events.types import LongText

LENGTH_MAX = 200
SCRIPTS = {  # first words of the letters' Unicode names; languages not listed use the Latin script
    "ar": {"ARABIC"},
    "ja": {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK"},
    "th": {"THAI"},
}
by_language = pytest.mark.parametrize("language", sorted(PHRASES))
by_text = pytest.mark.parametrize("combine", [captions, remarks])


def test_countries_and_phrases_have_the_same_languages() -> None:
    assert {country.language for country in COUNTRIES} == set(PHRASES)


@by_language
def test_every_language_has_enough_phrases(language: str) -> None:
    phrases = PHRASES[language]
    assert len(phrases.openings) >= 12
    assert len(phrases.subjects) >= 16
    assert len(phrases.endings) >= 8
    assert len(phrases.remarks) >= 24
    assert len(captions(phrases)) == len(phrases.openings) * len(phrases.subjects) * len(phrases.endings) >= 3_000
    assert len(remarks(phrases)) == len(phrases.remarks) * len(phrases.remark_endings) >= 200


@by_text
@by_language
def test_every_text_is_unique_trimmed_and_short_enough(
    language: str, combine: Callable[[Phrases], tuple[str, ...]]
) -> None:
    texts = combine(PHRASES[language])
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert text
        assert text == " ".join(text.split())
        assert unicodedata.is_normalized("NFC", text)
        assert len(text) <= LENGTH_MAX
        assert msgspec.convert(text, LongText) == text


@by_language
def test_phrases_use_the_script_of_their_language(language: str) -> None:
    phrases = PHRASES[language]
    for part in (*phrases.openings, *phrases.subjects, *phrases.remarks):
        assert scripts_of(part), part
        assert scripts_of(part) <= SCRIPTS.get(language, {"LATIN"}), part
    for ending in (*phrases.endings, *phrases.remark_endings):
        assert scripts_of(ending) <= SCRIPTS.get(language, {"LATIN"}), ending


@by_text
@by_language
def test_texts_differ_in_length(language: str, combine: Callable[[Phrases], tuple[str, ...]]) -> None:
    lengths = sorted(len(text) for text in combine(PHRASES[language]))
    assert lengths[-1] >= 2 * lengths[len(lengths) // 10]


def test_no_two_languages_share_a_caption() -> None:
    texts = [text for phrases in PHRASES.values() for text in captions(phrases)]
    assert len(set(texts)) == len(texts)


def test_captions_and_remarks_combine_parts_in_order() -> None:
    phrases = Phrases(("a", "b"), ("c",), ("", "!"), ("d",), (".", "?"), gap="-")
    assert captions(phrases) == ("a-c", "a-c!", "b-c", "b-c!")
    assert remarks(phrases) == ("d.", "d?")


def scripts_of(text: str) -> set[str]:
    """The scripts of the letters in ``text``: the first words of their Unicode names."""
    return {unicodedata.name(letter).split()[0] for letter in text if letter.isalpha()}
