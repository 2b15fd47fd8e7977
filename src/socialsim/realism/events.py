"""A run's events as columns: arrays of equal length per event type, all that the statistics
need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from socialsim.events import EVENT_TYPES, ContentKind, Device
from socialsim.scenario.model import DAY_US

Ints: TypeAlias = NDArray[np.int64]
Array: TypeAlias = NDArray[Any]
Columns: TypeAlias = Mapping[str, Array]

DEVICES: Final[tuple[str, ...]] = get_args(Device)
CONTENT_KINDS: Final[tuple[str, ...]] = get_args(ContentKind)
_EPOCH: Final = date(1970, 1, 1).toordinal()
COMMON: Final = ("shard", "seq", "time_us", "user_id", "device")
#: Further members to keep where a type has them: other users, liked or answered objects,
#: countries, birthdays.
_EXTRA: Final = frozenset(
    {
        "request_id",
        "receiver_id",
        "requester_id",
        "picture_id",
        "video_id",
        "content_kind",
        "content_id",
        "country",
        "birthday",
    }
)
_SMALL: Final[dict[str, type[np.generic]]] = {
    "device": np.uint8,
    "content_kind": np.uint8,
    "country": np.uint16,
    "birthday": np.int32,
    "shard": np.uint16,
}

#: The members that are kept, by wire name. A type added later gets those that all events have.
KEPT: Final[dict[str, tuple[str, ...]]] = {
    name: COMMON + tuple(member for member in event_type.__struct_fields__ if member in _EXTRA)
    for name, event_type in EVENT_TYPES.items()
}


def kind_of(member: str) -> type[np.generic]:
    """The NumPy type for values of ``member``."""
    return _SMALL.get(member, np.int64)


def country_code(country: str) -> int:
    """A two-letter country code as a number."""
    return ord(country[0]) << 8 | ord(country[1])


def birthday_code(birthday: date) -> int:
    """The day as a number: from 1970-01-01 on."""
    return birthday.toordinal() - _EPOCH


def country_name(code: int) -> str:
    """The inverse of ``country_code``."""
    return chr(code >> 8) + chr(code & 0xFF)


@dataclass(frozen=True, slots=True)
class RunEvents:
    """The events of one run by wire name; each table is ordered by ``(time_us, shard, seq)``.

    ``start_us`` and ``end_us`` bound the simulated time, see ``make_run``. ``unreadable`` counts
    records that were not events of the run.
    """

    run_id: str
    tables: Mapping[str, Columns]
    start_us: int
    end_us: int
    unreadable: int = 0

    @property
    def days(self) -> float:
        """The length of the run."""
        return (self.end_us - self.start_us) / DAY_US

    @property
    def total(self) -> int:
        """The number of events."""
        return sum(len(table["time_us"]) for table in self.tables.values())


def make_run(
    run_id: str,
    chunks: Mapping[str, Sequence[Columns]],
    span_us: tuple[int, int] | None,
    *,
    unreadable: int = 0,
) -> RunEvents:
    """Merge ``chunks``: sorted, each identity once, however often a log repeats it.

    ``span_us`` is the scenario's time range, if known; the events may cover only its beginning. The
    run ends at the end of that range or at the first whole day (from the start) after the last
    event, whichever is earlier.
    """
    tables = {name: _table(name, chunks.get(name, ())) for name in KEPT}
    times = [table["time_us"] for table in tables.values() if len(table["time_us"])]
    first = min((int(each[0]) for each in times), default=0)
    last = max((int(each[-1]) for each in times), default=0)
    start_us, end_us = span_us or (first // DAY_US * DAY_US, last + DAY_US)
    end_us = min(end_us, start_us + (max(last - start_us, 0) // DAY_US + 1) * DAY_US) if times else start_us
    return RunEvents(run_id, tables, start_us, end_us, unreadable)


def _table(name: str, chunks: Sequence[Columns]) -> Columns:
    columns = {
        member: np.concatenate([chunk[member] for chunk in chunks]) if chunks else np.empty(0, kind_of(member))
        for member in KEPT[name]
    }
    order = np.lexsort((columns["seq"], columns["shard"], columns["time_us"]))
    seq, shard = columns.pop("seq")[order], columns.pop("shard")[order]
    columns = {member: values[order] for member, values in columns.items()}
    # copies have the same time: they are adjacent
    repeated = (shard[1:] == shard[:-1]) & (seq[1:] == seq[:-1])
    if repeated.any():
        once = np.append(True, ~repeated)
        columns = {member: values[once] for member, values in columns.items()}
    return columns
