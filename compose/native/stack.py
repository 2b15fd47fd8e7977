"""The stack of ``up`` and ``down``: Kafka and a MySQL-protocol server that outlive the command.

The running servers are recorded in ``state.json`` in the stack's directory, readable by the owner
only as it contains the passwords. ``down`` keeps the data; ``wipe`` removes them.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from compose.endpoints import Endpoints
from compose.native.install import file_lock
from compose.native.kafka import KafkaCluster
from compose.native.mysql import Database, Flavour, MySQLServer, Users, default_flavour
from compose.native.server import NativeServer, StackError

_KAFKA_PORT = 9092
_MYSQL_PORT = 3306
#: For development, unlike the tests' values.
_MYSQL_OPTIONS = {"innodb-buffer-pool-size": "512M", "innodb-log-file-size": "256M"}


@dataclass
class Stack:
    """The servers of one directory. Use ``opened``, which locks it and saves the state."""

    directory: Path
    kafka: KafkaCluster | None = None
    mysql: MySQLServer | None = None
    users: Users | None = None

    @classmethod
    @contextmanager
    def opened(cls, directory: Path) -> Iterator[Self]:
        """The stack, locked for one change; the state is saved even if the change fails."""
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        with file_lock(directory / "lock"):
            stack = cls._load(directory)
            try:
                yield stack
            finally:
                stack._save()

    @classmethod
    def _load(cls, directory: Path) -> Self:
        path = directory / "state.json"
        if not path.exists():
            return cls(directory)
        state = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            directory,
            KafkaCluster.from_state(state["kafka"]) if state["kafka"] else None,
            MySQLServer.from_state(state["mysql"]) if state["mysql"] else None,
            _users(state.get("users")),
        )

    def _save(self) -> None:
        if not self.directory.exists():  # wiped
            return
        state: dict[str, Any] = {
            "kafka": self.kafka.to_state() if self.kafka else None,
            "mysql": self.mysql.to_state() if self.mysql else None,
            "users": asdict(self.users) if self.users else None,
        }
        scratch = self.directory / "state.new"
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(state, indent=1), encoding="utf-8")
        scratch.rename(self.directory / "state.json")

    @property
    def servers(self) -> list[NativeServer]:
        """All servers, up or down."""
        return [*(self.kafka.brokers if self.kafka else ()), *([self.mysql] if self.mysql else ())]

    def server(self, name: str) -> NativeServer:
        """A server by its name as ``status`` shows it."""
        for server in self.servers:
            if server.name == name:
                return server
        names = ", ".join(server.name for server in self.servers) or "none, run up first"
        raise StackError(f"there is no server {name!r}; there are: {names}")

    def up(self, *, brokers: int | None = None, flavour: Flavour | None = None) -> Endpoints:
        """Start servers that are down, and create a new database.

        ``None`` keeps the present choice.

        Raises StackError if the data belong to another number of brokers or another flavour.
        """
        if self.kafka is None:
            self.kafka = KafkaCluster.create(
                self.directory / "kafka", brokers=brokers or 1, port=_KAFKA_PORT, jvm="fast", die_with_parent=False
            )
        elif brokers not in (None, len(self.kafka.brokers)):
            raise StackError(f"the data belong to {len(self.kafka.brokers)} broker(s); remove them first: down --wipe")
        if self.mysql is None:
            self.mysql = MySQLServer.create(
                self.directory / "mysql",
                flavour=flavour or default_flavour(),
                port=_MYSQL_PORT,
                options=_MYSQL_OPTIONS,
                die_with_parent=False,
            )
        elif flavour not in (None, self.mysql.flavour):
            raise StackError(f"the data belong to {self.mysql.flavour}; remove them first: down --wipe")
        self.kafka.start()
        if not self.mysql.alive:
            self.mysql.start()
        if self.users is None:
            self.users = self.mysql.create_users("socialsim")
        return Endpoints(self.kafka.url, self.users.writer.url, self.users.as_environment())

    def down(self, *, wipe: bool = False) -> None:
        """End the processes that were started, and with ``wipe`` remove their data."""
        if self.kafka is not None:
            self.kafka.stop()
        if self.mysql is not None:
            self.mysql.stop()
        if wipe:
            shutil.rmtree(self.directory)


def _users(state: dict[str, Any] | None) -> Users | None:
    return Users(**(state | {"writer": Database(**state["writer"])})) if state else None
