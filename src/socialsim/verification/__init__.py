"""What can be learned from a warehouse by reading it. ``verify`` holds a run's rows against its books."""
