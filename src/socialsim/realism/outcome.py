"""The measurement of one statistic of one run: values by the id of their band, and notes."""

from collections.abc import Mapping
from dataclasses import dataclass


class NotComputableError(Exception):
    """A statistic cannot be computed from this run; the message is the reason, without a full
    stop.
    """


@dataclass(frozen=True, slots=True)
class Measurement:
    """The values of one statistic.

    ``reason`` says why there are none; ``note`` adds details for people.
    """

    figures: Mapping[str, float]
    note: str = ""
    reason: str = ""


def require(condition: object, reason: str) -> None:
    """Raises NotComputableError unless ``condition`` holds."""
    if not condition:
        raise NotComputableError(reason)
