"""What to simulate: the scenario, its presets and its file format."""
