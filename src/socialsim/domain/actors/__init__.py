"""The actors of a shard: users, stores and the user maker, and the context that they share."""
