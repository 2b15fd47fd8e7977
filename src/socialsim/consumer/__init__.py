"""Moves records from the event log into the warehouse, exactly once, as rows or as dead letters."""

from socialsim.consumer.consumer import Consumer, StuckError
from socialsim.consumer.settings import ConsumerSettings
from socialsim.consumer.stats import ConsumerStats

__all__ = ["Consumer", "ConsumerSettings", "ConsumerStats", "StuckError"]
