"""Shards, the processes that host them, and the exchange of letters between windows."""
