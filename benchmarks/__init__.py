"""Measurements beside a known yardstick in the same run. ``python -m benchmarks --help`` says what there is."""
