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
        "tiny": "04985fc1b3bb5e30bf728021d2ad138ba53e58cc9a7443c758c0165c6c31c488",
        "uniform, backfilled": "f68c459abb9e977646c7075a691a94a39513443927469fa667538697f64c6399",
        "the epoch": "d1809c80bdaae14b9affe5fe3e95b7c007aeee3e80628f986e336e6cafcfa2da",
        "leap day and clock changes": "11c017230488b7255e22d0a47ce520c18df070f9539e06f42fecd1e9b6eeaf57",
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
