"""Where the events end: tables, migrations and bulk writers for MySQL and SQLite behind one interface."""
