"""Tables, migrations and bulk writers for MySQL and SQLite behind one interface."""

import logging

# Alembic logs every step at INFO, some while it is imported; users need only its warnings.
logging.getLogger("alembic").setLevel(logging.WARNING)
