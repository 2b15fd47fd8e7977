"""The simulated network: population, behaviour, and the actors of each shard."""
