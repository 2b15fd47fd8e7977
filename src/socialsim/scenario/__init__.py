"""Scenarios: what to simulate, their presets and their file format."""
