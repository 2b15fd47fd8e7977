"""The state of the ingestion: what is stored, how fast, and what is waiting in the log."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select

from socialsim.report.rows import Run
from socialsim.verification.offsets import LogEnds, OffsetRow, event_of_topic
from socialsim.warehouse.schema.tables import EVENT_TABLES

_WINDOW_S: Final = 10.0  #: batches come in bursts; over this window they give a steady rate
_RATES_MAX: Final = 150


class IngestionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One poll.

    ``lag`` and ``rows_per_s`` are None if unknown; ``rates`` are the latest values of the latter.
    """

    rows: int = 0
    rows_per_s: float | None = None
    lag: int | None = None
    newest: datetime | None = None  #: event time of the newest stored event, UTC
    rates: list[float | None] = []
    #: why this poll failed; the other members are then from the last good one
    problem: str | None = None


class RateMeter:
    """Rows per second over the last ten seconds. ``clock`` returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()
        self._rates: deque[float | None] = deque(maxlen=_RATES_MAX)

    @property
    def rates(self) -> list[float | None]:
        """The latest rates, oldest first."""
        return list(self._rates)

    def rate(self, rows: int) -> float | None:
        """Add the current count.

        None the first time, or if the count decreased because the run changed.
        """
        now_s = self._clock()
        if self._seen and rows < self._seen[-1][1]:
            self._seen.clear()
        while len(self._seen) > 1 and self._seen[0][0] < now_s - _WINDOW_S:
            self._seen.popleft()
        self._seen.append((now_s, rows))
        since_s, rows_before = self._seen[0]
        rate = (rows - rows_before) / (now_s - since_s) if now_s > since_s else None
        self._rates.append(rate)
        return rate


def lag_of(offsets: list[OffsetRow], ends: LogEnds, run_id: str) -> int:
    """Records of the log that no group has stored.

    Runs share Kafka's topics: there it covers all runs.
    """
    stored: dict[tuple[str, int], int] = {}
    for row in offsets:
        if ends.has(row):
            partition = (row.topic, row.partition)
            stored[partition] = max(stored.get(partition, 0), row.next_offset)
    own: Mapping[tuple[str, int], int] = {
        partition: end for partition, end in ends.ends.items() if event_of_topic(partition[0], run_id) is not None
    }
    return sum(max(0, end - stored.get(partition, 0)) for partition, end in own.items())


def newest_event(connection: Connection, run: Run) -> datetime | None:
    """The time of the newest stored event: one look-up per table, by primary key."""
    newest = [
        connection.scalar(select(func.max(table.c.event_time)).where(table.c.run_key == run.key))
        for table in EVENT_TABLES.values()
    ]
    return max((each for each in newest if each is not None), default=None)
