"""Read-only analysis of a warehouse. ``verify`` reconciles a run's rows with its manifests."""
