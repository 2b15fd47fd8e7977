"""The dashboard over HTTP: ``/`` is the page, ``/data.json`` what has changed since.

Without a token only loopback is served, and only if the request's Host is loopback: a page from
elsewhere whose host name is made to resolve to this machine (DNS rebinding) gets nothing.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from socialsim.errors import InputError
from socialsim.monitoring.http import Answer, Request, Respond
from socialsim.report.html import policy, render
from socialsim.report.plotly_js import PlotlyJs
from socialsim.report.poller import Snapshot

TOKEN_CHARS_MIN: Final = 16

_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def check_access(host: str, token: str | None) -> None:
    """Raises InputError if ``host`` is not loopback and there is no token, or if it is too
    short.
    """
    if token is not None and len(token) < TOKEN_CHARS_MIN:
        raise InputError(
            f"SOCIALSIM_DASHBOARD_TOKEN has {len(token)} characters, at least {TOKEN_CHARS_MIN} are needed"
        )
    if token is None and not is_loopback(host):
        raise InputError(
            f"--host {host} is not loopback: set SOCIALSIM_DASHBOARD_TOKEN, which every visitor must then give"
        )


def is_loopback(host: str) -> bool:
    """Whether ``host`` is a loopback address or ``localhost``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def responder(newest: Callable[[], Snapshot], library: PlotlyJs, token: str | None) -> Respond:
    """A function that answers the dashboard's requests from the ``newest`` snapshot."""
    headers = {**_HEADERS, "Content-Security-Policy": f"{policy(library, live=True)}; frame-ancestors 'none'"}

    def respond(request: Request) -> Answer:
        refusal = _refusal(request, token)
        if refusal is not None:
            return replace(refusal, headers={**headers, **refusal.headers})
        match request.path:
            case "/":
                page = render(newest().content, library, live=True)
                return Answer(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8", headers)
            case "/data.json":
                return Answer(HTTPStatus.OK, _changes(newest(), request.query), "application/json", headers)
            case _:
                return Answer(HTTPStatus.NOT_FOUND, b"there are / and /data.json\n", headers=headers)

    return respond


def _changes(snapshot: Snapshot, query: str) -> bytes:
    seen = parse_qs(query).get("seen", [None])[0]
    content = None if seen == snapshot.version else snapshot.content
    return msgspec.json.encode({"version": snapshot.version, "pulse": snapshot.ingestion, "content": content})


def _refusal(request: Request, token: str | None) -> Answer | None:
    if token is None:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        return None if is_loopback(name) else Answer(HTTPStatus.MISDIRECTED_REQUEST, b"this is a loopback address\n")
    if hmac.compare_digest(_given_token(request.headers.get("authorization", "")).encode(), token.encode()):
        return None
    # Browsers then prompt for a name, which is ignored, and a password.
    challenge = {"WWW-Authenticate": 'Basic realm="socialsim: any name, the token as password", charset="UTF-8"'}
    return Answer(HTTPStatus.UNAUTHORIZED, b"give the token: as a Bearer, or as the password\n", headers=challenge)


def _given_token(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
