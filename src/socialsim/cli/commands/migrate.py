"""``socialsim migrate``: creates or upgrades the warehouse's tables."""

import typer

from socialsim.bootstrap import migration
from socialsim.cli.options import WAREHOUSE_URL_DEFAULT, IntoOption, Session
from socialsim.cli.output import show


def migrate(context: typer.Context, *, into: IntoOption = WAREHOUSE_URL_DEFAULT) -> None:
    """Create the warehouse's tables or upgrade them."""
    session: Session = context.obj
    revision = migration.migrate(into, session.settings)
    show(f"{into} is at revision {revision}")
