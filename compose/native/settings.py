"""The settings shared by the native stack and Docker Compose, from ``settings.toml``."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

COMPOSE_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Version and broker properties; ``replication`` maps numbers of brokers to properties."""

    version: str
    scala: str
    properties: dict[str, str]
    replication: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class MySQLSettings:
    """Versions of the image and of the native binaries, and the server's options."""

    image: str
    native: str
    native_artifact: str
    native_sha256: str
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class Settings:
    """All of ``settings.toml``."""

    kafka: KafkaSettings
    mysql: MySQLSettings


@cache
def load_settings() -> Settings:
    """Read the file once. A missing or unknown key is a bug, raised as TypeError."""
    table = tomllib.loads((COMPOSE_DIR / "settings.toml").read_text(encoding="utf-8"))
    return Settings(kafka=KafkaSettings(**table["kafka"]), mysql=MySQLSettings(**table["mysql"]))
