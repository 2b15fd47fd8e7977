"""Where the events end: tables, migrations and bulk writers for MySQL and SQLite behind one interface."""

import logging

# Alembic tells of every step at INFO, the first ones while it is imported; only its warnings concern a person.
logging.getLogger("alembic").setLevel(logging.WARNING)
