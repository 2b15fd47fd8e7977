"""The types that both log adapters use to open a run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from socialsim.runs.directory import RunManifests
from socialsim.runs.extent import LogExtent
from socialsim.transport.base import EventWriter

RunState = Literal["new", "unfinished", "complete"]


@dataclass(frozen=True, slots=True)
class LeadOptions:
    """How a run is started or resumed.

    ``now_us`` is the wall clock, microseconds since the epoch.
    """

    now_us: int
    again: bool = False  #: simulate everything again, whatever the manifests say
    live: bool = False  #: events arrive in real time, none lies in the future
    #: refuse topics that would lose or refuse records, instead of warning only
    check_topics: bool = True


class OpenedRun(NamedTuple):
    """A run that is open in its log."""

    state: RunState
    extent: LogExtent | None  #: where it begins; None for logs that lose no records
    make_writer: Callable[[RunManifests, range], EventWriter]  #: picklable: shard processes call it
    seal: Callable[[], LogExtent | None]  #: marks it complete and returns its final extent
