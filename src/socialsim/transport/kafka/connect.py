"""Starts and stops aiokafka clients, with retries and errors that users can act on."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from aiokafka import errors as kafka_errors

from socialsim.errors import InputError, SocialsimError
from socialsim.transport.kafka.cluster import KafkaLog
from socialsim.transport.kafka.diagnosis import find_refusal, require_reachable
from socialsim.transport.kafka.meanings import is_denied, meaning_of

log = logging.getLogger(__name__)

_BACKOFF_FIRST_S: Final = 0.1
_BACKOFF_MAX_S: Final = 2.0
_STOP_TIMEOUT_S: Final = 2.0


class _Client(Protocol):
    async def start(self) -> None: ...


ClientT = TypeVar("ClientT", bound=_Client)


def translate(error: BaseException, cluster: KafkaLog) -> SocialsimError:
    """Our error for a driver's error."""
    meaning = meaning_of(error)
    remedy = f"; {meaning.remedy}" if meaning.remedy else ""
    return meaning.kind(f"Kafka at {cluster.address}: {type(error).__name__}: {error}{remedy}")


async def start_client(make: Callable[[], ClientT], cluster: KafkaLog, timeout_s: float) -> ClientT:
    """A started client.

    Raises ServiceUnavailableError after ``timeout_s``, or at once if the addresses that the cluster
    advertises cannot be reached; TerminalError if the broker refuses access; InputError if a
    password, token or certificate is not accepted, by the broker or by us.
    """
    clock = asyncio.get_running_loop().time
    started_s = clock()
    backoff_s = _BACKOFF_FIRST_S
    if cluster.security.token is not None and (refusal := await find_refusal(cluster)) is not None:
        raise refusal  # the driver does not notice it
    while True:
        client = make()
        left_s = timeout_s - (clock() - started_s)
        try:
            async with asyncio.timeout(max(left_s, _BACKOFF_FIRST_S)):
                await client.start()
                await require_reachable(cluster, _advertised(client))
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            await stop_client(client)
            if is_denied(error):
                raise translate(error, cluster) from error
            if cluster.security.protocol != "PLAINTEXT" and (refusal := await find_refusal(cluster)) is not None:
                raise refusal from error
            left_s = timeout_s - (clock() - started_s)
            if left_s <= backoff_s:
                raise cluster.unavailable(clock() - started_s) from error
        except BaseException:
            await stop_client(client)
            raise
        else:
            return client
        await asyncio.sleep(backoff_s)
        backoff_s = min(2 * backoff_s, _BACKOFF_MAX_S)


def _advertised(client: object) -> list[tuple[str, int]]:
    """The broker addresses that the cluster advertises."""
    connection = getattr(client, "client", None) or getattr(client, "_client", None)
    metadata = getattr(connection, "cluster", None)
    return [] if metadata is None else sorted((broker.host, broker.port) for broker in metadata.brokers())


async def stop_client(client: object, timeout_s: float = _STOP_TIMEOUT_S) -> None:
    """Stop a client, or abandon it after ``timeout_s``: without a broker it would wait forever.

    Never raises.
    """
    stop = getattr(client, "stop", None) or getattr(client, "close")  # noqa: B009 - the admin client's name for it
    if not await _ends(stop(), timeout_s):
        log.debug("a Kafka client did not stop cleanly and is abandoned")
    connection = getattr(client, "client", None) or getattr(client, "_client", None)
    if connection is not None:
        await _ends(connection.close(), timeout_s)


async def _ends(work: Coroutine[Any, Any, None], timeout_s: float) -> bool:
    """Whether ``work`` succeeds within ``timeout_s``. Does not raise its exceptions.

    Runs in a separate task: if the broker is gone, the driver's cancelled tasks may raise
    CancelledError from ``stop`` although this task was not cancelled.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
    finally:
        task.cancel()
    await asyncio.wait({task}, timeout=_STOP_TIMEOUT_S)
    if not task.done() or task.cancelled():
        return False
    error = task.exception()
    if error is not None:
        log.debug("a Kafka client failed to stop: %r", error)
    return error is None


def reject_unknown_topics(cluster: KafkaLog, wanted: list[str], counts: dict[str, int]) -> None:
    """Raise InputError, naming the command that creates them, if ``counts`` lacks topics."""
    if missing := [name for name in wanted if name not in counts]:
        raise cluster.missing_topics(missing)


__all__ = ["InputError", "reject_unknown_topics", "start_client", "stop_client", "translate"]
