"""The life of one process of a run: its shards, window by window, until the end of simulated time."""

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
    """Ties simulated to wall time. The simulation knows no wall clock, so it is handed one."""

    slice_us: int  #: simulated time between two looks at the clock

    def is_past(self, simulated_us: int) -> bool:
        """Whether nobody need wait for ``simulated_us``."""

    def wait_until(self, simulated_us: int) -> None:
        """Return when the wall clock has come to ``simulated_us``. Not called any more when the run is asked to stop."""


class Progress(NamedTuple):
    """How far a run is."""

    simulated_us: int
    events: int
    live_users: int
    counts: Mapping[str, int]  #: the events by wire name
    writers: WriterStats


class Work(NamedTuple):
    """What one process is to do. Picklable."""

    scenario: Scenario
    run_id: str
    pools: Pools
    shards: range


def run_shards(
    work: Work,
    exchange: Exchange,
    outbox: EventSink,
    pacer: Pacer | None,
    *,
    asked_to_stop: Callable[[], bool],
    report: Callable[[Progress], None],
) -> bool:
    """Simulate ``work`` to its end. True if it came to the end, False if somebody asked to stop before.

    Windows in which nobody has anything to do are skipped. All processes take the same decisions at the same windows, for
    they take them from what all have been told. Letters wake nobody (users read them when they wake anyway), so the
    earliest timer of all processes is the time of the next event.
    """
    scenario = work.scenario
    host = ShardGroup(scenario, work.run_id, work.pools, work.shards)
    try:
        window_us = scenario.window_us
        next_us = scenario.start_us
        windows = 0
        events_reported = 0
        while next_us < scenario.end_us:
            end_us = min(
                scenario.start_us + ((next_us - scenario.start_us) // window_us + 1) * window_us, scenario.end_us
            )
            for slice_end_us in slices(host.now_us, end_us, pacer):
                host.run_until(slice_end_us)
                outbox.add(host.take_events())
                if pacer is not None and not pacer.is_past(slice_end_us):
                    outbox.flush()
                    report(progress_of(slice_end_us, outbox, host))
                    if not asked_to_stop():  # else the window's rest is simulated at full speed
                        pacer.wait_until(slice_end_us)
            agreement = exchange.swap(host.next_us, stopping=asked_to_stop(), letters=host.take_letters())
            host.deliver(agreement.letters)
            next_us = agreement.next_us
            windows += 1
            if windows % _WINDOWS_PER_REPORT == 0 or outbox.events - events_reported >= _EVENTS_PER_REPORT:
                events_reported = outbox.events
                report(progress_of(end_us, outbox, host))
            if agreement.stopping:
                outbox.flush()
                return False
        outbox.flush()
        report(progress_of(scenario.end_us, outbox, host))
        return True
    finally:
        host.close()


def progress_of(simulated_us: int, outbox: EventSink, host: ShardGroup) -> Progress:
    """How far this process is. The counts are copied: in one process the caller keeps what it is handed."""
    return Progress(simulated_us, outbox.events, host.live_users, dict(outbox.counts), outbox.writer_stats)


def slices(begin_us: int, end_us: int, pacer: Pacer | None) -> Iterator[int]:
    """The ends of the steps from ``begin_us`` to ``end_us``: one at full speed, many when paced and not behind."""
    if pacer is not None and not pacer.is_past(end_us):
        yield from range(begin_us + pacer.slice_us, end_us, pacer.slice_us)
    yield end_us


def hosted_shards(shards: int, rank: int, processes: int) -> range:
    """The shards of the process ``rank``: contiguous, in the order of ranks."""
    return range(shards * rank // processes, shards * (rank + 1) // processes)


def hosted_users(scenario: Scenario, shards: range) -> range:
    """The user ids of contiguous shards."""
    return range(scenario.user_range(shards.start).start, scenario.user_range(shards.stop - 1).stop)
