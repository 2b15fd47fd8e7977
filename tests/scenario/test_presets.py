"""Presets are valid scenarios that differ, and that options and files can override."""

from bisect import bisect_right
from pathlib import Path

import pytest

from socialsim import Scenario, load_scenario, make_scenario
from socialsim.domain.population.adoption import Adoption
from socialsim.errors import InputError
from socialsim.kernel.randoms import UNIT
from socialsim.scenario.model import knobs, preset_of
from socialsim.scenario.presets import PRESETS, SIZE_KNOBS


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_a_scenario_with_its_knobs(name: str) -> None:
    scenario = make_scenario(name)
    assert {knob: getattr(scenario, knob) for knob in PRESETS[name].knobs} == dict(PRESETS[name].knobs)
    assert make_scenario(name, seed=2).run_id != scenario.run_id


def test_presets_have_different_run_ids() -> None:
    assert len({make_scenario(name).run_id for name in PRESETS}) == len(PRESETS)


def test_options_override_the_file_and_the_file_overrides_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text("users = 7\nbounce_share = 0.5\n", encoding="utf-8")
    chosen = load_scenario(file, "app", users=9)
    assert (chosen.users, chosen.bounce_share, chosen.drift_share) == (9, 0.5, PRESETS["app"].knobs["drift_share"])


def test_preset_option_overrides_the_preset_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text('preset = "app"\ndays = 3\n', encoding="utf-8")
    assert load_scenario(file) == make_scenario("app", days=3)
    assert load_scenario(file, "sf1") == make_scenario("sf1", days=3)


@pytest.mark.parametrize("value", ['"nosuch"', "3", "[]"])
def test_unknown_preset_is_refused_naming_file_or_option(tmp_path: Path, value: str) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(f"preset = {value}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"scenario\.toml: preset is .*allowed are tiny, demo"):
        load_scenario(file)
    with pytest.raises(InputError, match="--preset is 'nosuch', allowed are tiny, demo"):
        make_scenario("nosuch")


@pytest.mark.parametrize(
    ("scenario", "preset"),
    [
        (Scenario(), "mature"),
        (make_scenario("tiny", seed=5), "mature"),
        (make_scenario("demo", users=3), "mature"),
        (make_scenario("app", users=50, start="2024-01-01"), "app"),
        (make_scenario("uniform"), "uniform"),
        (make_scenario("sf1", days=10), "sf1"),
        (make_scenario("app", bounce_share=0.1), None),
        (make_scenario(post_share=0.123), None),
    ],
)
def test_preset_of_a_scenario_is_recognised(scenario: Scenario, preset: str | None) -> None:
    assert preset_of(scenario) == preset


def test_every_knob_is_described_and_has_bounds() -> None:
    listed = knobs()
    assert [knob.name for knob in listed] == list(Scenario.__struct_fields__)
    for knob in listed:
        assert knob.description, knob
        assert knob.moves, knob
        assert knob.default == getattr(Scenario(), knob.name), knob
        if not isinstance(knob.default, str):
            assert knob.low is not None, knob
            assert knob.high is not None, knob
            assert knob.low <= knob.default <= knob.high, knob
    assert {knob.name for knob in listed} >= SIZE_KNOBS


def test_grown_by_compresses_the_sign_up_curve() -> None:
    grown = make_scenario("app", days=100).grown_by(25)
    assert grown.adoption_midpoint == PRESETS["app"].knobs["adoption_midpoint"] / 4
    assert grown.adoption_steepness == PRESETS["app"].knobs["adoption_steepness"] * 4


@pytest.mark.parametrize(("past_days", "days"), [(1, 366), (3, 368), (90, 455), (1, 3_660)])
def test_grown_by_signs_up_most_users_however_short_the_part(past_days: int, days: int) -> None:
    grown = make_scenario(users=1_000, days=days).grown_by(past_days)
    joined = bisect_right(range(UNIT), UNIT * past_days // days, key=Adoption(grown).instant) / UNIT
    assert joined > 0.9
