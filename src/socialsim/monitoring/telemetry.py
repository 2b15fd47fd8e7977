"""What the HTTP server shows: the last snapshot, kept by the worker and read by the server's thread."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

Labels: TypeAlias = Mapping[tuple[str, ...], float]

#: Without progress for as long, a worker is not ready. Longer than a rebalance or a restart of the database takes.
PATIENCE_S = 30.0


class Telemetry(ABC):
    """One worker as seen from outside. Feeding it is one assignment; everything else is done when somebody asks."""

    @abstractmethod
    def metrics(self) -> Iterable[Metric]:
        """The metric families as they stand. Called by the server's thread."""

    @abstractmethod
    def not_alive(self) -> str | None:
        """Why it should be restarted; None if it is well."""

    @abstractmethod
    def not_ready(self) -> str | None:
        """Why it is not at work: not connected yet, or work waits and nothing moves; None if all is well."""


def counter(name: str, text: str, value: float) -> Metric:
    """A count without labels; ``_total`` is added to its name."""
    return CounterMetricFamily(name, text, value=value)


def gauge(name: str, text: str, value: float) -> Metric:
    """A value without labels."""
    return GaugeMetricFamily(name, text, value=value)


def labelled(family: type[Metric], name: str, text: str, labels: tuple[str, ...], values: Labels) -> Metric:
    """One family with a sample for each combination of labels."""
    metric = family(name, text, labels=labels)  # type: ignore[call-arg]  # both families take it, their base does not
    for key, value in values.items():
        metric.add_metric(list(key), value)  # type: ignore[attr-defined]
    return metric
