"""The JSON Schemas for registries: what the published ones say, in a form that registries can
compare.
"""

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given

from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event, PictureLiked, encode
from socialsim.events.registry_schema import registry_schema, registry_schema_text, subject_of
from socialsim.events.schema import event_schema
from tests.support.event_strategies import EVENTS

VALIDATORS = {name: jsonschema.Draft7Validator(registry_schema(name)) for name in EVENT_TYPES}
LIKE = json.loads(encode(PictureLiked("r1", 3, 5, 1_767_225_600_000_001, 17, "web", 64)))


@given(EVENTS)
def test_every_event_is_valid(event: Event) -> None:
    VALIDATORS[WIRE_NAMES[type(event)]].validate(msgspec.json.decode(encode(event)))


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_it_is_draft_07_and_differs_from_the_published_one_in_its_head_and_version_only(name: str) -> None:
    told, published = registry_schema(name), event_schema(name)
    jsonschema.Draft7Validator.check_schema(told)
    assert told["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert told["properties"]["version"] == {"type": "integer", "minimum": 1, "default": 1}
    assert "$defs" not in registry_schema_text(name)
    assert (told["required"], told["additionalProperties"]) == (published["required"], False)
    for schema in (told, published):
        del schema["properties"]["version"]
    assert told["properties"] == published["properties"]
    assert "\n" not in registry_schema_text(name)


@pytest.mark.parametrize(
    "bad", [{"seq": -1}, {"device": "fridge"}, {"version": 0}, {"extra": 1}, {"run_id": "a b"}, {"type": "user"}]
)
def test_it_refuses_what_the_decoder_refuses_but_the_number_of_a_later_version(bad: dict[str, Any]) -> None:
    validator = VALIDATORS["picture_like"]
    assert validator.is_valid(LIKE)
    assert validator.is_valid(LIKE | {"version": 2})
    assert not validator.is_valid(LIKE | bad)


def test_subjects_are_named_by_topics() -> None:
    assert subject_of("socialsim.pictures") == "socialsim.pictures-value"
