"""Scenarios whose streams are pinned byte for byte, and their digests: ``python -m
tests.support.golden`` prints them.

Needs nothing but socialsim and msgspec, so that ``make test-pythons`` can ask any interpreter.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from typing import Final

from socialsim import simulate
from socialsim.events import encode
from socialsim.scenario.model import STREAM_VERSION, Scenario, make_scenario

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "tiny": make_scenario("tiny"),
    "uniform, backfilled": make_scenario("uniform", users=300, days=30, seed=7, start="2026-03-01").grown_by(20),
    "the epoch": Scenario(users=200, days=5, start="1970-01-01", seed=2, shards=7, window_s=600),
    "leap day and clock changes": Scenario(users=150, days=42, start="2024-02-25T12:34:56.789Z", seed=2**63 - 1),
}

#: By stream version. To change a byte, raise ``scenario.STREAM_VERSION`` and add new digests.
GOLDEN: Final = {
    2: {
        "tiny": "04985fc1b3bb5e30bf728021d2ad138ba53e58cc9a7443c758c0165c6c31c488",
        "uniform, backfilled": "e9a0f6773f277a810a3ccfdcda67e2af76b710c67bed3e125197944dd13495f5",
        "the epoch": "5907f9776d586db2a8cefef48194fcfd4b746d24b67df757b296ce529825baab",
        "leap day and clock changes": "5b62f93a7f751ca0349179d5d6ae8b6273df6eedb4b5c3c60ed7111444b6ad84",
    }
}


def digest_of(scenario: Scenario) -> str:
    """The SHA-256 of the stream, a line for each event, in the order of time."""
    digest = hashlib.sha256()
    for event in simulate(scenario):
        digest.update(encode(event) + b"\n")
    return digest.hexdigest()


if __name__ == "__main__":
    digests = {name: digest_of(scenario) for name, scenario in SCENARIOS.items()}
    told = {"python": sys.version.split()[0], "machine": platform.machine(), "stream_version": STREAM_VERSION}
    print(json.dumps(told | {"digests": digests}))
