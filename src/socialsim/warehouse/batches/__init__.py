"""The engine-independent content of one transaction: rows, positions, duplicates. Pure."""
