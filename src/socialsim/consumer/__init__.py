"""From the event log into the warehouse: each record exactly once, as a row or as a dead letter."""

from socialsim.consumer.consumer import Consumer, StuckError
from socialsim.consumer.settings import ConsumerSettings
from socialsim.consumer.stats import ConsumerStats

__all__ = ["Consumer", "ConsumerSettings", "ConsumerStats", "StuckError"]
