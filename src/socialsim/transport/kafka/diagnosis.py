"""Why a client cannot start: aiokafka says only that no broker could be reached, whatever the reason was."""

import ssl
from typing import Final

from aiokafka import errors as kafka_errors
from aiokafka.conn import create_conn

from socialsim.errors import InputError
from socialsim.transport.kafka.settings import KafkaLog

_TIMEOUT_MS: Final = 5_000


async def find_refusal(cluster: KafkaLog) -> InputError | None:
    """Connect once to each broker; an error if one refuses us, or we it, for a reason that no second try mends."""
    options = cluster.client_options()
    del options["bootstrap_servers"]
    for server in cluster.bootstrap:
        host, _, port = server.rpartition(":")
        try:
            connection = await create_conn(host.strip("[]"), int(port), request_timeout_ms=_TIMEOUT_MS, **options)
        except ssl.SSLCertVerificationError as error:
            return InputError(
                f"Kafka at {server}: the broker's certificate is not accepted: {error.verify_message}; "
                f"{_trusted(cluster)}"
            )
        except ssl.SSLError as error:
            return InputError(
                f"Kafka at {server}: no TLS there ({error.reason}); "
                f"SOCIALSIM_KAFKA_SECURITY_PROTOCOL is {cluster.security.protocol}"
            )
        except (kafka_errors.SaslAuthenticationFailed, kafka_errors.AuthenticationFailedError):
            return InputError(
                f"Kafka at {server} does not let user {cluster.security.username!r} in; "
                "check SOCIALSIM_KAFKA_USERNAME and SOCIALSIM_KAFKA_PASSWORD"
            )
        except kafka_errors.UnsupportedSaslMechanismError as error:
            return InputError(f"Kafka at {server}: {error}; SOCIALSIM_KAFKA_SASL_MECHANISM chooses another")
        except (kafka_errors.KafkaError, OSError, TimeoutError):
            continue
        connection.close()
        return None
    return None


def _trusted(cluster: KafkaLog) -> str:
    cafile = cluster.security.cafile
    return "SOCIALSIM_KAFKA_CAFILE names the authority to trust; " + (
        "without it the system's are" if cafile is None else f"it is {cafile}"
    )
