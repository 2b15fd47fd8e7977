"""The services' addresses, and the ``.env`` file that passes them to ``socialsim``."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: The lines of ``.env`` that belong to the stack; all others are kept.
KEYS = (
    "SOCIALSIM_TO",
    "SOCIALSIM_FROM",
    "SOCIALSIM_INTO",
    "SOCIALSIM_MYSQL_PASSWORD",
    "SOCIALSIM_MYSQL_MIGRATOR",
    "SOCIALSIM_MYSQL_MIGRATOR_PASSWORD",
    "SOCIALSIM_MYSQL_READER",
    "SOCIALSIM_MYSQL_READER_PASSWORD",
)


@dataclass(frozen=True)
class Endpoints:
    """The two URLs, and the settings with the database users and their passwords."""

    kafka_url: str
    mysql_url: str
    users: Mapping[str, str] = field(repr=False)

    def as_environment(self) -> dict[str, str]:
        """The settings of ``socialsim`` for these services."""
        urls = {"SOCIALSIM_TO": self.kafka_url, "SOCIALSIM_FROM": self.kafka_url, "SOCIALSIM_INTO": self.mysql_url}
        return urls | dict(self.users)


def write_env(path: Path, values: Mapping[str, str], keys: Collection[str] = KEYS) -> None:
    """Replace the lines of ``keys`` by ``values``, readable by the owner only.

    An empty file is removed.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.partition("=")[0].strip().removeprefix("export ") not in keys]
    new = [*kept, *(f"{key}={value}" for key, value in values.items())]
    if not any(line.strip() for line in new):
        path.unlink(missing_ok=True)
        return
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text("".join(f"{line}\n" for line in new), encoding="utf-8")
