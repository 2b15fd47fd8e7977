"""Installs the servers' programs: Java, Maven and MariaDB from Debian, the rest from released jars.

Downloads are kept in ``${SOCIALSIM_CACHE:-${XDG_CACHE_HOME:-~/.cache}}/socialsim``, outside the
repository, and shared by all clones. Each part is built in a temporary directory and renamed under
a lock, so it is complete or absent however many processes need it at once.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from compose.native.server import StackError
from compose.native.settings import load_settings

_DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
_MAVEN = ("mvn", "-q", "-B", "-C")  # -C: a wrong checksum is an error
_COMPLETE = ".complete"


def cache_directory() -> Path:
    """The directory of programs and templates."""
    base = os.environ.get("SOCIALSIM_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "socialsim"


@contextlib.contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes; the file is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """The cache directory ``name``, made by ``build(directory)`` unless it is complete."""
    target = cache_directory() / name
    if (target / _COMPLETE).exists():
        return target
    with file_lock(cache_directory() / f"{name}.lock"):
        if (target / _COMPLETE).exists():  # another process built it while this one waited
            return target
        scratch = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache_directory()))
        try:
            build(scratch)
            (scratch / _COMPLETE).touch()
            shutil.rmtree(target, ignore_errors=True)
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def run(argv: Sequence[str], what: str) -> None:
    """Run a program quietly until it ends. Raises StackError with the end of its output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise StackError(f"{what} failed (exit {done.returncode}): {' '.join(argv)}\n{tail}")


def find_program(name: str) -> str | None:
    """A program's path, also from system directories that a user's PATH may lack."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"]))


def _ensure_packages(missing: bool, packages: Sequence[str], what: str) -> None:
    if not missing:
        return
    command = f"apt-get install --yes --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise StackError(f"{what} is missing; as root: {command}")
    with file_lock(cache_directory() / "apt.lock"):
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        apt = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")
        run((*apt, "update"), "apt-get update")
        run((*apt, *command.split()[1:]), f"installing {what}")


def ensure_java() -> str:
    """The path of ``java``, 17 or later for the broker; installs Debian's if there is none."""
    _ensure_packages(find_program("java") is None, ("openjdk-17-jre-headless",), "Java 17")
    return find_program("java") or "java"


def ensure_jq() -> str:
    """The path of ``jq``, with which recipes of the documentation are tested."""
    _ensure_packages(find_program("jq") is None, ("jq",), "jq")
    return find_program("jq") or "jq"


def _ensure_maven() -> None:
    ensure_java()
    _ensure_packages(find_program("mvn") is None, ("maven",), "Maven")


def ensure_compose_checker() -> str:
    """The path of ``docker-compose``, which checks the compose file without an engine."""
    _ensure_packages(find_program("docker-compose") is None, ("docker-compose",), "docker-compose")
    return find_program("docker-compose") or "docker-compose"


def ensure_kafka() -> Path:
    """The directory of Kafka's jars."""
    ensure_java()
    settings = load_settings().kafka

    def build(directory: Path) -> None:
        _ensure_maven()
        pom = directory / "pom.xml"
        shutil.copy(Path(__file__).with_name("pom.xml"), pom)
        run(
            (
                *_MAVEN,
                "-f",
                str(pom),
                f"-Dkafka.version={settings.version}",
                f"-Dscala.version={settings.scala}",
                f"{_DEPENDENCY_PLUGIN}:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={directory}",
            ),
            f"fetching Kafka {settings.version}",
        )
        if not (directory / f"kafka_{settings.scala}-{settings.version}.jar").exists():
            raise StackError(f"Maven succeeded but {directory} contains no Kafka {settings.version}")

    return cached(f"kafka-{settings.version}", build)


def ensure_mysql() -> Path:
    """The base directory of real MySQL 8: ``bin/mysqld`` and ``share``. Linux on x86-64 only."""
    settings = load_settings().mysql
    if platform.machine() != "x86_64":
        raise StackError(f"MySQL's released jar is for x86_64, this is {platform.machine()}; use MariaDB instead")
    missing = not all(_has_library(name) for name in ("libaio.so.1", "libnuma.so.1"))
    _ensure_packages(missing, ("libaio1", "libnuma1"), "libaio and libnuma, which MySQL needs,")

    def build(directory: Path) -> None:
        _ensure_maven()
        run(
            (
                *_MAVEN,
                f"{_DEPENDENCY_PLUGIN}:copy",
                f"-Dartifact={settings.native_artifact}",
                f"-DoutputDirectory={directory}",
                "-Dmdep.useBaseVersion=true",
            ),
            f"fetching MySQL {settings.native}",
        )
        (jar,) = directory.glob("*.jar")
        _check_digest(jar, settings.native_sha256)
        with (
            zipfile.ZipFile(jar) as archive,
            archive.open("mysql-Linux-amd64.tar.gz") as packed,
            tarfile.open(fileobj=packed, mode="r:gz") as tar,
        ):
            tar.extractall(directory, filter="data")
        jar.unlink()

    return cached(f"mysql-{settings.native}", build)


def ensure_registry() -> Path:
    """The directory of Apicurio Registry, with its ``*-runner.jar``."""
    ensure_java()
    settings = load_settings().registry

    def build(directory: Path) -> None:
        _ensure_maven()
        run(
            (
                *_MAVEN,
                f"{_DEPENDENCY_PLUGIN}:copy",
                f"-Dartifact={settings.artifact}",
                f"-DoutputDirectory={directory}",
                "-Dmdep.useBaseVersion=true",
            ),
            f"fetching Apicurio Registry {settings.version}",
        )
        (archive,) = directory.glob("*.tar.gz")
        _check_digest(archive, settings.sha256)
        with tarfile.open(archive) as tar:
            tar.extractall(directory, filter="data")
        archive.unlink()

    return cached(f"apicurio-{settings.version}", build)


def _check_digest(path: Path, expected: str) -> None:
    """Raises StackError unless the file is the one that settings.toml names."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != expected:
        raise StackError(f"{path.name} has SHA-256 {digest}, not {expected} as in settings.toml")


def _has_library(name: str) -> bool:
    places = ("/lib", "/usr/lib", "/lib64", "/usr/lib64")
    return any(next(Path(place).glob(f"**/{name}"), None) for place in places)


def ensure_mariadb() -> Path:
    """The path of ``mariadbd``, from Debian's core packages, which start no service."""
    missing = find_program("mariadbd") is None or find_program("mariadb-install-db") is None
    _ensure_packages(missing, ("mariadb-server-core", "mariadb-client-core"), "MariaDB")
    return Path(find_program("mariadbd") or "mariadbd")


def version_of(program: str) -> str:
    """The first version number that ``program --version`` prints."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+\.\d+", done.stdout)
    if not found:
        raise StackError(f"{program} --version says {done.stdout + done.stderr!r}")
    return found.group()
