"""Migrated databases, as for the warehouse's own tests."""

from tests.warehouse.conftest import empty_mysql, empty_sqlite, mysql_place, sqlite_place

__all__ = ["empty_mysql", "empty_sqlite", "mysql_place", "sqlite_place"]
