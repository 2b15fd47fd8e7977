"""The warehouse in one SQLite file."""
