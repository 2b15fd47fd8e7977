"""The simulation as a Python iterator: no service, no child process, no file."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from socialsim.domain.population.name_pools import build_pools
from socialsim.events import Event
from socialsim.scenario.model import Scenario
from socialsim.simulation.shard_group import ShardGroup

_order: Final = attrgetter("time_us", "shard", "seq")


def simulate(scenario: Scenario, run_id: str | None = None) -> Iterator[Event]:
    """Yield the events of ``scenario``, typed, in the order of ``(time_us, shard, seq)``.

    The events are those that ``socialsim run`` writes for the same scenario, byte for byte;
    ``run_id`` defaults to ``scenario.run_id`` in both. Events are yielded as the simulation
    proceeds: the first come at once, and memory is bounded by the population. Raises
    ActorFailedError, naming actor, simulated time and seed, if the simulation itself fails.

    >>> scenario = Scenario(users=3, days=1)
    >>> sum(1 for event in simulate(scenario) if type(event).__name__ == "UserSignedUp")
    3
    """
    group = ShardGroup(scenario, run_id or scenario.run_id, build_pools(scenario.seed), range(scenario.shards))
    try:
        while group.next_us < scenario.end_us:
            windows = (group.next_us - scenario.start_us) // scenario.window_us + 1
            group.run_until(min(scenario.start_us + windows * scenario.window_us, scenario.end_us))
            yield from sorted(group.take_events(), key=_order)
            group.deliver(group.take_envelopes())
    finally:
        group.close()
