"""The documents made from the event types: current, valid by their own standards, and true of
simulated events.
"""

import copy
import gzip
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from open_data_contract_standard.model import OpenDataContractStandard

from socialsim.contracts.__main__ import DOCUMENTS, document_text
from socialsim.contracts.asyncapi import ASYNCAPI, asyncapi_document
from socialsim.contracts.odcs import data_contract
from socialsim.events import EVENT_TYPES, PLURALS, PicturePosted, encode

ROOT = Path(__file__).parents[2]
#: Published with the specification, by the AsyncAPI initiative under Apache-2.0 (npm:
#: @asyncapi/specs 6.11.1).
ASYNCAPI_SCHEMA = Path(__file__).with_name(f"asyncapi-{ASYNCAPI}.json.gz")
POST = PicturePosted("r1", 3, 5, 1_767_225_600_000_001, 17, "web", 64, "Grüße", 640, 480)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_published_document_is_the_current_one(name: str) -> None:
    published = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert published == document_text(name), "write it anew: python -m socialsim.contracts"


def asyncapi_validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(gzip.decompress(ASYNCAPI_SCHEMA.read_bytes())))


def test_the_asyncapi_document_is_one() -> None:
    validator, document = asyncapi_validator(), asyncapi_document()
    validator.validate(document)
    broken = copy.deepcopy(document)
    broken["operations"]["send_users"]["action"] = "shout"
    assert not validator.is_valid(broken)
    broken = copy.deepcopy(document)
    broken["channels"]["users"]["bindings"]["kafka"]["partitions"] = "many"
    assert not validator.is_valid(broken)


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        found = [ref for value in node.values() for ref in references(value)]
        return [*found, node["$ref"]] if isinstance(node.get("$ref"), str) else found
    return [ref for item in node for ref in references(item)] if isinstance(node, list) else []


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi_document()
    found = references(document)
    assert len(found) == 3 * len(EVENT_TYPES)
    for reference in found:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_the_asyncapi_messages_are_true_of_a_record() -> None:
    message = asyncapi_document()["components"]["messages"]["picture"]
    payload = jsonschema.Draft7Validator(message["payload"]["schema"])
    headers = jsonschema.Draft7Validator(message["headers"])
    payload.validate(msgspec.json.decode(encode(POST)))
    assert not payload.is_valid(msgspec.json.decode(encode(POST)) | {"width_px": 0})
    headers.validate({"type": "picture", "version": "1", "run_id": "r1"})
    assert not headers.is_valid({"type": "picture", "version": "1"})


def test_the_data_contract_is_one() -> None:
    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8"))
    validator, contract = jsonschema.Draft201909Validator(schema), data_contract()
    validator.validate(contract)
    broken = copy.deepcopy(contract)
    broken["schema"][0]["properties"][0]["logicalType"] = "frog"
    assert not validator.is_valid(broken)
    read = OpenDataContractStandard.model_validate(contract)
    assert [each.name for each in read.schema_ or []] == list(PLURALS.values())


def test_the_data_contract_names_every_member_and_the_identity() -> None:
    for name, each in zip(EVENT_TYPES, data_contract()["schema"], strict=True):
        properties = {found["name"]: found for found in each["properties"]}
        assert list(properties) == ["type", *EVENT_TYPES[name].__struct_fields__]
        keys = sorted((p["primaryKeyPosition"], p["name"]) for p in properties.values() if p.get("primaryKey"))
        assert keys == [(1, "run_id"), (2, "shard"), (3, "seq")]
        assert all(p["required"] for p in properties.values())
