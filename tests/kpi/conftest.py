"""Migrated databases, as for the warehouse's own tests, and where runs keep their manifests."""

from pathlib import Path

import pytest

from tests.warehouse.conftest import empty_mysql, empty_sqlite, mysql_db, sqlite_db

__all__ = ["empty_mysql", "empty_sqlite", "mysql_db", "sqlite_db"]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Where the runs keep their manifests."""
    return tmp_path / "runs"
