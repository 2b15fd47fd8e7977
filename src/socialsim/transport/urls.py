"""URLs of event logs: ``file:PATH`` and ``kafka://HOST:PORT[,HOST:PORT][/PREFIX]``."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from socialsim.errors import InputError

ALLOWED: Final = "allowed are file:DIRECTORY and kafka://HOST:PORT[,HOST:PORT][/PREFIX]"
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")
_PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class FileUrl:
    """An event log in a directory."""

    path: Path

    def __str__(self) -> str:
        return f"file:{self.path}"


@dataclass(frozen=True, slots=True)
class KafkaUrl:
    """An event log in Kafka. Its topics are ``<topic_prefix><topic>``; the prefix ends in a dot."""

    bootstrap: tuple[str, ...]
    topic_prefix: str = "socialsim."

    def __str__(self) -> str:
        path = "" if self.topic_prefix == "socialsim." else f"/{self.topic_prefix.rstrip('.')}"
        return f"kafka://{','.join(self.bootstrap)}{path}"


LogUrl: TypeAlias = FileUrl | KafkaUrl


def parse_log_url(text: str, option: str) -> LogUrl:
    """The log that ``text`` names; ``option`` is where it was given, such as ``--to``.

    Raises InputError naming the option and what is allowed. A URL with a user or password is
    refused and not quoted in the message: secrets come from the environment.
    """
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "file":
        return FileUrl(_parse_path(rest, text, option))
    if colon and scheme == "kafka" and rest.startswith("//"):
        return _parse_kafka(rest.removeprefix("//"), text, option)
    if "@" in text:
        raise InputError(f"{option}: the URL holds an @; {ALLOWED}, and no user or password")
    raise InputError(f"{option}: {text!r} names no event log; {ALLOWED}")


def _parse_path(rest: str, text: str, option: str) -> Path:
    if rest.startswith("//"):
        rest = rest.removeprefix("//")
        if not rest.startswith("/"):
            raise InputError(f"{option}: {text!r} names a host; a directory is file:DIRECTORY or file:///DIRECTORY")
    if not rest or "\0" in rest:
        raise InputError(f"{option}: {text!r} names no directory; {ALLOWED}")
    return Path(rest)


def _parse_kafka(rest: str, text: str, option: str) -> KafkaUrl:
    if "@" in rest:
        raise InputError(
            f"{option}: the URL holds a user or password; they come from SOCIALSIM_KAFKA_USERNAME and "
            "SOCIALSIM_KAFKA_PASSWORD, never from a URL"
        )
    servers, slash, prefix = rest.partition("/")
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        if not _HOST.fullmatch(host) or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= _PORT_MAX:
            raise InputError(f"{option}: {server!r} in {text!r} is not HOST:PORT; {ALLOWED}")
    if not slash or not prefix:
        return KafkaUrl(tuple(servers.split(",")))
    if not _PREFIX.fullmatch(prefix):
        raise InputError(f"{option}: {prefix!r} in {text!r} is no topic prefix; letters, digits, . _ - are allowed")
    return KafkaUrl(tuple(servers.split(",")), prefix.rstrip(".") + ".")
