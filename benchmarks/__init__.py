"""Benchmarks against a known baseline measured in the same run; see ``--help``."""
