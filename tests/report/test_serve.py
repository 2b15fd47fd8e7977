"""Access to the dashboard, over real HTTP."""

import base64
import http.client
import json
from collections.abc import Callable, Iterator

import pytest

from socialsim.errors import InputError
from socialsim.monitoring.http import WebServer
from socialsim.report.build import build_content
from socialsim.report.dashboard import check_access, is_loopback, responder
from socialsim.report.ingestion import IngestionStatus
from socialsim.report.poller import Snapshot
from tests.report.rows import kpi_rows
from tests.report.test_html import LIBRARY
from tests.support.patience import HANG_S

TOKEN = "a-token-of-some-length"
SNAPSHOT = Snapshot(
    "r1:1", build_content(kpi_rows(9)), IngestionStatus(rows=7, rows_per_s=3.5, lag=2, rates=[None, 3.5])
)

#: Asks for a path: the status, the headers and the text of the answer.
Ask = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Iterator[Ask]:
    token = getattr(request, "param", None)
    with WebServer(responder(lambda: SNAPSHOT, LIBRARY, token), 0, "127.0.0.1", option="--port") as server:

        def call(path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
            host, port = server.address.split(":")
            connection = http.client.HTTPConnection(host, int(port), timeout=HANG_S)
            try:
                connection.request(method, path, headers=headers)
                answer = connection.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read().decode()
            finally:
                connection.close()

        yield call


def test_the_page_and_its_headers(ask: Ask) -> None:
    status, headers, page = ask("/")
    assert status == 200
    assert "data-live" in page
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert ask("/", "HEAD")[2] == ""
    assert ask("/etc/passwd")[0] == 404


def test_content_is_sent_only_if_changed_and_the_ingestion_status_always(ask: Ask) -> None:
    first = json.loads(ask("/data.json?seen=")[2])
    again = json.loads(ask("/data.json?seen=r1%3A1")[2])
    assert first["version"] == again["version"] == "r1:1"
    assert first["content"]["run_id"] == "r1"
    assert again["content"] is None
    assert again["pulse"]["rows"] == 7
    assert again["pulse"]["lag"] == 2


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.0.2.1", ""])
def test_a_foreign_host_name_that_resolves_here_is_refused(ask: Ask, host: str) -> None:
    assert ask("/data.json", Host=host)[0] == 421


@pytest.mark.parametrize("host", ["localhost:8050", "127.0.0.1", "[::1]:1"])
def test_loopback_host_names_are_served(ask: Ask, host: str) -> None:
    assert ask("/data.json", Host=host)[0] == 200


@pytest.mark.parametrize("ask", [TOKEN], indirect=True)
def test_with_a_token_only_requests_that_give_it_are_served(ask: Ask) -> None:
    basic = base64.b64encode(f"any:{TOKEN}".encode()).decode()
    assert ask("/", Host="dash.example", Authorization=f"Bearer {TOKEN}")[0] == 200
    assert ask("/data.json", Authorization=f"Basic {basic}")[0] == 200
    for wrong in ("", "Bearer x", f"Bearer {TOKEN}x", "Basic !", "Basic " + base64.b64encode(b"\xff").decode()):
        status, headers, text = ask("/data.json", Authorization=wrong)
        assert status == 401
        assert headers["WWW-Authenticate"].startswith("Basic ")
        assert TOKEN not in text


def test_a_host_other_than_loopback_needs_a_long_token() -> None:
    check_access("127.0.0.1", None)
    check_access("0.0.0.0", TOKEN)  # noqa: S104 - it is what is tested
    with pytest.raises(InputError, match="is not loopback: set SOCIALSIM_DASHBOARD_TOKEN"):
        check_access("0.0.0.0", None)  # noqa: S104
    with pytest.raises(InputError, match="has 5 characters, at least 16"):
        check_access("127.0.0.1", "short")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("::", False),
        ("", False),
        ("a.b", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
