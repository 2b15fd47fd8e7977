"""Who the users are: pure functions of seed and user id."""
