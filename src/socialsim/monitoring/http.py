"""A small HTTP server on its own thread, shared by the metrics and the dashboard."""

import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from socialsim.errors import InputError

logger = logging.getLogger(__name__)

TEXT: Final = "text/plain; charset=utf-8"
_REQUEST_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """A GET or HEAD: ``path`` without the query, ``query`` as sent, ``headers`` by lower-case
    name.
    """

    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The response. ``Content-Length`` is added."""

    status: HTTPStatus
    body: bytes
    kind: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


Respond: TypeAlias = Callable[[Request], Answer]


class WebServer:
    """Serves requests with ``respond`` while entered. ``respond`` is called from several threads.

    ``port`` 0 takes a free one; ``address`` says which. ``option`` names the option that chose the
    port, for error messages. Raises InputError if it cannot listen.
    """

    def __init__(self, respond: Respond, port: int, host: str, *, option: str) -> None:
        try:
            self._server = (_Server6 if ":" in host else _Server)((host, port), _handler(respond))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise InputError(f"{option}: cannot listen on {host}:{port}: {reason}") from error
        name = f"socialsim-{option.strip('-')}"
        self._thread = threading.Thread(target=self._server.serve_forever, name=name, daemon=True)

    @property
    def address(self) -> str:
        """``host:port`` as in a URL."""
        host, port = self._server.server_address[:2]
        return f"[{host!s}]:{port}" if self._server.address_family == socket.AF_INET6 else f"{host!s}:{port}"

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
    block_on_close = False  # a client that keeps its connection open does not delay our exit

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Ignore clients that disconnected; anything else is a bug and is logged."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            logger.error("a request from %s failed: %r", client_address, error)


class _Server6(_Server):
    address_family = socket.AF_INET6


def _handler(respond: Respond) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S
        server_version = "socialsim"
        sys_version = ""

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = respond(Request(path, query, headers))
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_HEAD = do_GET  # noqa: N815 - the library's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Requests come every few seconds and are not worth logging."""

    return Handler
