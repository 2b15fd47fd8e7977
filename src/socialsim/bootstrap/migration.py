"""Creates or upgrades the warehouse's tables, and opens it for the consumer."""

import dataclasses

from socialsim.bootstrap.adapters import warehouse_adapter
from socialsim.bootstrap.secrets import password
from socialsim.bootstrap.warehouse import warehouse_target
from socialsim.settings import Settings
from socialsim.warehouse.base import Warehouse
from socialsim.warehouse.mysql.grants import apply_grants
from socialsim.warehouse.schema.migrate import migrate as migrate_tables
from socialsim.warehouse.urls import SqliteTarget


def open_warehouse(url: str, settings: Settings) -> Warehouse:
    """A warehouse that is not open yet.

    Creates the tables of SQLite; only ``migrate`` does for MySQL.
    """
    target = warehouse_target(url, settings)
    if isinstance(target, SqliteTarget):
        migrate_tables(url)
        embedded: Warehouse = warehouse_adapter(target).SqliteWarehouse(target.path)
        return embedded
    served: Warehouse = warehouse_adapter(target).MysqlWarehouse(target, password(settings, "MYSQL_PASSWORD"))
    return served


def migrate(url: str, settings: Settings) -> str:
    """Bring the warehouse's tables up to date and return their revision.

    If ``SOCIALSIM_MYSQL_MIGRATOR`` names a user, that user migrates and then grants the URL's user
    (the writer) and ``SOCIALSIM_MYSQL_READER`` the privileges they need and no others.
    """
    target = warehouse_target(url, settings)
    migrator = settings.text("MYSQL_MIGRATOR")
    if isinstance(target, SqliteTarget):
        return migrate_tables(url)
    if migrator is None:
        return migrate_tables(target.url, password(settings, "MYSQL_PASSWORD"))
    acting = dataclasses.replace(target, user=migrator)
    secret = password(settings, "MYSQL_MIGRATOR_PASSWORD")
    revision = migrate_tables(acting.url, secret)
    apply_grants(acting, secret, writer=target.user, reader=settings.text("MYSQL_READER"))
    return revision
