"""The revision of a warehouse's tables, and the one that this version needs.

Does not load Alembic.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from socialsim.errors import SchemaOutdatedError
from socialsim.warehouse.engines import read_engine, translated
from socialsim.warehouse.urls import SqliteTarget, WarehouseTarget, parse_warehouse_url

#: Migrations are named by their revision, which counts up: 0001_event_tables.py.
_SCRIPT: Final = re.compile(r"(\d{4})_\w+\.py")


def current_revision(url: str, password: str | None = None) -> str | None:
    """The revision of the tables at ``url``, None without tables.

    Raises InputError, ServiceUnavailableError.
    """
    target = parse_warehouse_url(url)
    if isinstance(target, SqliteTarget) and not target.path.exists():
        return None
    with connected(read_engine(url, password), target) as connection:
        return read_revision(connection)


def expected_revision() -> str:
    """The revision that this version needs: that of the last migration."""
    return max(known_revisions())


def known_revisions() -> frozenset[str]:
    """The revisions of all migrations. Raises SchemaOutdatedError if there are none."""
    versions = scripts_path() / "versions"
    names = [path.name for path in versions.iterdir()] if versions.is_dir() else []
    found = frozenset(match[1] for name in names if (match := _SCRIPT.fullmatch(name)))
    if not found:
        raise SchemaOutdatedError(f"no migrations in {versions}: the installation is incomplete")
    return found


def check_revision(found: str | None, target: WarehouseTarget) -> None:
    """Raise SchemaOutdatedError with the remedy unless ``found`` is the expected revision."""
    expected = expected_revision()
    if found == expected:
        return
    if found is None:
        raise SchemaOutdatedError(f"{target} holds no tables yet; run: socialsim migrate --into {target}")
    if found not in known_revisions():
        raise SchemaOutdatedError(
            f"{target} is at revision {found}, which this version does not know (it has {expected}); update socialsim, "
            "or give it a database of its own if another program created the tables"
        )
    raise SchemaOutdatedError(
        f"{target} is at revision {found}, this version needs {expected}; run: socialsim migrate --into {target}"
    )


@contextmanager
def connected(engine: Engine, target: WarehouseTarget) -> Iterator[Connection]:
    """A connection of ``engine`` with translated errors; the engine is disposed of at the end."""
    try:
        with translated(target), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def read_revision(connection: Connection) -> str | None:
    """The revision that the database records, or None."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def scripts_path() -> Path:
    """The migration scripts: inside an installed package, or at the top of a source checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent.parent / "migrations"
