"""Databases of each kind."""

from pathlib import Path

import pytest

from compose.native import Database
from socialsim.warehouse.schema.migrate import migrate
from tests.warehouse.places import Place


@pytest.fixture
def empty_sqlite(tmp_path: Path) -> Place:
    """A file that is not there yet, nor its folders."""
    return Place(f"sqlite:///{tmp_path}/new/folder/w.sqlite", None)


@pytest.fixture
def empty_mysql(fresh_database: Database) -> Place:
    """A database without tables, once on MariaDB and once on MySQL 8."""
    return Place(fresh_database.url, fresh_database.password)


@pytest.fixture
def sqlite_place(empty_sqlite: Place) -> Place:
    """A migrated file."""
    migrate(empty_sqlite.url)
    return empty_sqlite


@pytest.fixture
def mysql_place(empty_mysql: Place) -> Place:
    """A migrated database, once on MariaDB and once on MySQL 8."""
    migrate(empty_mysql.url, empty_mysql.password)
    return empty_mysql
