"""The bytes of the stream are those of yesterday, of any other Python and of any other version of a
dependency.
"""

import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faker
import msgspec
import pytest

from socialsim.domain.population import adoption, traits
from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.data import names
from socialsim.domain.population.name_pools import build_pools, name_lists
from socialsim.events import encode
from socialsim.kernel import randoms
from socialsim.scenario.model import STREAM_VERSION, Scenario, knobs
from tests.support.golden import GOLDEN, SCENARIOS, digest_of
from tests.support.streams import ROOT, simulate_whole
from tools.make_names import is_clean, lines


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_stream_is_the_one_that_its_version_names(name: str) -> None:
    assert digest_of(SCENARIOS[name]) == GOLDEN[STREAM_VERSION][name]


def test_the_default_run_id_names_scenario_and_stream_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Scenario().run_id == "r20e17ae12797073"
    monkeypatch.setattr("socialsim.scenario.model.STREAM_VERSION", STREAM_VERSION + 1)
    assert Scenario().run_id not in {"r20e17ae12797073", Scenario(seed=2).run_id}


def test_the_encoder_has_no_choice() -> None:
    """Integers, dates and strings that need no escape have only one compact spelling in JSON."""
    kinds = set()
    for event in simulate_whole(SCENARIOS["the epoch"]):
        fields: dict[str, Any] = msgspec.structs.asdict(event)
        if "birthday" in fields:
            fields["birthday"] = fields["birthday"].isoformat()
        assert {type(value) for value in fields.values()} <= {int, str}
        name = type(event).__struct_config__.tag
        spelt = json.dumps({"type": name} | fields, ensure_ascii=False, separators=(",", ":"))
        assert encode(event).decode() == spelt
        kinds.add(name)
    assert len(kinds) >= 8


def test_no_text_needs_an_escape() -> None:
    pools = build_pools(1)
    texts = [text for country in (*pools.captions, *pools.remarks) for text in country]
    cities = [city.name for country in COUNTRIES for city in country.cities]
    people = [name for lists in name_lists().values() for each in lists for name in each.names]
    assert len(people) > 10_000
    for text in (*texts, *cities, *people):
        assert json.dumps(text, ensure_ascii=False) == f'"{text}"'


def test_a_scenario_is_spelt_as_msgspec_reads_it() -> None:
    """With the shortest floats that come back to the same value."""
    for scenario in (*SCENARIOS.values(), Scenario(country_skew=1e-07, adoption_steepness=1e5, post_sigma=0.1 + 0.2)):
        assert msgspec.json.decode(scenario.to_json(), type=Scenario) == scenario
    assert b'"country_skew":1e-07' in Scenario(country_skew=1e-07).to_json()
    assert len(json.loads(Scenario().to_json())) == len(knobs())


def test_names_are_of_our_own() -> None:
    """No run-time dependency is asked for a byte; each country has names enough, and they are
    names.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not [each for each in project["dependencies"] if each.lower().startswith(("faker", "tzdata"))]
    assert "\nfaker==" not in (ROOT / "requirements/run.txt").read_text(encoding="utf-8")
    lists = name_lists()
    assert set(lists) == {country.locale for country in COUNTRIES}
    for locale, (women, men, last) in lists.items():
        for each in (women, men, last):
            assert len(each.names) == len(set(each.names)) >= 10, locale
            assert all(map(is_clean, each.names)), locale


def test_names_are_drawn_as_often_as_they_are_frequent() -> None:
    women, _, last = name_lists()["es_CO"]
    most = women.names[0]
    assert women.name(0) == most == "María"
    assert women.name(2**32 - 1) == women.names[-1]
    drawn = [women.name(n << 20) for n in range(4_096)]
    # María, as Faker's list has it
    assert drawn.count(most) / len(drawn) == pytest.approx(0.0914, abs=0.002)
    assert set(last.names) > {last.name(n << 20) for n in range(100)}


@pytest.mark.skipif(faker.VERSION != names.VERSION, reason="the lists are of another version of Faker")
def test_the_lists_are_what_the_script_writes() -> None:
    written = Path(names.__file__).read_text(encoding="utf-8")
    assert written == "\n".join([*lines(), ""])


@pytest.mark.slow
@pytest.mark.parametrize("towards", [-math.inf, math.inf])
def test_a_last_bit_of_a_logarithm_changes_nothing(monkeypatch: pytest.MonkeyPatch, towards: float) -> None:
    """Machines' libraries differ in it.

    What is made of them are tables of integers, for all of these scenarios alike.
    """

    def off(function: Callable[[float], float]) -> Callable[[float], float]:
        return lambda x: math.nextafter(function(x), towards)

    expected = {name: digest_of(scenario) for name, scenario in SCENARIOS.items()}
    other = SimpleNamespace(**vars(math))
    for name in ("exp", "log", "log1p", "erfc"):
        setattr(other, name, off(getattr(math, name)))
    for module in (adoption, randoms, traits):
        monkeypatch.setattr(module, "math", other)
    monkeypatch.setattr(randoms, "_LOG_NORMAL", {})
    monkeypatch.setattr(randoms, "_EXPONENTIAL", randoms._quantiles(lambda p: -other.log1p(-p)))
    assert {name: digest_of(scenario) for name, scenario in SCENARIOS.items()} == expected
