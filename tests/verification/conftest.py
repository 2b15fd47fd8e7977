"""Migrated databases, as for the warehouse's own tests, and a small run stored in one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from socialsim.warehouse.schema.migrate import migrate
from tests.verification.stored import events_of, keep_books, store
from tests.warehouse.conftest import empty_mysql, empty_sqlite, mysql_db, sqlite_db
from tests.warehouse.warehouse_fixtures import WarehouseFixture

__all__ = ["empty_mysql", "empty_sqlite", "mysql_db", "sqlite_db"]

_TEMPLATE: dict[str, Path] = {}


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """The directory of the runs' manifests."""
    return tmp_path / "runs"


@pytest.fixture
async def stored_sqlite(tmp_path: Path, runs_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> WarehouseFixture:
    """The run r1 in a file of its own, with its manifests: a copy, which is faster than storing it."""
    template = _TEMPLATE.get("sqlite")
    if template is None:
        template = tmp_path_factory.mktemp("stored")
        db = WarehouseFixture(f"sqlite:///{template}/w.sqlite", None)
        migrate(db.url)
        await store(db, events_of("r1"))
        keep_books(template / "runs", "r1", events_of("r1"))
        _TEMPLATE["sqlite"] = template
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return WarehouseFixture(f"sqlite:///{tmp_path}/w.sqlite", None)


@pytest.fixture
async def stored_mysql(mysql_db: WarehouseFixture, runs_dir: Path) -> WarehouseFixture:
    """The run r1 on MariaDB and on MySQL 8, with its manifests."""
    await store(mysql_db, events_of("r1"))
    keep_books(runs_dir, "r1", events_of("r1"))
    return mysql_db


@pytest.fixture(scope="module", autouse=True)
def _forget_template() -> Iterator[None]:
    yield
    _TEMPLATE.clear()
