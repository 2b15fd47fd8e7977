"""Computes KPIs as the stream closes days: once, or again and again until told to stop.

The caller gives the clock, the way to wait and what to do with each day; nothing here prints, reads
settings or handles signals.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Protocol

from sqlalchemy import Engine

from socialsim.errors import InputError, ServiceUnavailableError, TransientError
from socialsim.kpi.completeness import is_whole
from socialsim.kpi.compute import compute, read_stream
from socialsim.kpi.days import DayRange, StoredExtent
from socialsim.runs.catalog import stored_runs
from socialsim.runs.choice import choose_run
from socialsim.runs.directory import RunDirectory

logger = logging.getLogger(__name__)

POLL_S: Final = 1.0
#: Counting the rows of a run that stands still takes at most this share of the time.
_COUNTING_SHARE: Final = 0.1


class Listener(Protocol):
    """What is told of a service's work, for its health."""

    def beat(self) -> None:
        """It is alive."""

    def computed(self) -> None:
        """The KPIs of one more day are stored."""

    def looked(self) -> None:
        """Every closed day has its KPIs."""

    def failed(self) -> None:
        """The warehouse did not answer; the next poll tries again."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What one call computed: the run, how far it is stored, and the days."""

    run_id: str
    run_key: int
    extent: StoredExtent
    days: list[date]


class KpiService:
    """Computes the KPIs of the runs in one warehouse.

    ``directory`` finds a run's directory, whose manifests tell whether the run is stored
    completely; ``complete`` says so without looking. ``translated`` turns the driver's errors into
    ours. ``stopped`` is polled while days are computed; ``wait`` sleeps for a number of seconds or
    until there is a request to stop.
    """

    def __init__(
        self,
        engine: Engine,
        warehouse: str,
        directory: Callable[[str], RunDirectory],
        *,
        complete: bool,
        translated: Callable[[], AbstractContextManager[None]],
        stopped: Callable[[], bool],
        wait: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._warehouse = warehouse
        self._directory = directory
        self._complete = complete
        self._translated = translated
        self._stopped = stopped
        self._wait = wait
        self._clock = clock
        self._extents: dict[str, StoredExtent] = {}  # by run, as of the last poll
        self._count_at_s: dict[str, float] = {}  # by run, when its rows may be counted again

    def once(self, run_id: str | None, day_range: DayRange) -> Computed:
        """Compute ``day_range`` of the run ``run_id``, or of the only one.

        Raises InputError if there is no such run or it has no events, and what ``compute`` raises.
        """
        with self._translated():
            runs = self._runs()
            chosen = choose_run(run_id, list(runs), self._warehouse, remedy="socialsim consume stores one")
            extent = self._extent(chosen, runs[chosen], is_last_look=True)
            if extent is None:
                raise InputError(f"run {chosen} has no events in {self._warehouse}")
            days = compute(self._engine, runs[chosen], extent, day_range, stopped=self._stopped)
            return Computed(chosen, runs[chosen], extent, days)

    def follow(self, run_id: str | None, listener: Listener, on_day: Callable[[str, int, date], None]) -> None:
        """Compute missing days of ``run_id``, or of every run, until told to stop.

        ``on_day`` is called with run id, run key and day. Once connected, the service waits for a
        warehouse that does not answer; before, it raises TransientError or ServiceUnavailableError.
        """
        connected = False
        while not self._stopped():
            try:
                with self._translated():
                    for each, run_key in self._runs().items():
                        if run_id in (None, each):
                            self._catch_up(each, run_key, listener, on_day)
                connected = True
                listener.looked()
            except (TransientError, ServiceUnavailableError) as error:
                if not connected:
                    raise
                logger.warning("%s; trying again", error)
                listener.failed()
            if not self._stopped():
                self._wait(POLL_S)

    def _catch_up(
        self, run_id: str, run_key: int, listener: Listener, on_day: Callable[[str, int, date], None]
    ) -> None:
        def stopped() -> bool:
            listener.beat()
            return self._stopped()

        def tell(day: date) -> None:
            listener.computed()
            on_day(run_id, run_key, day)

        extent = self._extent(run_id, run_key)
        if extent is not None:
            compute(self._engine, run_key, extent, DayRange(), on_day=tell, stopped=stopped)

    def _runs(self) -> Mapping[str, int]:
        with self._engine.connect() as connection:
            return stored_runs(connection)

    def _extent(self, run_id: str, run_key: int, *, is_last_look: bool = False) -> StoredExtent | None:
        """How far the run is stored. Whether that is all of it takes counting, so only a run that
        stands still is counted.
        """
        with self._engine.connect() as connection:
            extent = read_stream(connection, run_key, complete=self._complete)
            if extent is None or extent.complete:
                return extent
            before = self._extents.get(run_id)
            if before is not None and (before.first, before.last) == (extent.first, extent.last) and before.complete:
                return before
            if is_last_look or (before == extent and self._clock() >= self._count_at_s.get(run_id, 0.0)):
                began_s = self._clock()
                extent = replace(extent, complete=is_whole(connection, run_key, self._directory(run_id)))
                counted_s = self._clock() - began_s
                self._count_at_s[run_id] = self._clock() + counted_s * (1 / _COUNTING_SHARE - 1)
        self._extents[run_id] = extent
        return extent
