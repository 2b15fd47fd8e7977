"""The people and what they do: actors, stores, makers and pure decisions, one world for each shard."""
