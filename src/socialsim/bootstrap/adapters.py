"""Imports adapters by a URL's scheme, so that a command loads only the drivers it needs."""

from importlib import import_module
from types import ModuleType

from socialsim.settings import Settings
from socialsim.transport.urls import FileUrl, LogUrl
from socialsim.warehouse.urls import SqliteTarget, WarehouseTarget


def log_adapter(log: LogUrl) -> ModuleType:
    """``bootstrap.file_log`` or ``bootstrap.kafka_log``, which offer the same functions."""
    return import_module(f"socialsim.bootstrap.{'file_log' if isinstance(log, FileUrl) else 'kafka_log'}")


def warehouse_adapter(target: WarehouseTarget) -> ModuleType:
    """``warehouse.sqlite.warehouse`` or ``warehouse.mysql.warehouse``."""
    return import_module(f"socialsim.warehouse.{'sqlite' if isinstance(target, SqliteTarget) else 'mysql'}.warehouse")


def count_stored_rows(url: str, settings: Settings) -> dict[str, int]:
    """``bootstrap.warehouse.count_stored_rows``, imported on call: SQLAlchemy loads slowly."""
    counts: dict[str, int] = import_module("socialsim.bootstrap.warehouse").count_stored_rows(url, settings)
    return counts
