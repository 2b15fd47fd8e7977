"""What to do next, decided from plain values. Pure: the clock's reading is an argument."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from socialsim.consumer.settings import ConsumerSettings
from socialsim.transport.base import TopicPartition
from socialsim.warehouse.base import OffsetKey, OffsetMove


def due_in_s(rows: int, size_bytes: int, age_s: float, settings: ConsumerSettings) -> float | None:
    """How long a batch may still wait for company: 0 when it is due, None when there is nothing to store."""
    if rows == 0:
        return None
    if is_full(rows, size_bytes, settings):
        return 0.0
    left_s = settings.flush_after_ms / 1000 - age_s
    # A wait shorter than the clock can tell would be over before it began, for ever.
    return left_s if left_s > 0.001 else 0.0


def is_full(rows: int, size_bytes: int, settings: ConsumerSettings) -> bool:
    """Whether a batch should take no more records."""
    return rows >= settings.batch_rows or size_bytes >= settings.batch_bytes_max


def backoff_s(attempt: int, settings: ConsumerSettings) -> float:
    """The pause before trying again after failure number ``attempt``, counted from 0."""
    return min(settings.backoff_max_s, settings.backoff_min_s * 2.0 ** min(attempt, 30))


class Outcome(NamedTuple):
    """What became of a transaction whose result is not known, by partition."""

    committed: frozenset[OffsetKey]  #: the records are stored
    replay: frozenset[OffsetKey]  #: nothing was stored, the same records are to be stored again
    lost: frozenset[OffsetKey]  #: another moved the offset: the records in memory are void


def resolve(moves: Sequence[OffsetMove], stored: Mapping[OffsetKey, int]) -> Outcome:
    """Read the outcome of a transaction from the stored offsets, which cannot lie: they move only with the rows.

    An offset at ``new`` may have been moved by another consumer that stored the same records: they are stored.
    """
    committed = frozenset(move.key for move in moves if stored[move.key] == move.new)
    replay = frozenset(move.key for move in moves if stored[move.key] == move.old)
    return Outcome(committed, replay, frozenset(move.key for move in moves) - committed - replay)


def lag_of(stored: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> int | None:
    """Records of the assigned partitions, those of ``stored``, that are in the log and not in the warehouse yet.

    None where that is not known: nothing is assigned, or the end of a partition was not told yet.
    """
    if not stored or not stored.keys() <= ends.keys():
        return None
    return sum(max(0, ends[partition] - offset) for partition, offset in stored.items())


def unreached(stored: Mapping[TopicPartition, int], goal: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The partitions that are not stored up to their ``goal``, with the records that are missing."""
    left = {partition: end - stored.get(partition, 0) for partition, end in goal.items()}
    return {partition: records for partition, records in left.items() if records > 0}


@dataclass(slots=True)
class Watchdog:
    """Notices when there is lag and nothing moves. ``token`` is any value that changes with each bit of progress."""

    stuck_after_s: float
    _token: object = None
    _since_s: float = 0.0

    def stuck_for_s(self, now_s: float, token: object, lag: int | None) -> float | None:
        """For how long nothing has moved in spite of lag, once that is too long; else None. Lag None is not known."""
        if not lag or token != self._token:
            self._token = token
            self._since_s = now_s
            return None
        idle_s = now_s - self._since_s
        return idle_s if idle_s >= self.stuck_after_s else None

    def forgive(self, until_s: float) -> None:
        """There was a known cause until then, which is waited out: count from there."""
        self._since_s = max(self._since_s, until_s)
