"""The HTTP server: ``/metrics``, ``/healthz`` and ``/readyz``, on a thread of its own."""

import platform
import threading
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from types import TracebackType
from typing import Final, Self

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from socialsim.errors import InputError
from socialsim.live.view import View

HOST_DEFAULT: Final = "127.0.0.1"
_TEXT: Final = "text/plain; charset=utf-8"
_REQUEST_TIMEOUT_S: Final = 10.0


class _ViewCollector(Collector):
    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            "socialsim_build",
            "The program.",
            value={"version": version("socialsim"), "python": platform.python_version()},
        )
        yield from self._view.metrics()


class LiveServer:
    """Serves ``view`` while entered. ``port`` 0 takes a free one; ``address`` tells which.

    Raises InputError where it cannot listen.
    """

    def __init__(self, view: View, port: int, host: str = HOST_DEFAULT) -> None:
        # A registry of our own: the library's global one belongs to whoever embeds us.
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_ViewCollector(view))
        ProcessCollector(registry=registry)
        try:
            self._server = _Server((host, port), _handler(view, registry))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise InputError(f"--metrics-port: cannot listen on {host}:{port}: {reason}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="socialsim-metrics", daemon=True)

    @property
    def address(self) -> str:
        """``host:port``."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that holds its connection does not hold up our end


def _handler(view: View, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S
        server_version = "socialsim"
        sys_version = ""

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
                case "/healthz":
                    self._tell(view.not_alive(), "alive")
                case "/readyz":
                    self._tell(view.not_alive() or view.not_ready(), "ready")
                case _:
                    self._answer(HTTPStatus.NOT_FOUND, b"there are /metrics, /healthz and /readyz\n", _TEXT)

        do_HEAD = do_GET  # noqa: N815 - likewise

        def _tell(self, complaint: str | None, well: str) -> None:
            status = HTTPStatus.OK if complaint is None else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, f"{complaint or well}\n".encode(), _TEXT)

        def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Scrapes come every few seconds and are not worth a line."""

    return Handler
