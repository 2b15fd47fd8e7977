"""A run's directory, its control totals, and the list of runs."""
