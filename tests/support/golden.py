"""Scenarios whose streams are pinned byte for byte, and their digests: ``python -m tests.support.golden`` prints them.

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
from socialsim.scenario import STREAM_VERSION, Scenario, make_scenario

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "tiny": make_scenario("tiny"),
    "uniform, backfilled": make_scenario("uniform", users=300, days=30, seed=7, start="2026-03-01").grown_by(20),
    "the epoch": Scenario(users=200, days=5, start="1970-01-01", seed=2, shards=7, window_s=600),
    "leap day and clock changes": Scenario(users=150, days=42, start="2024-02-25T12:34:56.789Z", seed=2**63 - 1),
}

#: By stream version. Who changes a byte raises ``scenario.STREAM_VERSION`` and writes the new digests here.
GOLDEN: Final = {
    2: {
        "tiny": "a8c2306737417345e86907a9199ad4a2c99a94ad3b62aae584d04f5adff3a7f2",
        "uniform, backfilled": "3d0c09dce8d7b39d2cb1b5de11eb736cebce79277982ca0f3a762e8e38f8deed",
        "the epoch": "c1c40a439426df5607c894f6c48cfcbb2d4f43adcdfa994c87d4f28fde53abb6",
        "leap day and clock changes": "c1ac9bfbe71955b1b66d91333223b14ca70e01255c3b63a606ea0dad9060a25d",
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
