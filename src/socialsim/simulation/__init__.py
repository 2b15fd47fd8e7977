"""Simulates the shards of a run in one or more processes that exchange envelopes at window ends."""
