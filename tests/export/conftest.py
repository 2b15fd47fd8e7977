"""Migrated databases, and the run r1 stored in one, as for the tests of warehouse and analysis."""

from tests.verification.conftest import runs_dir, stored_sqlite
from tests.warehouse.conftest import empty_mysql, empty_sqlite, mysql_db, sqlite_db

__all__ = ["empty_mysql", "empty_sqlite", "mysql_db", "runs_dir", "sqlite_db", "stored_sqlite"]
