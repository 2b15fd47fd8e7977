"""The composition root: the only place that chooses between Kafka and files, MySQL and SQLite."""
