"""What a statistic of one run is: figures by the id of their band, and what there is to say about them."""

from collections.abc import Mapping
from dataclasses import dataclass


class NotComputableError(Exception):
    """A statistic cannot be told from this run; the message says why, without a full stop."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of one statistic. ``reason`` says why there are none. ``note`` adds what a person wants to know."""

    figures: Mapping[str, float]
    note: str = ""
    reason: str = ""


def require(condition: object, reason: str) -> None:
    """Raises NotComputableError unless ``condition`` holds."""
    if not condition:
        raise NotComputableError(reason)
