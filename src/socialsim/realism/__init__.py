"""Compares a run with real networks: statistics of its events beside published values; see
docs/realism.md.

Needs numpy and scipy, the extra ``validate``. Only the command ``validate`` imports this package.
"""
