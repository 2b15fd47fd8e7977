"""What to do next, decided from plain values. Pure: the clock's reading is an argument."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from socialsim.consumer.settings import ConsumerSettings
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.base import OffsetAdvance, OffsetKey


def due_in_s(rows: int, size_bytes: int, age_s: float, settings: ConsumerSettings) -> float | None:
    """How long a batch may still wait for more records: 0 when it is due, None when it is empty."""
    if rows == 0:
        return None
    if is_full(rows, size_bytes, settings):
        return 0.0
    left_s = settings.flush_after_ms / 1000 - age_s
    # A wait shorter than the clock's resolution would end at once, and the caller would spin.
    return left_s if left_s > 0.001 else 0.0


def is_full(rows: int, size_bytes: int, settings: ConsumerSettings) -> bool:
    """Whether a batch should take no more records."""
    return rows >= settings.batch_rows or size_bytes >= settings.batch_bytes_max


def backoff_s(attempt: int, settings: ConsumerSettings) -> float:
    """The pause in seconds after failure number ``attempt``, counted from 0."""
    return min(settings.backoff_max_s, settings.backoff_min_s * 2.0 ** min(attempt, 30))


class CommitOutcome(NamedTuple):
    """The outcome of a transaction whose result was lost, by partition."""

    committed: frozenset[OffsetKey]  #: the records are stored
    replay: frozenset[OffsetKey]  #: nothing was stored: store the same records again
    lost: frozenset[OffsetKey]  #: another consumer moved the offset: the records in memory are void


def resolve(moves: Sequence[OffsetAdvance], stored: Mapping[OffsetKey, int]) -> CommitOutcome:
    """Derive the outcome of a transaction from the stored offsets, which move only with its rows.

    An offset at ``new`` may have been moved by another consumer that stored the same records: they
    are stored.
    """
    committed = frozenset(move.key for move in moves if stored[move.key] == move.new)
    replay = frozenset(move.key for move in moves if stored[move.key] == move.old)
    return CommitOutcome(committed, replay, frozenset(move.key for move in moves) - committed - replay)


def lag_of(stored: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> int | None:
    """Records in the log that are not yet stored, of the partitions in ``stored``.

    None if it is unknown: nothing is assigned, or the end of a partition has not been read yet.
    """
    if not stored or not stored.keys() <= ends.keys():
        return None
    return sum(max(0, ends[partition] - offset) for partition, offset in stored.items())


def missing_records(
    stored: Mapping[TopicPartition, int], goal: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Records missing up to ``goal``, by partition; complete partitions are left out."""
    left = {partition: end - stored.get(partition, 0) for partition, end in goal.items()}
    return {partition: records for partition, records in left.items() if records > 0}


@dataclass(slots=True)
class Watchdog:
    """Detects lag without progress. ``token`` is any value that changes with every progress."""

    stuck_after_s: float
    _token: object = None
    _since_s: float = 0.0

    def stuck_for_s(self, now_s: float, token: object, lag: int | None) -> float | None:
        """Seconds without progress in spite of lag once they reach ``stuck_after_s``, else None.

        A lag of None is unknown and counts as none.
        """
        if not lag or token != self._token:
            self._token = token
            self._since_s = now_s
            return None
        idle_s = now_s - self._since_s
        return idle_s if idle_s >= self.stuck_after_s else None

    def restart(self, since_s: float) -> None:
        """Count from ``since_s`` at the earliest: until then there was a known cause."""
        self._since_s = max(self._since_s, since_s)
