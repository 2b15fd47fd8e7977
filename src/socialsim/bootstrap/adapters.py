"""What depends on a URL's scheme is imported when the URL is known: a command loads only the drivers that it uses."""

from importlib import import_module
from types import ModuleType

from socialsim.transport.urls import FileUrl, LogUrl
from socialsim.warehouse.urls import SqliteTarget, WarehouseTarget


def log_adapter(log: LogUrl) -> ModuleType:
    """``bootstrap.file_log`` or ``bootstrap.kafka_log``, which offer the same functions."""
    return import_module(f"socialsim.bootstrap.{'file_log' if isinstance(log, FileUrl) else 'kafka_log'}")


def warehouse_adapter(target: WarehouseTarget) -> ModuleType:
    """``warehouse.sqlite.warehouse`` or ``warehouse.mysql.warehouse``."""
    return import_module(f"socialsim.warehouse.{'sqlite' if isinstance(target, SqliteTarget) else 'mysql'}.warehouse")
