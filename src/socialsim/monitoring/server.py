"""``/metrics``, ``/healthz`` and ``/readyz`` over HTTP."""

import platform
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from socialsim._version import __version__
from socialsim.monitoring.http import Answer, Request, WebServer
from socialsim.monitoring.telemetry import Telemetry

HOST_DEFAULT: Final = "127.0.0.1"


class _TelemetryCollector(Collector):
    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            "socialsim_build",
            "The program.",
            value={"version": __version__, "python": platform.python_version()},
        )
        yield from self._telemetry.metrics()


class LiveServer(WebServer):
    """Serves ``telemetry`` while entered. ``port`` 0 takes a free one; ``address`` says which.

    Raises InputError if it cannot listen.
    """

    def __init__(self, telemetry: Telemetry, port: int, host: str = HOST_DEFAULT) -> None:
        # A registry of our own: the library's global one belongs to the embedding application.
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_TelemetryCollector(telemetry))
        ProcessCollector(registry=registry)

        def respond(request: Request) -> Answer:
            match request.path:
                case "/metrics":
                    return Answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
                case "/healthz":
                    return _health(telemetry.not_alive(), "alive")
                case "/readyz":
                    return _health(telemetry.not_alive() or telemetry.not_ready(), "ready")
                case _:
                    return Answer(HTTPStatus.NOT_FOUND, b"there are /metrics, /healthz and /readyz\n")

        super().__init__(respond, port, host, option="--metrics-port")


def _health(problem: str | None, healthy: str) -> Answer:
    status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, f"{problem or healthy}\n".encode())
