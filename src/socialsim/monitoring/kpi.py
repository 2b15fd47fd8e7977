"""``kpi --follow`` as its metrics and its health."""

import time
from collections.abc import Callable, Iterable

from prometheus_client.metrics_core import Metric

from socialsim.monitoring.telemetry import PATIENCE_S, Telemetry, counter, gauge

#: Signs of life come before each stretch of days and after each day; a stretch of large days takes minutes.
_HEARTBEAT_MAX_S = 900.0


class KpiTelemetry(Telemetry):
    """Fed by whoever computes: a sign of life now and then, each day, how each look at the warehouse ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._alive_s = clock()
        self._failing_since_s: float | None = None
        self._connected = False
        self._days = self._looks = self._failures = 0

    def beat(self) -> None:
        """It is still at work."""
        self._alive_s = self._clock()

    def computed(self) -> None:
        """One more day has its figures."""
        self._days += 1
        self.beat()

    def looked(self) -> None:
        """Every day that is closed has its figures."""
        self._looks += 1
        self._connected = True
        self._failing_since_s = None
        self.beat()

    def failed(self) -> None:
        """The warehouse did not answer; it will be asked again."""
        self._failures += 1
        self.beat()
        if self._failing_since_s is None:
            self._failing_since_s = self._alive_s

    def not_alive(self) -> str | None:
        """No sign of life, for example since the warehouse takes a statement and never answers."""
        silent_s = self._clock() - self._alive_s
        return f"nothing has moved for {silent_s:.0f} s" if silent_s > _HEARTBEAT_MAX_S else None

    def not_ready(self) -> str | None:
        """Not connected yet, or not any more."""
        if not self._connected and self._days == 0:
            return "not connected yet"
        if self._failing_since_s is not None:
            failing_s = self._clock() - self._failing_since_s
            if failing_s > PATIENCE_S:
                return f"the warehouse has not answered for {failing_s:.0f} s"
        return None

    def metrics(self) -> Iterable[Metric]:
        """See Telemetry."""
        yield counter("socialsim_kpi_days", "Days whose figures were computed.", self._days)
        yield counter("socialsim_kpi_looks", "Times that every closed day had its figures.", self._looks)
        yield counter("socialsim_kpi_failures", "Times that the warehouse did not answer.", self._failures)
        yield gauge("socialsim_kpi_silent_seconds", "Since the last sign of life.", self._clock() - self._alive_s)
