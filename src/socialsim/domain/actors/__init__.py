"""Users, stores and makers: the tasks of a shard and what they say to each other."""
