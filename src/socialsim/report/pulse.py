"""How the ingestion does: what is stored, how fast, and what waits in the log."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select

from socialsim.analytics.offsets import LogEnds, OffsetRow, event_of_topic
from socialsim.report.rows import Run
from socialsim.warehouse.tables import EVENT_TABLES

_WINDOW_S: Final = 10.0  #: batches come in bursts; over as long a time they make a rate
_RATES_MAX: Final = 150


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """One look. ``lag`` and ``rows_per_s`` are None where they are not known; ``rates`` are the latest of the latter."""

    rows: int = 0
    rows_per_s: float | None = None
    lag: int | None = None
    newest: datetime | None = None  #: simulated time of the newest event that is stored, UTC
    rates: list[float | None] = []
    problem: str | None = None  #: why this look failed; the other members are then of the last one that did not


class RateMeter:
    """Rows a second over the last ten seconds. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()
        self._rates: deque[float | None] = deque(maxlen=_RATES_MAX)

    @property
    def rates(self) -> list[float | None]:
        """The latest, the oldest first."""
        return list(self._rates)

    def rate(self, rows: int) -> float | None:
        """Take the count of now; None at the first time, or if it went back because another run is meant."""
        now_s = self._clock()
        if self._seen and rows < self._seen[-1][1]:
            self._seen.clear()
        while len(self._seen) > 1 and self._seen[0][0] < now_s - _WINDOW_S:
            self._seen.popleft()
        self._seen.append((now_s, rows))
        since_s, before = self._seen[0]
        rate = (rows - before) / (now_s - since_s) if now_s > since_s else None
        self._rates.append(rate)
        return rate


def lag_of(offsets: list[OffsetRow], ends: LogEnds, run_id: str) -> int:
    """Records of the log that no group has stored. Kafka's topics are shared by runs, so there it is of all of them."""
    stored: dict[tuple[str, int], int] = {}
    for row in offsets:
        if ends.has(row):
            place = (row.topic, row.partition)
            stored[place] = max(stored.get(place, 0), row.next_offset)
    own: Mapping[tuple[str, int], int] = {
        place: end for place, end in ends.ends.items() if event_of_topic(place[0], run_id) is not None
    }
    return sum(max(0, end - stored.get(place, 0)) for place, end in own.items())


def newest_event(connection: Connection, run: Run) -> datetime | None:
    """One look-up in each table's primary key."""
    newest = [
        connection.scalar(select(func.max(table.c.event_time)).where(table.c.run_key == run.key))
        for table in EVENT_TABLES.values()
    ]
    return max((each for each in newest if each is not None), default=None)
