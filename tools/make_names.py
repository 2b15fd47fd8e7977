"""``python -m tools.make_names``: writes ``data/names.py`` from the installed Faker."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

import faker
from faker import Faker

from socialsim.domain.population.countries import COUNTRIES
from tools.generated import DATA, literals

PATH: Final = DATA / "names.py"
_PARTS: Final = 1_000_000  # weights are in millionths
#: Faker's methods with the attributes that they may draw from, depending on the locale.
_LISTS: Final = {
    "first_name_female": ("first_name_female_pairs", "first_names_female"),
    "first_name_male": ("first_name_male_pairs", "first_names_male"),
    "last_name": ("last_name_pairs", "unisex_last_names", "last_names"),
}
_JOINTS: Final = " -'.\u2019"
_SAMPLES: Final = 2_000  # names that Faker draws must be in the list found

_HEAD: Final = '''"""Names by locale, from the lists of Faker {version} (MIT, see NOTICE.md). Written by ``make data``.

A list's names are separated by commas; ``name:weight`` where they are not equally frequent.
"""

# ruff: noqa: RUF001 - no letter here is a mistyped Latin one

from typing import Final

VERSION: Final = "{version}"  #: of Faker

#: By locale: first names of women and of men, last names.
NAMES: Final = {{
'''


def is_clean(name: str) -> bool:
    """Whether ``name`` has only letters, marks and joints of names, none of which JSON escapes."""
    return all(mark in _JOINTS or unicodedata.category(mark)[0] in "LM" for mark in name)


def weighted(fake: Faker, method: str) -> dict[str, int]:
    """The distinct names that ``method`` draws from, with integer weights; equal ones are 1."""
    provider = next(each for each in fake.get_providers() if ".person" in type(each).__module__)
    found: Any = next(getattr(provider, name) for name in _LISTS[method] if hasattr(provider, name))
    weights: dict[str, float] = {}
    pairs = found.items() if isinstance(found, Mapping) else ((name, 1) for name in found)
    for name, weight in pairs:
        text = name if isinstance(name, str) else name[0]  # of a pair: the name in its own script
        if not is_clean(text):
            continue  # a mistake in Faker's list
        weights[text] = weights.get(text, 0) + weight
    drawn = {name for name in (getattr(fake, method)() for _ in range(_SAMPLES)) if is_clean(name)}
    if not drawn <= set(weights):
        raise SystemExit(f"{method}: Faker draws {sorted(drawn - set(weights))[:3]}, which its list does not have")
    if len(set(weights.values())) == 1:
        return dict.fromkeys(weights, 1)
    total = sum(weights.values())
    return {name: max(round(weight / total * _PARTS), 1) for name, weight in weights.items()}


def lines() -> Iterator[str]:
    """The module, line by line."""
    yield from _HEAD.format(version=faker.VERSION).splitlines()
    for locale in sorted({country.locale for country in COUNTRIES}):
        fake = Faker(locale)
        fake.seed_instance(1)
        yield f'    "{locale}": ('
        for method in _LISTS:
            names = weighted(fake, method)
            uniform = set(names.values()) == {1}
            parts = [name if uniform else f"{name}:{weight}" for name, weight in names.items()]
            yield f"        (  # {len(names)} of {method}"
            yield from literals(parts, ",", "            ")
            yield "        ),"
        yield "    ),"
    yield "}"


def main() -> None:
    """Write the module."""
    PATH.write_text("\n".join([*lines(), ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
