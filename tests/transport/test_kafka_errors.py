"""Each of the driver's errors is classified, and unreachable advertised addresses are reported."""

import asyncio
import socket

import pytest
from aiokafka import errors as kafka_errors
from aiokafka.errors import KafkaError

from socialsim.errors import InputError, ServiceUnavailableError, TerminalError, TransientError
from socialsim.transport.kafka.cluster import KafkaLog
from socialsim.transport.kafka.connect import translate
from socialsim.transport.kafka.diagnosis import require_reachable
from socialsim.transport.kafka.meanings import MEANINGS, is_denied

CLUSTER = KafkaLog(("127.0.0.1:9092",))


def classes(base: type[KafkaError]) -> set[type[KafkaError]]:
    return {base}.union(*(classes(each) for each in base.__subclasses__()))


DRIVERS = sorted(
    (each for each in classes(KafkaError) if each.__module__.startswith("aiokafka")),
    key=lambda c: c.__name__,
)


@pytest.mark.parametrize("kind", DRIVERS)
def test_every_error_of_the_driver_is_classified(kind: type[KafkaError]) -> None:
    assert kind in MEANINGS, f"{kind.__name__} came with a new driver: say what it means"
    error = kind.__new__(kind)
    # The errors of a broker's response are its subclasses, which have a number.
    if type(error) is kafka_errors.BrokerResponseError:
        error.errno = -1
    told = translate(error, CLUSTER)
    assert type(told) is MEANINGS[kind].kind
    assert str(told).startswith(f"Kafka at 127.0.0.1:9092: {kind.__name__}")
    assert told.exit_code == {InputError: 2, TerminalError: 1, TransientError: 3}[type(told)]
    # Permanent errors have a remedy; transient ones are retried and have none.
    assert bool(MEANINGS[kind].remedy) == (type(told) is not TransientError)
    # An error that the driver calls retriable is never permanent here: a broker's restart must not
    # end a run.
    assert not kind.retriable or type(told) is TransientError


@pytest.mark.parametrize("error", [OSError(111, "refused"), TimeoutError(), socket.gaierror(-2, "unknown name")])
def test_network_errors_may_pass(error: OSError) -> None:
    assert isinstance(translate(error, CLUSTER), TransientError)
    assert not is_denied(error)


def test_an_unknown_class_is_classified_like_its_base_class() -> None:
    class Newer(kafka_errors.PolicyViolationError):
        pass

    assert isinstance(translate(Newer("x"), CLUSTER), TerminalError)
    assert is_denied(kafka_errors.SaslAuthenticationFailed("x"))


def test_a_bootstrap_server_is_not_probed_again() -> None:
    asyncio.run(require_reachable(CLUSTER, [("127.0.0.1", 9092), ("kafka.invalid", 1)]))
    asyncio.run(require_reachable(CLUSTER, []))


def test_one_reachable_broker_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        asyncio.run(require_reachable(CLUSTER, [("kafka.invalid", 1), ("127.0.0.1", port)]))


def test_unreachable_advertised_addresses_are_named_with_the_reason() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: refused
        port = unused.getsockname()[1]
        with pytest.raises(ServiceUnavailableError) as raised:
            asyncio.run(require_reachable(CLUSTER, [("kafka.invalid", 9093), ("127.0.0.1", port)]))
    said = str(raised.value)
    assert "kafka.invalid:9093 (its name cannot be resolved)" in said
    assert f"127.0.0.1:{port} (" in said
    assert "to which Kafka at 127.0.0.1:9092 sends its clients" in said
    assert "advertised.listeners" in said
    assert raised.value.exit_code == 3
