"""The table of countries: published shares, existing time zones, names that events allow."""

import msgspec
import pytest

from socialsim.domain.population.clocks import make_clocks
from socialsim.domain.population.countries import COUNTRIES, Country
from socialsim.domain.population.data.zones import ZONES
from socialsim.events.types import ShortText
from socialsim.scenario.model import Scenario

# million users, DataReportal
PUBLISHED = {"IN": 417, "US": 240, "ID": 177, "BR": 139, "PH": 91, "MX": 78, "VN": 76}
by_country = pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.code)


def test_first_countries_have_the_published_weights() -> None:
    assert {country.code: country.weight for country in COUNTRIES[: len(PUBLISHED)]} == PUBLISHED
    assert [country.code for country in COUNTRIES[: len(PUBLISHED)]] == list(PUBLISHED)
    assert all(country.weight < min(PUBLISHED.values()) for country in COUNTRIES[len(PUBLISHED) :])


def test_country_codes_are_unique() -> None:
    codes = [country.code for country in COUNTRIES]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in codes)


@by_country
def test_city_names_are_unique_and_largest_first(country: Country) -> None:
    names = [city.name for city in country.cities]
    assert 6 <= len(names) <= 10
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert msgspec.convert(name, ShortText) == name.strip()
    weights = [city.weight for city in country.cities]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0
    assert country.weight > 0


@by_country
def test_every_city_zone_is_packaged(country: Country) -> None:
    assert {city.zone for city in country.cities} <= set(ZONES)


def test_every_packaged_zone_is_used() -> None:
    assert {city.zone for country in COUNTRIES for city in country.cities} == set(ZONES)


def test_countries_have_the_expected_utc_offsets() -> None:
    new_year_us = Scenario().start_us
    clocks = make_clocks(ZONES, new_year_us, new_year_us)
    offsets = {
        country.code: sorted(
            {clocks[city.zone].offset_us(new_year_us) / 3_600_000_000 for city in country.cities}, reverse=True
        )
        for country in COUNTRIES
    }
    assert offsets["US"] == [-5, -6, -7, -8]
    assert offsets["ID"] == [9, 8, 7]
    assert offsets["BR"] == [-3, -4]
    assert offsets["MX"] == [-5, -6, -7, -8]
    assert offsets["ES"] == [1, 0]
    assert offsets["IN"] == [5.5]
    assert offsets["JP"] == [9]
