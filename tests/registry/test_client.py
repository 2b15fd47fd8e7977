"""The client where a registry is away, slow, strange or unwilling; the real one answers in
test_contract.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from compose.native.ports import free_port
from socialsim.errors import InputError, SchemaRefusedError, ServiceUnavailableError, UnknownSchemaError
from socialsim.registry import HttpRegistry, SchemaKind, SchemaText, registry_address
from socialsim.registry.client import pauses
from socialsim.settings import Settings
from tests.security.authority import Authority

SCHEMA = SchemaText(SchemaKind.JSON, "{}")
Reply = bytes | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def answer(status: int, content: Any, kind: str = "Content-Length") -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    if kind == "chunked":
        head, body = "Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        head = f"Content-Length: {len(body)}"
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n\r\n".encode() + body


class Scripted:
    """A server that gives each request the next answer, the last one again and again, and keeps
    what it was asked.
    """

    def __init__(self, replies: list[Reply]) -> None:
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.handlers: list[asyncio.Task[None] | None] = []
        self._replies = replies
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handlers.append(asyncio.current_task())
        with contextlib.suppress(OSError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = next((int(line[16:]) for line in head.split("\r\n") if line.startswith("Content-Length: ")), 0)
            self.requests.append(head)
            self.bodies.append(await reader.readexactly(size))
            reply = self._replies[min(len(self.requests), len(self._replies)) - 1]
            if callable(reply):
                await reply(reader, writer)
            else:
                writer.write(reply)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(*replies: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    scripted = Scripted(list(replies))
    server = await asyncio.start_server(scripted.handle, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    scripted.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/registry/"
    try:
        yield scripted
    finally:
        server.close()
        await asyncio.gather(*filter(None, scripted.handlers))


class Pauses:
    """Takes the place of sleeping, and of the time that passes by it."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, pause_s: float) -> None:
        self.slept.append(pause_s)


def client(url: str, sleep: Any = None, patience_s: float = 15.0, **texts: str) -> HttpRegistry:
    settings = Settings({f"SOCIALSIM_REGISTRY_{name}": text for name, text in texts.items()})
    return HttpRegistry(registry_address(url, settings), patience_s=patience_s, sleep=sleep or Pauses())


@pytest.mark.parametrize("kind", ["Content-Length", "chunked"])
async def test_what_is_sent_and_what_is_understood(kind: str) -> None:
    guid = "1f3a9f0e-0000-4000-8000-0123456789ab"
    async with serving(answer(200, {"id": 7, "guid": guid}, kind)) as server:
        registered = await client(server.url, USERNAME="ann", PASSWORD="sésame").register("a/b c-value", SCHEMA)
    assert (registered.schema_id, registered.guid) == (7, UUID(guid))
    head = server.requests[0].split("\r\n")
    assert head[0] == "POST /registry/subjects/a%2Fb%20c-value/versions HTTP/1.1"
    assert "Authorization: Basic YW5uOnPDqXNhbWU=" in head
    assert json.loads(server.bodies[0]) == {"schemaType": "JSON", "schema": "{}"}


async def test_avro_goes_without_saying() -> None:
    async with serving(answer(200, {"schema": '"string"'})) as server:
        assert await client(server.url).by_id(3) == SchemaText(SchemaKind.AVRO, '"string"')
        assert "Authorization" not in server.requests[0]
    async with serving(answer(200, {"id": 1})) as server:
        await client(server.url).register("s", SchemaText(SchemaKind.AVRO, '"string"'))
        assert json.loads(server.bodies[0]) == {"schema": '"string"'}


async def test_a_registry_that_comes_up_late_is_waited_for() -> None:
    replies = [b"", answer(503, {"message": "starting"}), answer(500, {"error_code": 50003}), answer(200, ["b", "a"])]
    sleep = Pauses()
    async with serving(*replies) as server:
        assert await client(server.url, sleep).subjects() == ["a", "b"]
    assert sleep.slept == [0.1, 0.2, 0.4]


async def test_a_registry_that_is_away_is_named_with_how_long_it_was_tried() -> None:
    url = f"http://127.0.0.1:{free_port()}/apis"
    with pytest.raises(
        ServiceUnavailableError, match=rf"schema registry at {url} \(tried for 0 s\); Connection refused; start it"
    ) as caught:
        await client(url, patience_s=0).subjects()
    assert caught.value.exit_code == 3


async def test_patience_is_counted_in_time_that_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    real, skipped = loop.time, [0.0]

    async def skip(pause_s: float) -> None:
        skipped[0] += pause_s

    monkeypatch.setattr(loop, "time", lambda: real() + skipped[0])
    async with serving(answer(503, {"message": "starting"})) as server:
        with pytest.raises(ServiceUnavailableError, match=r"tried for 1\d s.*answers 503: starting") as caught:
            await client(server.url, skip, patience_s=15).subjects()
    assert 12 < caught.value.tried_s <= 15
    assert len(server.requests) == 11


async def test_a_server_that_sends_a_byte_now_and_then_has_one_deadline() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(drip) as server:
        registry = HttpRegistry(registry_address(server.url, Settings({})), request_timeout_s=0.2, patience_s=0)
        with pytest.raises(ServiceUnavailableError, match=r"no answer within 0\.2 s"):
            await registry.subjects()


@pytest.mark.parametrize(
    "reply",
    [b"SSH-2.0-OpenSSH\r\n", b"\0\1\2", answer(200, ["a"])[:-3], b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n"],
)
async def test_what_is_no_http_or_breaks_off_counts_as_away(reply: bytes) -> None:
    async with serving(reply) as server:
        with pytest.raises(ServiceUnavailableError, match="speaks no HTTP"):
            await client(server.url, patience_s=0).subjects()


@pytest.mark.parametrize(
    "content", [b"<html>", b"", {"a": 1}, b"[" * 100_000], ids=["HTML", "nothing", "an object", "depth bomb"]
)
async def test_what_is_no_registry_is_an_error_of_input(content: Any) -> None:
    async with serving(answer(200, content)) as server:
        with pytest.raises(InputError, match="is no schema registry as we know them"):
            await client(server.url).subjects()


@pytest.mark.parametrize("content", [{}, {"id": "7"}, {"id": 7, "guid": "no"}, []])
async def test_an_identity_that_is_none_is_an_error_of_input(content: Any) -> None:
    async with serving(answer(200, content)) as server:
        with pytest.raises(InputError, match="is no schema registry as we know them"):
            await client(server.url).register("s", SCHEMA)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (409, {"error_code": 409, "message": "not compatible"}, r"not compatible \(409\)"),
        (422, {"error_code": 42201, "message": "no schema"}, r"no schema \(422\)"),
        (500, {"error_code": 500, "message": "could not determine version"}, r"could not determine version \(500\)"),
        (404, b"nothing here", r"nothing here \(404\)"),
        (302, b"", r"no reason is given \(302\)"),
    ],
)
async def test_a_refusal_is_told_at_once_with_the_registrys_reason(status: int, body: Any, reason: str) -> None:
    async with serving(answer(status, body)) as server:
        with pytest.raises(SchemaRefusedError, match=f"refuses to register s: {reason}") as caught:
            await client(server.url).register("s", SCHEMA)
    assert len(server.requests) == 1
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("status", [401, 403])
async def test_who_may_not_ask_is_told_which_settings_to_set(status: int) -> None:
    async with serving(answer(status, b"")) as server:
        with pytest.raises(
            InputError, match=rf"{status} .*SOCIALSIM_REGISTRY_USERNAME and SOCIALSIM_REGISTRY_PASSWORD"
        ):
            await client(server.url).subjects()


async def test_an_unknown_id_is_no_refusal() -> None:
    async with serving(answer(404, {"error_code": 40403, "message": "no"})) as server:
        with pytest.raises(UnknownSchemaError, match="schema 12 is not known"):
            await client(server.url).by_id(12)


async def test_certificates_are_verified(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    certificate = authority.certify("127.0.0.1")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate.certificate, certificate.key)
    async with serving(answer(200, ["a"]), tls=tls) as server:
        assert await client(server.url, CAFILE=str(authority.cafile)).subjects() == ["a"]
        with pytest.raises(InputError, match=r"certificate that is not good .*SOCIALSIM_REGISTRY_CAFILE"):
            await client(server.url, CAFILE=str(stranger.cafile)).subjects()
        plain = server.url.replace("https", "http")
        with pytest.raises(ServiceUnavailableError):
            await client(plain, patience_s=0).subjects()


def test_pauses_grow_to_a_limit() -> None:
    endless = pauses()
    assert [next(endless) for _ in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


# The address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:8081", "http://localhost:8081"),
        ("http://localhost:8081/", "http://localhost:8081"),
        ("https://registry.example.com/apis/ccompat/v7", "https://registry.example.com/apis/ccompat/v7"),
        ("http://[::1]:8081", "http://[::1]:8081"),
        ("http://registry:80", "http://registry"),
    ],
)
def test_urls_of_registries(url: str, shown: str) -> None:
    assert registry_address(url, Settings({})).url == shown


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8081", "ftp://x", "http://", "http://x:99999", "http://x/?a=b", "http://x/#a", "http://x/a b",
     "http://x/\r\nEvil: 1", "http://[::1"],
)  # fmt: skip
def test_what_is_no_url_of_a_registry_is_refused_by_name(url: str) -> None:
    with pytest.raises(InputError, match=r"^--registry: .*http://127\.0\.0\.1:8081$"):
        registry_address(url, Settings({}))


def test_a_url_with_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(InputError, match="SOCIALSIM_REGISTRY_PASSWORD") as caught:
        registry_address("http://ann:hunter2@x", Settings({}))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"USERNAME": "ann"}, "one of them is set"),
        ({"PASSWORD": "x"}, "one of them is set"),
        ({"USERNAME": "a:b", "PASSWORD": "x"}, "holds a colon"),
        ({"CAFILE": "/nowhere.pem"}, r"SOCIALSIM_REGISTRY_CAFILE: /nowhere.pem cannot be read"),
        ({"CAFILE": __file__}, "not encrypted"),
        ({"USERNAME": "ann", "PASSWORD": "x", "PASSWORD_FILE": "/y"}, "both set"),
    ],
)
def test_settings_that_do_not_fit_are_refused(texts: dict[str, str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        registry_address("http://x", Settings({f"SOCIALSIM_REGISTRY_{name}": text for name, text in texts.items()}))


async def test_a_file_without_a_certificate_is_refused() -> None:
    with pytest.raises(InputError, match="holds no certificate"):
        await client("https://127.0.0.1:1", CAFILE=__file__).subjects()


def test_a_password_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    texts = {"SOCIALSIM_REGISTRY_USERNAME": "ann", "SOCIALSIM_REGISTRY_PASSWORD_FILE": str(tmp_path / "secret")}
    address = registry_address("http://x", Settings(texts))
    assert address.authorization() == "Basic YW5uOmh1bnRlcjI="
    assert "hunter2" not in repr(address)
