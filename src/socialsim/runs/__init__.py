"""Runs: their directories, manifests, digests and the list of known runs."""
