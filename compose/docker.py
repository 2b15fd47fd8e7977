"""The same two services by Docker Compose, for machines with a Docker engine."""

import secrets
import shutil
import subprocess
from pathlib import Path

from compose.endpoints import Endpoints
from compose.native.ports import free_port
from compose.native.server import StackError

COMPOSE_FILE = Path(__file__).with_name("docker-compose.yml")
_SECRETS = (
    "SOCIALSIM_MYSQL_PASSWORD",
    "SOCIALSIM_MYSQL_MIGRATOR_PASSWORD",
    "SOCIALSIM_MYSQL_READER_PASSWORD",
    "SOCIALSIM_MYSQL_ROOT_PASSWORD",
)
#: Settings of services added later, which an older ``docker.env`` lacks.
_LATER_SECRETS = ("SOCIALSIM_SUPERSET_PASSWORD", "SOCIALSIM_SUPERSET_SECRET_KEY")
_USERS = {"SOCIALSIM_MYSQL_MIGRATOR": "socialsim_migrator", "SOCIALSIM_MYSQL_READER": "socialsim_reader"}
_PORTS = {"SOCIALSIM_KAFKA_PORT": 9092, "SOCIALSIM_MYSQL_PORT": 3306, "SOCIALSIM_SUPERSET_PORT": 8088}


def engine_answers() -> bool:
    """Whether a Docker engine and its Compose plugin can be used."""
    if shutil.which("docker") is None:
        return False
    checks = (["docker", "info", "--format", "{{.ServerVersion}}"], ["docker", "compose", "version"])
    return all(_succeeds(check) for check in checks)


def _succeeds(argv: list[str]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class DockerStack:
    """Kafka and MySQL in containers.

    ``docker.env`` keeps ports and passwords as long as the data exist.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.env_path = directory / "docker.env"

    @property
    def exists(self) -> bool:
        """Whether it was started and not wiped."""
        return self.env_path.exists()

    def up(self) -> Endpoints:
        """Start both and wait until they are healthy."""
        values = self._environment()
        self._compose("up", "--detach", "--wait", "kafka", "mysql")
        kafka = f"kafka://127.0.0.1:{values['SOCIALSIM_KAFKA_PORT']}"
        mysql = f"mysql://socialsim@127.0.0.1:{values['SOCIALSIM_MYSQL_PORT']}/socialsim"
        return Endpoints(kafka, mysql, _USERS | {name: values[name] for name in _SECRETS[:3]})

    def superset_up(self) -> tuple[str, str]:
        """Build and start Superset and wait until it is healthy.

        Returns URL and administrator's password.
        """
        values = self._environment()
        self._compose("up", "--detach", "--wait", "--build", "superset")
        url = f"http://127.0.0.1:{values['SOCIALSIM_SUPERSET_PORT']}/superset/dashboard/socialsim/"
        return url, values["SOCIALSIM_SUPERSET_PASSWORD"]

    def down(self, *, wipe: bool = False) -> None:
        """Remove the containers, with ``wipe`` also their data."""
        self._compose("down", *(["--volumes"] if wipe else []))
        if wipe:
            self.env_path.unlink()

    def status(self) -> None:
        """Print the containers' states."""
        self._compose("ps")

    def _environment(self) -> dict[str, str]:
        lines = self.env_path.read_text(encoding="utf-8").splitlines() if self.exists else []
        values = dict(line.split("=", 1) for line in lines)
        missing = [key for key in (*_SECRETS, *_LATER_SECRETS, *_PORTS) if key not in values]
        if not missing:
            return values
        for key in missing:
            values[key] = str(free_port(_PORTS[key])) if key in _PORTS else secrets.token_urlsafe(32)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.env_path.touch(mode=0o600)
        self.env_path.write_text("".join(f"{k}={v}\n" for k, v in values.items()), encoding="utf-8")
        return values

    def _compose(self, *arguments: str) -> None:
        files = ("--env-file", str(self.env_path), "--file", str(COMPOSE_FILE))
        argv = ["docker", "compose", "--project-name", "socialsim", "--profile", "superset", *files, *arguments]
        done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise StackError(f"docker compose {arguments[0]} failed (exit {done.returncode})")
