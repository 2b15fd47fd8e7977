"""One event of each type, as the simulator makes them."""

import pytest

from socialsim import Scenario, simulate
from socialsim.events import EVENT_TYPES, WIRE_NAMES, Event


@pytest.fixture(scope="session")
def one_of_each() -> dict[str, Event]:
    scenario = Scenario(
        users=60, days=3, shards=4, adoption_midpoint=0.1, active_day_alpha=5, post_share=0.2, friends_mean=10
    )
    found: dict[str, Event] = {}
    for event in simulate(scenario):
        found.setdefault(WIRE_NAMES[type(event)], event)
    assert set(found) == set(EVENT_TYPES)
    return found
