"""One request, one connection, one deadline: HTTP as a registry's client needs it, on asyncio's
streams.

The deadline is of the whole exchange, so a server that sends a byte now and then does not hold
anybody up.
"""

import asyncio
import contextlib
import http.client
import io
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Final

from socialsim.errors import InputError
from socialsim.registry.address import RegistryAddress

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_KIND: Final = "application/vnd.schemaregistry.v1+json"


class UnreachableError(Exception):
    """No answer: no connection, no end of it in time, or no HTTP.

    The text says which; asking again may help.
    """


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int
    body: bytes


async def exchange(
    address: RegistryAddress, method: str, path: str, body: bytes | None, timeout_s: float
) -> HttpAnswer:
    """Ask for ``path`` below the registry's own.

    Raises UnreachableError, InputError for a certificate that is not good.
    """
    tls = address.tls()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
            try:
                writer.write(_request(address, method, path, body))
                await writer.drain()
                raw = await _read(reader)
            finally:
                writer.transport.abort()  # all is read, or nobody wants the rest
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise UnreachableError(f"no answer within {timeout_s:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise InputError(
            f"the schema registry at {address.url} has a certificate that is not good ({error.verify_message}); "
            "SOCIALSIM_REGISTRY_CAFILE names the authority to trust"
        ) from error
    except (OSError, EOFError) as error:  # ssl.SSLError and socket.gaierror are OSErrors
        raise UnreachableError(_reason(error)) from error
    return _parsed(raw, method)


def _reason(error: OSError | EOFError) -> str:
    """Without the number and the address that asyncio puts there."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _request(address: RegistryAddress, method: str, path: str, body: bytes | None) -> bytes:
    host = f"[{address.host}]" if ":" in address.host else address.host
    lines = [
        f"{method} {address.path}{path} HTTP/1.1",
        f"Host: {host}:{address.port}",
        f"Accept: {_KIND}, application/json",
        "Connection: close",
        "User-Agent: socialsim",
    ]
    if body is not None:
        lines += [f"Content-Type: {_KIND}", f"Content-Length: {len(body)}"]
    if (authorization := address.authorization()) is not None:
        lines.append(f"Authorization: {authorization}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def _read(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await reader.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > ANSWER_BYTES_MAX:
            raise UnreachableError(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
    return b"".join(chunks)


class _Received(io.BytesIO):
    """Stands in for the socket that the standard library's parser of answers reads from."""

    def makefile(self, *_: Any, **__: Any) -> "_Received":
        return self


def _parsed(raw: bytes, method: str) -> HttpAnswer:
    answer = http.client.HTTPResponse(_Received(raw), method=method)  # type: ignore[arg-type]
    try:
        answer.begin()
        return HttpAnswer(answer.status, answer.read())
    except (http.client.HTTPException, ValueError) as error:
        raise UnreachableError(f"what answers speaks no HTTP: {error!r:.120}") from error
