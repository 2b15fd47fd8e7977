"""Migrated databases, as for the warehouse's own tests."""

from tests.warehouse.conftest import empty_mysql, empty_sqlite, mysql_db, sqlite_db

__all__ = ["empty_mysql", "empty_sqlite", "mysql_db", "sqlite_db"]
