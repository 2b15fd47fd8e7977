"""Fixtures for what talks to Kafka and MySQL. Servers start when a test first asks for them.

The processes of one test session share one server of each kind; what a test does to a shared server
must not be felt by others, so it uses its own ``topic_prefix`` and ``fresh_database``. A test that
stops, kills or freezes a server makes a private one by ``kafka_cluster_factory`` or
``mysql_factory``.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from compose.native import Database, KafkaCluster, MySQLServer, RegistryServer
from compose.native.keeper import shared_state, stop_keepers
from tests.support.own_logs import own_logs
from tests.support.services import (
    MYSQL_VARIANTS,
    KafkaFactory,
    MySQLFactory,
    RegistryFactory,
    database_of,
    private_servers,
)

# The same examples on every machine, however busy: a test that fails once must fail again.
settings.register_profile("socialsim", deadline=None, derandomize=True)
settings.load_profile("socialsim")

_shared_directory = pytest.StashKey[Path]()
_controller_pid = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process makes the directory of the shared servers; pytest-xdist's workers are
    told of it.
    """
    told: dict[str, Any] | None = getattr(config, "workerinput", None)
    if told is None:
        config.stash[_shared_directory] = Path(tempfile.mkdtemp(prefix="socialsim-shared-"))
        config.stash[_controller_pid] = os.getpid()
    else:
        config.stash[_shared_directory] = Path(told["shared_directory"])
        config.stash[_controller_pid] = told["controller_pid"]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Runs in the controlling process for each worker, if pytest-xdist is used."""
    node.workerinput["shared_directory"] = str(node.config.stash[_shared_directory])
    node.workerinput["controller_pid"] = node.config.stash[_controller_pid]


def pytest_unconfigure(config: pytest.Config) -> None:
    """The controlling process ends the shared servers."""
    if config.stash[_controller_pid] == os.getpid():
        stop_keepers(config.stash[_shared_directory])
        shutil.rmtree(config.stash[_shared_directory], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, and what starts the command line anew for each call: ``make
    test-fast`` has neither.
    """
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if names & {"kafka", "kafka_cluster_factory"}:
            item.add_marker("kafka")
        if names & {"mysql", "mysql_factory"}:
            item.add_marker("mysql")
        if names & {"registry", "registry_factory"}:
            item.add_marker("registry")
        # a parameter may have such a name, too
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if (names - set(parameters)) & {"cli", "start", "simulated"}:
            item.add_marker("processes")


@pytest.fixture(autouse=True)
def _logs_of_one_test() -> Iterator[None]:
    """A test that runs a command in this process must not take the next one's log lines away."""
    with own_logs():
        yield


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> KafkaCluster:
    """A shared broker: ``kafka.bootstrap`` is ``127.0.0.1:PORT``, ``kafka.url`` is
    ``kafka://127.0.0.1:PORT``.
    """
    stash = request.config.stash
    return KafkaCluster.from_state(shared_state("kafka", stash[_shared_directory], stash[_controller_pid]))


@pytest.fixture(scope="session", params=MYSQL_VARIANTS)
def mysql(request: pytest.FixtureRequest) -> MySQLServer:
    """A shared server, once MariaDB and once MySQL 8: host, port, root_user, root_password,
    create_database(name).
    """
    stash = request.config.stash
    flavour = MYSQL_VARIANTS[request.param]
    return MySQLServer.from_state(shared_state(flavour, stash[_shared_directory], stash[_controller_pid]))


@pytest.fixture(scope="session")
def registry(request: pytest.FixtureRequest) -> RegistryServer:
    """A shared schema registry: ``registry.url`` is what ``--registry`` takes.

    A test uses subjects of its own.
    """
    stash = request.config.stash
    return RegistryServer.from_state(shared_state("registry", stash[_shared_directory], stash[_controller_pid]))


@pytest.fixture
def unique_name() -> str:
    """A name that no other test has: letters, digits and ``_``, 14 characters, begins with a
    letter.
    """
    return f"t_{secrets.token_hex(6)}"


@pytest.fixture
def topic_prefix(unique_name: str) -> str:
    """For the topics of this test alone; ends with a dot, as in ``t_0123456789ab.pictures``."""
    return f"{unique_name}."


@pytest.fixture
def fresh_database(mysql: MySQLServer, unique_name: str) -> Iterator[Database]:
    """An empty database on ``mysql``: ``.url`` is ``mysql://USER@127.0.0.1:PORT/NAME``,
    ``.password`` is apart.
    """
    with database_of(mysql, unique_name) as database:
        yield database


@pytest.fixture
def kafka_cluster_factory() -> Iterator[KafkaFactory]:
    """``kafka_cluster_factory(brokers=1 | 3, **options of KafkaCluster.create)``: a private,
    started cluster.
    """
    with private_servers(KafkaCluster.create) as factory:
        yield factory


@pytest.fixture
def mysql_factory() -> Iterator[MySQLFactory]:
    """``mysql_factory(flavour="mariadb" | "mysql", **options of MySQLServer.create)``: a private,
    started server.
    """
    with private_servers(MySQLServer.create) as factory:
        yield factory


@pytest.fixture
def registry_factory() -> Iterator[RegistryFactory]:
    """``registry_factory()``: a private, started schema registry."""
    with private_servers(RegistryServer.create) as factory:
        yield factory
