"""Apicurio Registry, which speaks Confluent's REST interface, with its schemas in a file of its own
database (H2).
"""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from compose.native import install
from compose.native.ports import free_port
from compose.native.server import NativeServer, ProcessIdentity, StackError
from compose.native.settings import load_settings

_JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


@dataclass(frozen=True)
class RegistrySpec:
    """What a registry is made of; enough to take it up again from a state file."""

    directory: str
    port: int


class RegistryServer(NativeServer):
    """One registry.

    ``url`` is what ``--registry`` takes. Its schemas survive a restart and a SIGKILL.
    """

    def __init__(self, spec: RegistrySpec, *, die_with_parent: bool = True) -> None:
        super().__init__("registry", Path(spec.directory), spec.port, die_with_parent=die_with_parent)
        self.spec = spec

    @classmethod
    def create(cls, directory: Path, *, port: int | None = None, die_with_parent: bool = True) -> Self:
        """Describe a new registry with its data under ``directory``; ``start`` brings it up."""
        return cls(RegistrySpec(str(directory.resolve()), free_port(port)), die_with_parent=die_with_parent)

    @property
    def url(self) -> str:
        """Of Confluent's interface."""
        return f"http://{self.address}{load_settings().registry.path}"

    def command(self) -> list[str]:
        """The server itself."""
        (jar,) = install.ensure_registry().glob("*-runner.jar")
        # H2 writes behind by half a second unless it is told not to: an id that was given out must
        # never be given again.
        database = f"jdbc:h2:file:{self.directory / 'schemas'};WRITE_DELAY=0"
        return [
            install.ensure_java(),
            *_JVM,
            "-Dquarkus.http.host=127.0.0.1",
            f"-Dquarkus.http.port={self.port}",
            f"-Dquarkus.datasource.jdbc.url={database}",
            "-jar",
            str(jar),
        ]

    def probe(self) -> None:
        """Ask for its subjects."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", f"{load_settings().registry.path}/subjects")
            answer = connection.getresponse()
            if answer.status != 200:
                raise StackError(f"{self.name} answers {answer.status}")
        finally:
            connection.close()

    def to_state(self) -> dict[str, Any]:
        """What ``from_state`` needs, as JSON's types."""
        process = [self.identity.pid, self.identity.start_ticks] if self.identity else None
        return {"spec": {**vars(self.spec)}, "process": process}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, die_with_parent: bool = False) -> Self:
        """Take up a registry that another process started."""
        server = cls(RegistrySpec(**state["spec"]), die_with_parent=die_with_parent)
        server.identity = ProcessIdentity(*state["process"]) if state["process"] else None
        return server
