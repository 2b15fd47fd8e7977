"""The metrics and health of a run."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from socialsim.monitoring.telemetry import PATIENCE_S, Telemetry, counter, gauge, labelled

if TYPE_CHECKING:
    from socialsim.simulation.process import Progress


class RunTelemetry(Telemetry):
    """Receives each progress report of the run ``run_id``, which starts at ``start_us``.

    ``speed`` is in simulated seconds per second; None means as fast as possible.
    """

    def __init__(
        self, run_id: str, start_us: int, speed: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run_id = run_id
        self._start_us = start_us
        self._speed = speed
        self._clock = clock
        self._began_s = self._moved_s = clock()
        self._snapshot: Progress | None = None
        self._restarts = 0

    def update(self, snapshot: "Progress") -> None:
        """Store the newest snapshot."""
        before = self._snapshot
        if before is None or (snapshot.simulated_us, snapshot.counts) != (before.simulated_us, before.counts):
            self._moved_s = self._clock()
        self._snapshot = snapshot

    def note_restart(self) -> None:
        """Note that the run's processes were started again."""
        self._restarts += 1

    def not_alive(self) -> str | None:
        """Always alive if it can answer: a run that waits for its log is healthy."""
        return None

    def not_ready(self) -> str | None:
        """Not ready before anything is simulated, or while the log's backpressure stops the
        clock.
        """
        if self._snapshot is None:
            return "nothing simulated yet"
        stopped_s = self._clock() - self._moved_s
        if stopped_s > PATIENCE_S:
            return f"the simulated clock has stood still for {stopped_s:.0f} s; the log does not take the events"
        return None

    def metrics(self) -> Iterable[Metric]:
        """See Telemetry."""
        yield InfoMetricFamily("socialsim_run", "The run.", value={"run_id": self._run_id})
        yield counter("socialsim_shard_restarts", "Restarts of the run's processes.", self._restarts)
        snapshot = self._snapshot
        if snapshot is None:
            return
        wall_s = max(1e-9, self._clock() - self._began_s)
        simulated_s = (snapshot.simulated_us - self._start_us) / 1e6
        events: dict[tuple[str, ...], float] = {(name,): count for name, count in snapshot.counts.items()}
        yield labelled(CounterMetricFamily, "socialsim_events", "Events simulated, by type.", ("type",), events)
        yield counter("socialsim_simulated_seconds", "Simulated time that has passed.", simulated_s)
        yield gauge(
            "socialsim_simulated_time_seconds", "The simulated clock, since the epoch.", snapshot.simulated_us / 1e6
        )
        yield gauge(
            "socialsim_simulated_to_wall_ratio",
            "Simulated seconds per real second since the start.",
            simulated_s / wall_s,
        )
        if self._speed is not None:
            yield gauge(
                "socialsim_loop_lag_seconds",
                "How far the simulation is behind its pace.",
                max(0.0, wall_s - simulated_s / self._speed),
            )
        yield gauge("socialsim_live_users", "Users who have signed up.", snapshot.live_users)
        yield gauge(
            "socialsim_backlog_bytes", "Events that the log has not acknowledged.", snapshot.writers.backlog_bytes
        )
        yield counter("socialsim_retries", "Times that a writer reconnected to the log.", snapshot.writers.retries)
