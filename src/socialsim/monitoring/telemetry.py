"""What the HTTP server reports: the last snapshot, stored by the worker, read by the server's
thread.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

Labels: TypeAlias = Mapping[tuple[str, ...], float]

#: Without progress for this long, a worker is not ready. Longer than a rebalance or a database
#: restart takes.
PATIENCE_S = 30.0


class Telemetry(ABC):
    """One worker seen from outside.

    An update is one assignment; all other work is done per request.
    """

    @abstractmethod
    def metrics(self) -> Iterable[Metric]:
        """The current metric families. Called by the server's thread."""

    @abstractmethod
    def not_alive(self) -> str | None:
        """Why it should be restarted; None if it is healthy."""

    @abstractmethod
    def not_ready(self) -> str | None:
        """Why it is not working: not connected yet, or work is pending without progress; None if
        ready.
        """


def counter(name: str, text: str, value: float) -> Metric:
    """A counter without labels; ``_total`` is appended to its name."""
    return CounterMetricFamily(name, text, value=value)


def gauge(name: str, text: str, value: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def labelled(family: type[Metric], name: str, text: str, labels: tuple[str, ...], values: Labels) -> Metric:
    """One family with a sample per combination of labels."""
    metric = family(name, text, labels=labels)  # type: ignore[call-arg]  # both families take it, their base does not
    for key, value in values.items():
        metric.add_metric(list(key), value)  # type: ignore[attr-defined]
    return metric
