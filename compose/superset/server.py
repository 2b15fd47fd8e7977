"""Superset as a native server: gunicorn on loopback, metadata in SQLite in its directory."""

import os
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from compose.native.ports import free_port
from compose.native.server import NativeServer, ProcessIdentity, StackError
from compose.native.settings import COMPOSE_DIR

#: The directory that ``make superset`` installs it in.
ENVIRONMENT = COMPOSE_DIR.parent / ".cache" / "superset"
PORT = 8088
_HERE = Path(__file__).resolve().parent
_PREPARATION_S_MAX = 900
#: Each worker is another Superset in memory (300 MB); its threads mostly wait for MySQL.
_WORKERS, _THREADS = 2, 8


class SupersetServer(NativeServer):
    """One Superset. ``settings`` are its environment variables, including secrets."""

    def __init__(
        self, directory: Path, port: int, settings: Mapping[str, str] | None = None, *, die_with_parent: bool = False
    ) -> None:
        super().__init__("superset", directory.resolve(), port, die_with_parent=die_with_parent)
        self.settings = dict(settings or {})

    @classmethod
    def create(
        cls, directory: Path, settings: Mapping[str, str], *, port: int | None = PORT, die_with_parent: bool = False
    ) -> Self:
        """Describe a new one. ``port`` is preferred; if it is busy, another is used."""
        return cls(directory, free_port(port), settings, die_with_parent=die_with_parent)

    @property
    def url(self) -> str:
        """The dashboard's URL."""
        return f"http://{self.address}/superset/dashboard/socialsim/"

    def environment(self) -> Mapping[str, str]:
        """Our settings, without those of another Superset in the environment."""
        kept = {key: value for key, value in super().environment().items() if not key.startswith("SUPERSET_")}
        own = {
            "SUPERSET_CONFIG_PATH": str(_HERE / "superset_config.py"),
            "SUPERSET_HOME": str(self.directory),
            "PYTHONWARNINGS": "ignore",
            "PYTHONUNBUFFERED": "1",
        }
        return {**kept, **own, **self.settings}

    def command(self) -> list[str]:
        """Gunicorn, without its control socket, which would be in the home directory."""
        gunicorn = str(ENVIRONMENT / "bin" / "gunicorn")
        size = ["--workers", str(_WORKERS), "--threads", str(_THREADS), "--worker-class", "gthread", "--timeout", "120"]
        return [gunicorn, "--bind", self.address, *size, "--no-control-socket", "superset.app:create_app()"]

    def probe(self) -> None:
        """Request its health."""
        with urllib.request.urlopen(f"http://{self.address}/health", timeout=10) as answer:
            if answer.read() != b"OK":
                raise StackError("it answers, but not OK")

    def prepare(self, *, export: Path | None = None) -> None:
        """Upgrade its metadata and import the dashboard; then write its export to ``export``.

        Raises StackError with the end of its output.
        """
        python = ENVIRONMENT / "bin" / "python"
        if not python.exists():
            raise StackError("Superset is not installed; make superset installs it")
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        argv = [str(python), str(_HERE / "prepare.py"), *(["--export", str(export)] if export else [])]
        with self.log_path.open("ab") as log:
            self.log_path.chmod(0o600)
            done = subprocess.run(
                argv,
                cwd=self.directory,
                env=dict(self.environment()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_PREPARATION_S_MAX,
                check=False,
            )
        if done.returncode != 0:
            raise StackError(f"Superset could not be prepared; the end of {self.log_path}:\n{self.log_tail()}")

    def to_state(self) -> dict[str, Any]:
        """The state for ``from_state`` in JSON types, without secrets."""
        process = [self.identity.pid, self.identity.start_ticks] if self.identity else None
        return {"port": self.port, "process": process}

    @classmethod
    def from_state(cls, directory: Path, state: Mapping[str, Any], settings: Mapping[str, str] | None = None) -> Self:
        """Attach to the server that another process started."""
        server = cls(directory, state["port"], settings)
        server.identity = ProcessIdentity(*state["process"]) if state["process"] else None
        return server


def installed() -> bool:
    """Whether its environment is installed."""
    return os.access(ENVIRONMENT / "bin" / "gunicorn", os.X_OK)
