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

from socialsim.installation import program_version
from socialsim.monitoring.http import Answer, Request, WebServer
from socialsim.monitoring.telemetry import Telemetry

HOST_DEFAULT: Final = "127.0.0.1"


class _ViewCollector(Collector):
    def __init__(self, view: Telemetry) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            "socialsim_build",
            "The program.",
            value={"version": program_version(), "python": platform.python_version()},
        )
        yield from self._view.metrics()


class LiveServer(WebServer):
    """Serves ``view`` while entered. ``port`` 0 takes a free one; ``address`` tells which.

    Raises InputError where it cannot listen.
    """

    def __init__(self, view: Telemetry, port: int, host: str = HOST_DEFAULT) -> None:
        # A registry of our own: the library's global one belongs to whoever embeds us.
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_ViewCollector(view))
        ProcessCollector(registry=registry)

        def respond(request: Request) -> Answer:
            match request.path:
                case "/metrics":
                    return Answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
                case "/healthz":
                    return _tell(view.not_alive(), "alive")
                case "/readyz":
                    return _tell(view.not_alive() or view.not_ready(), "ready")
                case _:
                    return Answer(HTTPStatus.NOT_FOUND, b"there are /metrics, /healthz and /readyz\n")

        super().__init__(respond, port, host, option="--metrics-port")


def _tell(complaint: str | None, well: str) -> Answer:
    status = HTTPStatus.OK if complaint is None else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, f"{complaint or well}\n".encode())
