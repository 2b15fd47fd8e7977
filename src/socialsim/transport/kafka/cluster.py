"""Which Kafka, and how to get in. Nothing here prints a password."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from aiokafka.helpers import create_ssl_context

from socialsim.errors import InputError, ServiceUnavailableError

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Encryption and credentials. Raises InputError if they do not fit together or the CA file cannot be read."""

    protocol: SecurityProtocol = "PLAINTEXT"
    mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    cafile: Path | None = None  #: of the CA that signed the brokers' certificates; None for the system's

    def __post_init__(self) -> None:
        if self.protocol not in get_args(SecurityProtocol):
            raise InputError(
                f"SOCIALSIM_KAFKA_SECURITY_PROTOCOL is {self.protocol!r}, "
                f"allowed are {', '.join(get_args(SecurityProtocol))}"
            )
        if self.mechanism not in get_args(SaslMechanism):
            raise InputError(
                f"SOCIALSIM_KAFKA_SASL_MECHANISM is {self.mechanism!r}, "
                f"allowed are {', '.join(get_args(SaslMechanism))}"
            )
        if self.protocol.startswith("SASL") and not (self.username and self.password):
            raise InputError(f"{self.protocol} needs SOCIALSIM_KAFKA_USERNAME and SOCIALSIM_KAFKA_PASSWORD")
        if not self.protocol.startswith("SASL") and (self.username or self.password):
            raise InputError(
                f"a Kafka user name or password is given, but SOCIALSIM_KAFKA_SECURITY_PROTOCOL is {self.protocol}; "
                "SASL_SSL would use it"
            )
        if self.cafile is not None and not self.cafile.is_file():
            raise InputError(f"SOCIALSIM_KAFKA_CAFILE: {self.cafile} cannot be read")

    def client_options(self) -> dict[str, Any]:
        """The keyword arguments of aiokafka's clients."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            try:
                options["ssl_context"] = create_ssl_context(cafile=str(self.cafile) if self.cafile else None)
            except OSError as error:  # ssl.SSLError is one
                raise InputError(f"SOCIALSIM_KAFKA_CAFILE: {self.cafile} holds no certificate: {error}") from error
        if self.protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return options


@dataclass(frozen=True, slots=True)
class KafkaLog:
    """An event log in Kafka: ``bootstrap`` servers as HOST:PORT, and what its topics' names begin with."""

    bootstrap: tuple[str, ...]
    topic_prefix: str = "socialsim."
    security: KafkaSecurity = KafkaSecurity()

    @property
    def address(self) -> str:
        """The bootstrap servers, for a person."""
        return ",".join(self.bootstrap)

    @property
    def url(self) -> str:
        """What a person would give as ``--to``."""
        path = "" if self.topic_prefix == "socialsim." else f"/{self.topic_prefix.rstrip('.')}"
        return f"kafka://{self.address}{path}"

    def topic(self, name: str) -> str:
        """The full name of a topic."""
        return self.topic_prefix + name

    def client_options(self) -> dict[str, Any]:
        """The keyword arguments that all of aiokafka's clients share."""
        return {"bootstrap_servers": list(self.bootstrap), "client_id": "socialsim", **self.security.client_options()}

    def unavailable(self, tried_s: float) -> ServiceUnavailableError:
        """The error for a cluster that does not answer."""
        return ServiceUnavailableError(f"Kafka at {self.address}", tried_s, "`make up` starts a local one")

    def missing_topics(self, names: list[str]) -> InputError:
        """The error for topics that are not there."""
        listed = ", ".join(self.topic(name) for name in names)
        return InputError(
            f"Kafka at {self.address} has no topic {listed}; run `socialsim topics create --to {self.url}`"
        )
