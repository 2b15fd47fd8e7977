"""Why a client cannot start: aiokafka says only that no broker could be reached, whatever the reason was."""

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
    """Connect once to each broker; an error if one refuses us, or we it, for a reason that no second try mends."""
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
    """Raise ServiceUnavailableError if none of the brokers can be reached where the cluster says that they are.

    A client asks whom it knows where the brokers are, and goes there. What they say of themselves may be a name that only
    their own network knows; the driver would wait for it without a word.
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
        "the brokers' setting advertised.listeners says so: it must name what this machine can reach",
    )


async def _reach(host: str, port: int) -> str | None:
    """None if something listens there, else the place and why not."""
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

    It says no by a message that has no error code, and the driver takes any message for a yes; the code comes in answer to
    the client's last word. A broker that said yes expects no such word, and answers with another code.
    """
    try:
        answer = await connection.send(SaslAuthenticateRequest(b"\x01"))
    finally:
        connection.close()
    if kafka_errors.for_code(answer.error_code) is kafka_errors.SaslAuthenticationFailed:
        raise kafka_errors.SaslAuthenticationFailed(answer.error_message)


def _explain(error: BaseException, server: str, cluster: KafkaLog) -> InputError | None:
    """The refusal that ``error`` stands for; None if it is none."""
    text = None
    if alert := _certificate_alert(error):
        text = f"does not take our certificate, or wants one ({alert}); check SOCIALSIM_KAFKA_CERTFILE and _KEYFILE"
    elif isinstance(error, ssl.SSLCertVerificationError):
        return InputError(
            f"Kafka at {server}: the broker's certificate is not accepted: {error.verify_message}; {_trusted(cluster)}"
        )
    elif isinstance(error, ssl.SSLError):
        return InputError(
            f"Kafka at {server}: no TLS there ({error.reason}); "
            f"SOCIALSIM_KAFKA_SECURITY_PROTOCOL is {cluster.security.protocol}"
        )
    elif isinstance(error, (kafka_errors.SaslAuthenticationFailed, kafka_errors.AuthenticationFailedError)):
        text = (
            f"does not let user {cluster.security.username!r} in; "
            "check SOCIALSIM_KAFKA_USERNAME and SOCIALSIM_KAFKA_PASSWORD"
            if cluster.security.token is None
            else "does not take the bearer token; check SOCIALSIM_KAFKA_TOKEN or its file, and when it expires"
        )
    elif isinstance(error, kafka_errors.UnsupportedSaslMechanismError):
        return InputError(f"Kafka at {server}: {error}; SOCIALSIM_KAFKA_SASL_MECHANISM chooses another")
    return None if text is None else InputError(f"Kafka at {server} {text}")


def _certificate_alert(error: BaseException | None) -> str | None:
    """What the broker says of our certificate. With TLS 1.3 it does so after the handshake, by ending the connection."""
    while error is not None:
        reason = getattr(error, "reason", None)
        if isinstance(error, ssl.SSLError) and "ALERT" in (reason or "") and "CERT" in (reason or ""):
            return str(reason)
        error = error.__cause__ or error.__context__
    return None


def _trusted(cluster: KafkaLog) -> str:
    cafile = cluster.security.cafile
    return "SOCIALSIM_KAFKA_CAFILE names the authority to trust; " + (
        "without it the system's are" if cafile is None else f"it is {cafile}"
    )
