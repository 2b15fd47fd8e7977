"""Fixtures for databases of each engine."""

from pathlib import Path

import pytest

from compose.native import Database
from socialsim.warehouse.schema.migrate import migrate
from tests.warehouse.warehouse_fixtures import WarehouseFixture


@pytest.fixture
def empty_sqlite(tmp_path: Path) -> WarehouseFixture:
    """A file that does not exist yet, in a folder that does not exist yet."""
    return WarehouseFixture(f"sqlite:///{tmp_path}/new/folder/w.sqlite", None)


@pytest.fixture
def empty_mysql(fresh_database: Database) -> WarehouseFixture:
    """A database without tables, on MariaDB and on MySQL 8."""
    return WarehouseFixture(fresh_database.url, fresh_database.password)


@pytest.fixture
def sqlite_db(empty_sqlite: WarehouseFixture) -> WarehouseFixture:
    """A migrated file."""
    migrate(empty_sqlite.url)
    return empty_sqlite


@pytest.fixture
def mysql_db(empty_mysql: WarehouseFixture) -> WarehouseFixture:
    """A migrated database, on MariaDB and on MySQL 8."""
    migrate(empty_mysql.url, empty_mysql.password)
    return empty_mysql
