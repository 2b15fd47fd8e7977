"""The address of a Kafka cluster and its credentials. Nothing here prints a password or a token."""

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from aiokafka.abc import AbstractTokenProvider
from aiokafka.helpers import create_ssl_context

from socialsim.errors import InputError, ServiceUnavailableError

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"]
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token: its text, or the file that a renewing service writes it to."""

    text: str | None = field(default=None, repr=False)
    file: Path | None = None

    def read(self) -> str:
        """The current token. Raises InputError, whose message never contains it."""
        if self.file is None:
            source, text = "SOCIALSIM_KAFKA_TOKEN", self.text or ""
        else:
            source = f"SOCIALSIM_KAFKA_TOKEN_FILE: {self.file}"
            try:
                text = self.file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
                raise InputError(f"{source} cannot be read: {reason}") from error
        if not _TOKEN.fullmatch(text):
            raise InputError(
                f"{source} holds no bearer token: letters, digits and . _ ~ + / - are allowed, = at its end"
            )
        return text


class _TokenProvider(AbstractTokenProvider):
    """Called by the driver for each connection, so new connections use a renewed token."""

    def __init__(self, token: Token) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token.read()


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Encryption and credentials. Raises InputError if they conflict or a file cannot be read."""

    protocol: SecurityProtocol = "PLAINTEXT"
    mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    cafile: Path | None = None  #: the CA of the brokers' certificates; None for the system's CAs
    certfile: Path | None = None  #: our certificate with its chain
    keyfile: Path | None = None  #: its key; None if ``certfile`` contains it
    key_password: str | None = field(default=None, repr=False)
    token: Token | None = None

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
        self._check_credentials()
        self._check_files()

    def _check_credentials(self) -> None:
        named = self.username or self.password
        if not self.protocol.startswith("SASL"):
            if named or self.token:
                raise InputError(
                    "a Kafka user name, password or token is given, but SOCIALSIM_KAFKA_SECURITY_PROTOCOL is "
                    f"{self.protocol}; SASL_SSL would use it"
                )
        elif self.mechanism == "OAUTHBEARER":
            if named:
                raise InputError("OAUTHBEARER uses SOCIALSIM_KAFKA_TOKEN, and no user name or password: unset them")
            if self.token is None:
                raise InputError("OAUTHBEARER needs SOCIALSIM_KAFKA_TOKEN or SOCIALSIM_KAFKA_TOKEN_FILE")
            self.token.read()
        elif not (self.username and self.password):
            raise InputError(f"{self.protocol} needs SOCIALSIM_KAFKA_USERNAME and SOCIALSIM_KAFKA_PASSWORD")
        elif self.token is not None:
            raise InputError(
                f"SOCIALSIM_KAFKA_TOKEN is given, but SOCIALSIM_KAFKA_SASL_MECHANISM is {self.mechanism}; "
                "OAUTHBEARER would use it"
            )

    def _check_files(self) -> None:
        files = {"CAFILE": self.cafile, "CERTFILE": self.certfile, "KEYFILE": self.keyfile}
        for name, path in files.items():
            if path is not None and not path.is_file():
                raise InputError(f"SOCIALSIM_KAFKA_{name}: {path} cannot be read")
        if (self.keyfile or self.key_password) and self.certfile is None:
            raise InputError("a key for Kafka is given, but no SOCIALSIM_KAFKA_CERTFILE")
        if self.certfile is not None and not self.protocol.endswith("SSL"):
            raise InputError(
                f"SOCIALSIM_KAFKA_CERTFILE is given, but SOCIALSIM_KAFKA_SECURITY_PROTOCOL is {self.protocol}; "
                "SSL and SASL_SSL would use it"
            )

    def client_options(self) -> dict[str, Any]:
        """The keyword arguments of aiokafka's clients."""
        options: dict[str, Any] = {"security_protocol": self.protocol}
        if self.protocol.endswith("SSL"):
            options["ssl_context"] = self._context()
        if self.protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.mechanism
            if self.token is not None:
                options["sasl_oauth_token_provider"] = _TokenProvider(self.token)
            else:
                options |= {"sasl_plain_username": self.username, "sasl_plain_password": self.password}
        return options

    def _context(self) -> ssl.SSLContext:
        try:
            context: ssl.SSLContext = create_ssl_context(cafile=str(self.cafile) if self.cafile else None)
        except OSError as error:  # ssl.SSLError is one
            raise InputError(f"SOCIALSIM_KAFKA_CAFILE: {self.cafile} holds no certificate: {error}") from error
        if self.certfile is not None:
            try:
                # As a function: without one, OpenSSL would prompt on the terminal.
                context.load_cert_chain(self.certfile, self.keyfile, password=lambda: self.key_password or "")
            except OSError as error:
                files = self.certfile if self.keyfile is None else f"{self.certfile} and {self.keyfile}"
                raise InputError(
                    f"SOCIALSIM_KAFKA_CERTFILE and _KEYFILE: {files} are no certificate with its key, or "
                    f"SOCIALSIM_KAFKA_KEY_PASSWORD is not the key's: {error.strerror or error}"
                ) from error
        return context


@dataclass(frozen=True, slots=True)
class KafkaLog:
    """An event log in Kafka: ``bootstrap`` servers as HOST:PORT, and the prefix of topic names."""

    bootstrap: tuple[str, ...]
    topic_prefix: str = "socialsim."
    security: KafkaSecurity = KafkaSecurity()

    @property
    def address(self) -> str:
        """The bootstrap servers, for messages."""
        return ",".join(self.bootstrap)

    @property
    def url(self) -> str:
        """The value of ``--to`` for this log."""
        path = "" if self.topic_prefix == "socialsim." else f"/{self.topic_prefix.rstrip('.')}"
        return f"kafka://{self.address}{path}"

    def topic(self, name: str) -> str:
        """The full name of a topic."""
        return self.topic_prefix + name

    def client_options(self) -> dict[str, Any]:
        """The keyword arguments that all aiokafka clients share."""
        return {"bootstrap_servers": list(self.bootstrap), "client_id": "socialsim", **self.security.client_options()}

    def unavailable(self, tried_s: float) -> ServiceUnavailableError:
        """The error for a cluster that does not answer."""
        return ServiceUnavailableError(f"Kafka at {self.address}", tried_s, "`make up` starts a local one")

    def missing_topics(self, names: list[str]) -> InputError:
        """The error for missing topics."""
        listed = ", ".join(self.topic(name) for name in names)
        return InputError(
            f"Kafka at {self.address} has no topic {listed}; run `socialsim topics create --to {self.url}`"
        )
