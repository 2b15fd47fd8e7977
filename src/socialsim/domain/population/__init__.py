"""Who the users are, as pure functions of the seed and the user id."""
