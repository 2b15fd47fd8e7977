"""What one transaction stores, whatever the engine: rows, positions, duplicates. Pure."""
