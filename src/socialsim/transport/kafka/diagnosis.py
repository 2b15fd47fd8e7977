"""Finds out why a client cannot start. aiokafka only reports that no broker could be reached."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import errors as kafka_errors
from aiokafka.conn import create_conn
from aiokafka.protocol.admin import SaslAuthenticateRequest

from socialsim.errors import InputError, ServiceUnavailableError
from socialsim.transport.kafka.cluster import KafkaLog

_TIMEOUT_MS: Final = 5_000


async def find_refusal(cluster: KafkaLog) -> InputError | None:
    """Connect once to each broker. Returns an error if a refusal, by either side, is permanent."""
    options = cluster.client_options()
    del options["bootstrap_servers"]
    for server in cluster.bootstrap:
        host, _, port = server.rpartition(":")
        try:
            connection = await create_conn(host.strip("[]"), int(port), request_timeout_ms=_TIMEOUT_MS, **options)
            if cluster.security.token is not None:
                await _finish_token(connection)
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            if (refusal := _explain(error, server, cluster)) is not None:
                return refusal
            continue
        connection.close()
        return None
    return None


async def require_reachable(cluster: KafkaLog, advertised: Sequence[tuple[str, int]]) -> None:
    """Raise ServiceUnavailableError if no broker can be reached at its advertised address.

    A client connects to the addresses that the bootstrap servers advertise. These may be names that
    only the brokers' network can resolve; the driver would wait for them silently.
    """
    if not advertised or any(_spelled(host, port) in cluster.bootstrap for host, port in advertised):
        return
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    tries = [asyncio.create_task(_reach(host, port)) for host, port in advertised]
    reasons: list[str] = []
    try:
        for each in asyncio.as_completed(tries):
            reason = await each
            if reason is None:
                return
            reasons.append(reason)
    finally:
        for task in tries:
            task.cancel()
        await asyncio.wait(tries)
    raise ServiceUnavailableError(
        f"{', '.join(reasons)}, to which Kafka at {cluster.address} sends its clients",
        loop.time() - began_s,
        "set the brokers' advertised.listeners to addresses that this machine can reach",
    )


async def _reach(host: str, port: int) -> str | None:
    """None if the address accepts connections, else the address and the reason."""
    try:
        async with asyncio.timeout(_TIMEOUT_MS / 1000):
            _, writer = await asyncio.open_connection(host, port)
    except socket.gaierror:
        return f"{_spelled(host, port)} (its name cannot be resolved)"
    except TimeoutError:
        return f"{_spelled(host, port)} (no answer)"
    except (OSError, UnicodeError) as error:
        return f"{_spelled(host, port)} ({getattr(error, 'strerror', None) or error})"
    writer.transport.abort()
    return None


def _spelled(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _finish_token(connection: Any) -> None:
    """Raise SaslAuthenticationFailed if the broker did not take the token.

    A broker rejects a token with a message without an error code, and the driver takes any message
    for acceptance. The error code arrives in the reply to the client's final message. A broker that
    accepted the token does not expect that message and replies with another code.
    """
    try:
        answer = await connection.send(SaslAuthenticateRequest(b"\x01"))
    finally:
        connection.close()
    if kafka_errors.for_code(answer.error_code) is kafka_errors.SaslAuthenticationFailed:
        raise kafka_errors.SaslAuthenticationFailed(answer.error_message)


def _explain(error: BaseException, server: str, cluster: KafkaLog) -> InputError | None:
    """The refusal that ``error`` reports; None if it is not a refusal."""
    text = None
    if alert := _certificate_alert(error):
        text = f"rejects our certificate, or requires one ({alert}); check SOCIALSIM_KAFKA_CERTFILE and _KEYFILE"
    elif isinstance(error, ssl.SSLCertVerificationError):
        return InputError(
            f"Kafka at {server}: the broker's certificate is not accepted: {error.verify_message}; {_trusted(cluster)}"
        )
    elif isinstance(error, ssl.SSLError):
        return InputError(
            f"Kafka at {server}: does not speak TLS ({error.reason}); "
            f"SOCIALSIM_KAFKA_SECURITY_PROTOCOL is {cluster.security.protocol}"
        )
    elif isinstance(error, (kafka_errors.SaslAuthenticationFailed, kafka_errors.AuthenticationFailedError)):
        text = (
            f"refuses user {cluster.security.username!r}; check SOCIALSIM_KAFKA_USERNAME and SOCIALSIM_KAFKA_PASSWORD"
            if cluster.security.token is None
            else "rejects the bearer token; check SOCIALSIM_KAFKA_TOKEN or its file, and its expiry"
        )
    elif isinstance(error, kafka_errors.UnsupportedSaslMechanismError):
        return InputError(f"Kafka at {server}: {error}; set SOCIALSIM_KAFKA_SASL_MECHANISM to another")
    return None if text is None else InputError(f"Kafka at {server} {text}")


def _certificate_alert(error: BaseException | None) -> str | None:
    """The broker's TLS alert about our certificate, None if there is none.

    With TLS 1.3 it arrives after the handshake, when the broker closes the connection.
    """
    while error is not None:
        reason = getattr(error, "reason", None)
        if isinstance(error, ssl.SSLError) and "ALERT" in (reason or "") and "CERT" in (reason or ""):
            return str(reason)
        error = error.__cause__ or error.__context__
    return None


def _trusted(cluster: KafkaLog) -> str:
    cafile = cluster.security.cafile
    return "SOCIALSIM_KAFKA_CAFILE names the CA to trust; " + (
        "it is unset, so the system's CAs are trusted" if cafile is None else f"it is {cafile}"
    )
