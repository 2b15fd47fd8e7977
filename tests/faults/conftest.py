"""Fixtures of the faults: processes in a directory of their own, and databases behind a proxy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compose.native import Database
from socialsim.warehouse.schema.migrate import migrate
from tests.support.processes import Cli, clis
from tests.support.proxy import MysqlProxy
from tests.warehouse.warehouse_fixtures import WarehouseFixture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this directory is a fault."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faults")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Cli]]:
    """Starts ``socialsim`` with the given arguments in ``tmp_path``; whatever is left at the end is
    killed.
    """
    with clis(tmp_path) as factory:
        yield factory


@pytest.fixture
def mysql_db(fresh_database: Database) -> WarehouseFixture:
    """A migrated database on a shared server, once on MariaDB and once on MySQL 8."""
    migrate(fresh_database.url, fresh_database.password)
    return WarehouseFixture(fresh_database.url, fresh_database.password)


@pytest.fixture
def proxy(fresh_database: Database) -> Iterator[MysqlProxy]:
    """A proxy before the server of ``mysql_db``."""
    with MysqlProxy(fresh_database.port) as started:
        yield started


@pytest.fixture
def proxied(mysql_db: WarehouseFixture, proxy: MysqlProxy, fresh_database: Database) -> WarehouseFixture:
    """The same database as ``mysql_db``, through the proxy."""
    url = mysql_db.url.replace(f":{fresh_database.port}/", f":{proxy.port}/")
    return WarehouseFixture(url, mysql_db.password)
