"""The metrics and health of a consumer."""

import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from socialsim.consumer import ConsumerStats
from socialsim.events import EVENT_TYPES
from socialsim.monitoring.telemetry import PATIENCE_S, Telemetry, counter, gauge, labelled
from socialsim.transport.base import TopicPartition

_TOPIC = ("topic",)
_HEARTBEAT_MAX_S = 60.0  # the consumer's event loop sends two snapshots per second


def by_topic(values: Mapping[TopicPartition, int]) -> dict[tuple[str, ...], float]:
    """``values`` of partitions, added up for each topic."""
    totals: dict[tuple[str, ...], float] = {}
    for partition, value in values.items():
        totals[partition.topic,] = totals.get((partition.topic,), 0) + value
    return totals


class ConsumerTelemetry(Telemetry):
    """Receives a snapshot twice per second from ``Consumer``'s ``on_progress``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stats: ConsumerStats | None = None
        self._updated_s = self._moved_s = clock()
        self._progress: tuple[int, ...] = ()

    def update(self, stats: ConsumerStats) -> None:
        """Store the newest snapshot."""
        now_s = self._clock()
        progress = (stats.rows, stats.batches)
        if progress != self._progress or stats.lag == 0:
            self._progress, self._moved_s = progress, now_s
        self._stats, self._updated_s = stats, now_s

    def not_alive(self) -> str | None:
        """Not alive if the event loop has not run for a minute."""
        silent_s = self._clock() - self._updated_s
        return f"the event loop has not run for {silent_s:.0f} s" if silent_s > _HEARTBEAT_MAX_S else None

    def not_ready(self) -> str | None:
        """Not ready without log, warehouse or an assigned partition, or with lag and no progress."""
        stats = self._stats
        if stats is None or stats.log_silent_s is None:
            return "not connected yet"
        silent_s = stats.log_silent_s + self._clock() - self._updated_s
        if silent_s > PATIENCE_S:
            return f"the log has not answered for {silent_s:.0f} s"
        if stats.lag is None:
            return "no partition is assigned" if stats.assigned == 0 else "the log's end is not known yet"
        still_s = self._clock() - self._moved_s
        if still_s > PATIENCE_S:
            return f"{stats.lag} records wait in the log and none was stored for {still_s:.0f} s"
        return None

    def metrics(self) -> Iterable[Metric]:
        """See Telemetry."""
        stats = self._stats
        if stats is None:
            return
        rows: dict[tuple[str, ...], float] = {
            (name,): stats.inserted.get(name, 0) + stats.recovered.get(name, 0) for name in EVENT_TYPES
        }
        duplicates: dict[tuple[str, ...], float] = {(name,): stats.duplicates.get(name, 0) for name in EVENT_TYPES}
        lags = {
            place: max(0, end - stats.offsets[place]) for place, end in stats.ends.items() if place in stats.offsets
        }
        offsets, ends, waiting = by_topic(stats.offsets), by_topic(stats.ends), by_topic(lags)
        yield counter("socialsim_events", "Records read from the log, including those read again.", stats.records)
        yield labelled(CounterMetricFamily, "socialsim_rows", "New rows by type of event.", ("type",), rows)
        yield labelled(
            CounterMetricFamily, "socialsim_duplicates", "Rows that were stored already.", ("type",), duplicates
        )
        yield counter("socialsim_dead_letters", "Records that could not become rows.", stats.dead_letters)
        yield counter(
            "socialsim_identity_conflicts",
            "Records with the identity of a stored event and other content: an alarm.",
            stats.identity_conflicts,
        )
        yield counter("socialsim_batches", "Transactions committed.", stats.batches)
        yield counter("socialsim_retries", "Failures of log or warehouse that were retried.", stats.retries)
        yield counter("socialsim_conflicts", "Offsets that another consumer had moved.", stats.conflicts)
        # By topic, not by partition: a log of files has one partition per shard and event type.
        yield labelled(
            GaugeMetricFamily,
            "socialsim_offset",
            "Next offsets to be stored, summed over partitions.",
            _TOPIC,
            offsets,
        )
        yield labelled(
            GaugeMetricFamily, "socialsim_log_end_offset", "The log ends when last read, summed.", _TOPIC, ends
        )
        yield labelled(GaugeMetricFamily, "socialsim_lag", "Records in the log that are not stored.", _TOPIC, waiting)
        yield gauge("socialsim_assigned_partitions", "Partitions assigned to this consumer.", stats.assigned)
        yield gauge("socialsim_loop_lag_seconds", "How late the event loop woke its last sleeper.", stats.loop_lag_s)
        yield gauge("socialsim_loop_lag_max_seconds", "The largest loop lag so far.", stats.loop_lag_max_s)
        yield gauge(
            "socialsim_working_seconds", "From the first record read to the last batch stored.", stats.working_s
        )
