"""The yardstick does the same work, or its ratios would say nothing.

It is a second opinion on the kernel, too.
"""

import pytest

from benchmarks.simpy_network import IdiomaticUser, LeanUser, Network
from socialsim import simulate
from socialsim.domain.population.name_pools import build_pools
from socialsim.events import WIRE_NAMES, Event, encode
from socialsim.scenario.model import Scenario


@pytest.mark.parametrize("user_type", [LeanUser, IdiomaticUser])
def test_the_network_on_simpy_emits_the_same_bytes(user_type: type[LeanUser]) -> None:
    scenario = Scenario(
        users=150, days=3, shards=8, adoption_midpoint=0.1, active_day_alpha=3, sessions_per_active_day=4,
        friends_mean=15, accept_delay_median_s=600, recency_s=20_000, flash_mobs_per_30_days=20,
    )  # fmt: skip
    network = Network(scenario, scenario.run_id, build_pools(scenario.seed), user_type)

    theirs = [event for events in network.windows() for event in events]
    ours = list(simulate(scenario))

    assert {type(event) for event in ours} == set(WIRE_NAMES)
    assert in_order(theirs) == in_order(ours)


def in_order(events: list[Event]) -> list[bytes]:
    return [encode(event) for event in sorted(events, key=lambda event: (event.shard, event.seq))]
