"""Behaviour: pure functions from a scenario's parameters and random draws to decisions."""
