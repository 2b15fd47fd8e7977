"""The main loop of one process: simulates its shards window by window to the end of the
scenario.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from socialsim.domain.population.name_pools import Pools
from socialsim.scenario.model import Scenario
from socialsim.simulation.event_sink import EventSink
from socialsim.simulation.exchange import Exchange
from socialsim.simulation.shard_group import ShardGroup
from socialsim.transport.base import WriterStats

_WINDOWS_PER_REPORT = 64
_EVENTS_PER_REPORT = 16_384


class Pacer(Protocol):
    """Ties simulated time to the wall clock.

    Injected: the simulation itself reads no wall clock.
    """

    slice_us: int  #: simulated time between two checks of the clock

    def is_past(self, simulated_us: int) -> bool:
        """Whether ``simulated_us`` is past, so that there is nothing to wait for."""

    def wait_until(self, simulated_us: int) -> None:
        """Return once the wall clock has reached ``simulated_us``.

        Not called after a stop request.
        """


class Progress(NamedTuple):
    """How far a run has got."""

    simulated_us: int
    events: int
    live_users: int  #: users who have signed up
    counts: Mapping[str, int]  #: events by wire name
    writers: WriterStats


class Work(NamedTuple):
    """What one process has to simulate. Picklable."""

    scenario: Scenario
    run_id: str
    pools: Pools
    shards: range


def run_shards(
    work: Work,
    exchange: Exchange,
    sink: EventSink,
    pacer: Pacer | None,
    *,
    asked_to_stop: Callable[[], bool],
    report: Callable[[Progress], None],
) -> bool:
    """Simulate ``work`` to its end. True if the end was reached, False if a stop request came
    first.

    Windows without any event are skipped. All processes decide alike about each window because they
    decide on what the exchange has told all of them. An envelope wakes nobody (users read it when
    they wake anyway), so the earliest timer of all processes is the time of the next event.
    """
    scenario = work.scenario
    group = ShardGroup(scenario, work.run_id, work.pools, work.shards)
    try:
        window_us = scenario.window_us
        next_us = scenario.start_us
        windows = 0
        events_reported = 0
        while next_us < scenario.end_us:
            end_us = min(
                scenario.start_us + ((next_us - scenario.start_us) // window_us + 1) * window_us, scenario.end_us
            )
            for slice_end_us in slices(group.now_us, end_us, pacer):
                group.run_until(slice_end_us)
                sink.add(group.take_events())
                if pacer is not None and not pacer.is_past(slice_end_us):
                    sink.flush()
                    report(progress_of(slice_end_us, sink, group))
                    if not asked_to_stop():  # otherwise the rest of the window runs at full speed
                        pacer.wait_until(slice_end_us)
            result = exchange.pass_barrier(group.next_us, stopping=asked_to_stop(), envelopes=group.take_envelopes())
            group.deliver(result.envelopes)
            next_us = result.next_us
            windows += 1
            if windows % _WINDOWS_PER_REPORT == 0 or sink.events - events_reported >= _EVENTS_PER_REPORT:
                events_reported = sink.events
                report(progress_of(end_us, sink, group))
            if result.stopping:
                sink.flush()
                return False
        sink.flush()
        report(progress_of(scenario.end_us, sink, group))
        return True
    finally:
        group.close()


def progress_of(simulated_us: int, sink: EventSink, group: ShardGroup) -> Progress:
    """This process's progress. The counts are copied because the receiver may keep them."""
    return Progress(simulated_us, sink.events, group.live_users, dict(sink.counts), sink.writer_stats)


def slices(begin_us: int, end_us: int, pacer: Pacer | None) -> Iterator[int]:
    """Step ends from ``begin_us`` to ``end_us``: many if the run is paced and on time, else one."""
    if pacer is not None and not pacer.is_past(end_us):
        yield from range(begin_us + pacer.slice_us, end_us, pacer.slice_us)
    yield end_us


def shards_of_rank(shards: int, rank: int, processes: int) -> range:
    """The shards that process ``rank`` simulates: a contiguous range, in rank order."""
    return range(shards * rank // processes, shards * (rank + 1) // processes)


def users_of_shards(scenario: Scenario, shards: range) -> range:
    """The user ids in a contiguous range of shards."""
    return range(scenario.user_range(shards.start).start, scenario.user_range(shards.stop - 1).stop)
