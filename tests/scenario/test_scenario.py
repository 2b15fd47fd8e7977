"""Scenarios: bounds are named, the run id is stable, and shards own ranges of users."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from socialsim import Scenario, load_scenario, make_scenario
from socialsim.errors import InputError
from socialsim.events.types import TIME_US_MAX
from socialsim.scenario.model import DAY_US, Knob, knobs

BAD: list[tuple[dict[str, Any], str]] = [
    ({"users": 0}, "scenario: users: Expected `int` >= 1"),
    ({"users": 50_000_001}, "scenario: users: Expected `int` <= 50000000"),
    ({"users": 1.5}, "scenario: users: Expected `int`, got `float`"),
    ({"users": "10"}, "scenario: users: Expected `int`, got `str`"),
    ({"users": True}, "scenario: users: Expected `int`, got `bool`"),
    ({"days": 0}, "scenario: days: Expected `int` >= 1"),
    ({"days": 3_661}, "scenario: days: Expected `int` <= 3660"),
    ({"seed": -1}, "scenario: seed: Expected `int` >= 0"),
    ({"seed": 2**63}, "scenario: seed: Expected `int` <= 9223372036854775807"),
    ({"shards": 0}, "scenario: shards: Expected `int` >= 1"),
    ({"shards": 4_097}, "scenario: shards: Expected `int` <= 4096"),
    ({"window_s": 0}, "scenario: window_s: Expected `int` >= 1"),
    ({"window_s": 3_601}, "scenario: window_s: Expected `int` <= 3600"),
    ({"sessions_per_active_day": 0.9}, "scenario: sessions_per_active_day: Expected `float` >= 1.0"),
    ({"sessions_per_active_day": math.nan}, "scenario: sessions_per_active_day: Expected `float`"),
    ({"sessions_per_active_day": math.inf}, "scenario: sessions_per_active_day: Expected `float` <= 50.0"),
    ({"reach_median": -1}, "scenario: reach_median: Expected `int` >= 0"),
    ({"post_share": 1.01}, "scenario: post_share: Expected `float` <= 1.0"),
    ({"circle_people": 1}, "scenario: circle_people: Expected `int` >= 2"),
    ({"video_share": -0.1}, "scenario: video_share: Expected `float` >= 0.0"),
    ({"accept_circle_share": math.nan}, "scenario: accept_circle_share: Expected `float`"),
    ({"accept_delay_median_s": 0}, "scenario: accept_delay_median_s: Expected `int` >= 1"),
    ({"circle_share": 0.5, "closure_share": 0.51}, "circle_share + closure_share is 1.01, at most 1 is allowed"),
    (
        {"mobile_only_share": 0.5, "web_only_share": 0.3, "tablet_share": 0.3},
        "mobile_only_share + web_only_share + tablet_share is 1.1, at most 1 is allowed",
    ),
    ({"start": 2026}, "scenario: start: Expected `str`, got `int`"),
    ({"start": "yesterday"}, "scenario: start is 'yesterday', allowed is YYYY-MM-DDThh:mm:ssZ"),
    ({"start": "2026-01-01T00:00:00"}, "allowed is YYYY-MM-DDThh:mm:ssZ"),
    ({"start": "2026-01-01T00:00:00+01:00"}, "allowed is YYYY-MM-DDThh:mm:ssZ"),
    ({"start": "2026-01-01T00:00:00Z\n"}, "allowed is YYYY-MM-DDThh:mm:ssZ"),
    ({"start": "2026-02-30"}, "scenario: start is '2026-02-30': day is out of range for month"),
    ({"start": "1969-12-31"}, "allowed are the years 1970 to 8999"),
    ({"start": "9000-01-01"}, "allowed are the years 1970 to 8999"),
]


@pytest.mark.parametrize("make", [Scenario, make_scenario], ids=["constructor", "make_scenario"])
@pytest.mark.parametrize(("fields", "message"), BAD)
def test_invalid_value_is_named_with_what_is_allowed(make: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make(**fields)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_unknown_field_is_named() -> None:
    with pytest.raises(InputError, match="contains unknown field `user`"):
        make_scenario(user=3)


@pytest.mark.parametrize("knob", knobs(), ids=lambda knob: knob.name)
def test_bounds_are_inclusive_and_enforced(knob: Knob) -> None:
    """Every knob at both bounds, with the other shares of its whole set to 0."""
    if knob.low is None or knob.high is None:
        assert knob.name == "start"
        return
    others: dict[str, Any] = dict.fromkeys(
        ("mobile_only_share", "web_only_share", "tablet_share", "circle_share", "closure_share"), 0
    )
    for bound, beyond in ((knob.low, knob.low - 1), (knob.high, knob.high + 1)):
        assert getattr(make_scenario(**others | {knob.name: bound}), knob.name) == bound
        with pytest.raises(InputError, match=f"^scenario: {knob.name}: Expected"):
            make_scenario(**others | {knob.name: beyond})


def test_longest_and_latest_run_ends_within_the_event_time_range() -> None:
    widest = Scenario(users=50_000_000, days=3_660, seed=2**63 - 1, shards=4_096, window_s=3_600, start="8999-12-31")
    assert widest.end_us - widest.start_us == 3_660 * DAY_US
    assert widest.end_us <= TIME_US_MAX
    assert Scenario(users=1, days=1, seed=0, shards=1, window_s=1, start="1970-01-01").start_us == 0


@pytest.mark.parametrize(
    ("start", "start_us"),
    [
        ("1970-01-01", 0),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000_000),
        ("2024-02-29T12:34:56.000001Z", 1_709_210_096_000_001),
        ("2024-02-29T12:34:56.5Z", 1_709_210_096_500_000),
    ],
)
def test_start_is_parsed_as_utc(start: str, start_us: int) -> None:
    scenario = Scenario(start=start, days=2)
    assert scenario.start_us == start_us
    assert scenario.end_us == start_us + 2 * DAY_US


def test_run_id_is_independent_of_the_spelling_of_the_scenario(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    # The defaults in another spelling: a day instead of an instant, an integer instead of a float.
    day = Scenario().start.removesuffix("T00:00:00Z")
    whole = {
        knob.name: int(knob.default)
        for knob in knobs()
        if isinstance(knob.default, float) and knob.default.is_integer()
    }
    assert day != Scenario().start
    assert whole
    lines = [f"{name} = {value}" for name, value in whole.items()]
    file.write_text("\n".join([f"start = '{day}'", *lines]), encoding="utf-8")
    run_ids = {
        Scenario().run_id,
        make_scenario().run_id,
        Scenario(**whole, start=day, users=Scenario().users).run_id,
        load_scenario(file).run_id,
        msgspec.json.decode(Scenario().to_json(), type=Scenario).run_id,
    }
    assert len(run_ids) == 1
    (run_id,) = run_ids
    assert len(run_id) == 16
    assert run_id.startswith("r")


def changed(knob: Knob) -> Any:
    """Another allowed value of the knob."""
    if knob.name == "start":
        return "2026-01-02"
    return knob.default / 2 + 0.001 if isinstance(knob.default, float) else knob.default + 1


def test_every_field_changes_the_run_id() -> None:
    assert [knob.name for knob in knobs()] == list(Scenario.__struct_fields__)
    run_ids = {Scenario().run_id, *(Scenario(**{knob.name: changed(knob)}).run_id for knob in knobs())}
    assert len(run_ids) == len(knobs()) + 1


def test_scenario_is_immutable() -> None:
    with pytest.raises(AttributeError):
        Scenario().users = 3  # type: ignore[misc]


@given(users=st.integers(1, 50_000_000), shards=st.integers(1, 4_096), data=st.data())
def test_shard_of_user_is_the_inverse_of_user_range(users: int, shards: int, data: st.DataObject) -> None:
    scenario = Scenario(users=users, shards=shards)
    user_id = data.draw(st.integers(0, users - 1))
    shard = scenario.shard_of_user(user_id)
    assert 0 <= shard < shards
    assert user_id in scenario.user_range(shard)
    for user in {scenario.user_range(shard).start, scenario.user_range(shard).stop - 1}:
        assert scenario.shard_of_user(user) == shard


@given(users=st.integers(1, 300), shards=st.integers(1, 300))
@example(users=1, shards=300)
def test_user_ranges_cover_all_users_once_and_evenly(users: int, shards: int) -> None:
    scenario = Scenario(users=users, shards=shards)
    ranges = [scenario.user_range(shard) for shard in range(shards)]
    assert [user for part in ranges for user in part] == list(range(users))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1
    for shard, part in enumerate(ranges):
        assert all(scenario.shard_of_user(user) == shard for user in part)


def test_file_sets_fields_and_overrides_take_precedence(tmp_path: Path) -> None:
    file = tmp_path / "busy.toml"
    file.write_text('users = 5\nseed = 9\nstart = "2025-06-01T00:00:00Z"\nvideo_share = 0.1\n', encoding="utf-8")
    assert load_scenario(file) == Scenario(users=5, seed=9, start="2025-06-01", video_share=0.1)
    assert load_scenario(file, seed=10).seed == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"users = ", "not TOML"),
        (b"users = 0", "users: Expected `int` >= 1"),
        (b"post_share = nan", "post_share: Expected `float`"),
        (b"uzers = 1", "unknown field `uzers`"),
        (b"circle_share = 0.9\nclosure_share = 0.9", "at most 1 is allowed"),
        (b"start = 2026-01-01", "start: Expected `str`"),
        (b"\xff", "cannot be read"),
        (b"[users]\nseed = 1", "users: Expected `int`"),
    ],
)
def test_invalid_file_is_named_with_the_reason(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_scenario(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml: cannot be read"):
        load_scenario(tmp_path / "nowhere.toml")
