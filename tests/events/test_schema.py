from pathlib import Path

import jsonschema
import msgspec
import pytest

from socialsim import Scenario, simulate
from socialsim.events import EVENT_TYPES, WIRE_NAMES, encode
from socialsim.events.schema import event_schema, schema_text

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / "events"


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_the_published_schema_is_current(name: str) -> None:
    assert (PUBLISHED / f"{name}.json").read_text(encoding="utf-8") == schema_text(name), (
        f"regenerate it: socialsim schema {name} > docs/schema/events/{name}.json"
    )


def test_no_other_schema_is_published() -> None:
    assert {path.stem for path in PUBLISHED.iterdir()} == set(EVENT_TYPES)


def test_every_simulated_event_matches_its_schema_and_every_type_occurs() -> None:
    validators = {
        name: jsonschema.Draft202012Validator(
            event_schema(name), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )
        for name in EVENT_TYPES
    }
    seen = set()
    for event in simulate(
        Scenario(users=60, days=3, shards=4, adoption_midpoint=0.1, active_day_alpha=5, post_share=0.2, friends_mean=10)
    ):
        name = WIRE_NAMES[type(event)]
        validators[name].validate(msgspec.json.decode(encode(event)))
        seen.add(name)
    assert seen == set(EVENT_TYPES)


def test_the_schema_refuses_what_the_decoder_refuses() -> None:
    validator = jsonschema.Draft202012Validator(event_schema("picture_like"))
    good = {
        "type": "picture_like",
        "run_id": "r1",
        "shard": 0,
        "seq": 0,
        "time_us": 1,
        "user_id": 1,
        "device": "web",
        "picture_id": 1,
        "version": 1,
    }
    assert validator.is_valid(good)
    for bad in ({"seq": -1}, {"device": "fridge"}, {"version": 2}, {"extra": 1}, {"run_id": "a b"}, {"type": "user"}):
        assert not validator.is_valid(good | bad), bad
    assert not validator.is_valid({key: value for key, value in good.items() if key != "version"})
