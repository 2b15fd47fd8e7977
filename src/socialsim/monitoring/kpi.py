"""The metrics and health of ``kpi --follow``."""

import time
from collections.abc import Callable, Iterable

from prometheus_client.metrics_core import Metric

from socialsim.monitoring.telemetry import PATIENCE_S, Telemetry, counter, gauge

#: Heartbeats come before each batch of days and after each day; a batch of large days takes
#: minutes.
_HEARTBEAT_MAX_S = 900.0


class KpiTelemetry(Telemetry):
    """Receives heartbeats, each computed day, and the result of each poll of the warehouse."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._alive_s = clock()
        self._failing_since_s: float | None = None
        self._connected = False
        self._days = self._polls = self._failures = 0

    def beat(self) -> None:
        """Note a heartbeat."""
        self._alive_s = self._clock()

    def computed(self) -> None:
        """Note that the KPIs of one more day are computed."""
        self._days += 1
        self.beat()

    def looked(self) -> None:
        """Note that every closed day has its KPIs."""
        self._polls += 1
        self._connected = True
        self._failing_since_s = None
        self.beat()

    def failed(self) -> None:
        """Note that the warehouse did not answer; the poll will be retried."""
        self._failures += 1
        self.beat()
        if self._failing_since_s is None:
            self._failing_since_s = self._alive_s

    def not_alive(self) -> str | None:
        """Not alive without heartbeat, for example while the warehouse never answers a
        statement.
        """
        silent_s = self._clock() - self._alive_s
        return f"nothing has moved for {silent_s:.0f} s" if silent_s > _HEARTBEAT_MAX_S else None

    def not_ready(self) -> str | None:
        """Not ready before the first connection, or while the warehouse does not answer."""
        if not self._connected and self._days == 0:
            return "not connected yet"
        if self._failing_since_s is not None:
            failing_s = self._clock() - self._failing_since_s
            if failing_s > PATIENCE_S:
                return f"the warehouse has not answered for {failing_s:.0f} s"
        return None

    def metrics(self) -> Iterable[Metric]:
        """See Telemetry."""
        yield counter("socialsim_kpi_days", "Days whose KPIs were computed.", self._days)
        yield counter("socialsim_kpi_looks", "Times that every closed day had its KPIs.", self._polls)
        yield counter("socialsim_kpi_failures", "Times that the warehouse did not answer.", self._failures)
        yield gauge("socialsim_kpi_silent_seconds", "Since the last heartbeat.", self._clock() - self._alive_s)
