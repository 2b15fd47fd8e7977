"""The warehouse in MySQL 8 or MariaDB."""
