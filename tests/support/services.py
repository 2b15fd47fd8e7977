"""Real services for tests: shared ones, private ones, and names that keep tests apart."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from compose.native import Database, KafkaCluster, MySQLServer, RegistryServer

#: By fixture parameter: the name of the test's variant and the flavour of the server.
MYSQL_VARIANTS = {"mariadb": "mariadb", "mysql8": "mysql"}

KafkaFactory = Callable[..., KafkaCluster]
MySQLFactory = Callable[..., MySQLServer]
RegistryFactory = Callable[..., RegistryServer]


@contextlib.contextmanager
def private_servers(create: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A factory of started servers, each in its own directory; all are killed and removed at the
    end.

    Directories lie directly under the system's temporary directory: pytest keeps its own ones for
    three sessions, and a server's is a hundred megabytes.
    """
    with contextlib.ExitStack() as cleanup:

        def factory(**options: Any) -> Any:
            directory = Path(tempfile.mkdtemp(prefix="socialsim-server-"))
            cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
            server = create(directory, **options)
            cleanup.callback(server.kill)
            server.start()
            return server

        yield factory


@contextlib.contextmanager
def database_of(server: MySQLServer, name: str) -> Iterator[Database]:
    """A new database with its own user, dropped at the end."""
    database = server.create_database(name)
    try:
        yield database
    finally:
        server.drop_database(database)
