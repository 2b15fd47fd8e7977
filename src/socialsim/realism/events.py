"""A run's events as columns: for each type some arrays of equal length, which is all that the statistics look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from socialsim.events import EVENT_TYPES, ContentKind, Device
from socialsim.scenario import DAY_US

Ints: TypeAlias = NDArray[np.int64]
Array: TypeAlias = NDArray[Any]
Columns: TypeAlias = Mapping[str, Array]

DEVICES: Final[tuple[str, ...]] = get_args(Device)
CONTENT_KINDS: Final[tuple[str, ...]] = get_args(ContentKind)
_EPOCH: Final = date(1970, 1, 1).toordinal()
COMMON: Final = ("shard", "seq", "time_us", "user_id", "device")
#: What else is kept, of the types that have it: other users, what is liked or answered, where people live, their age.
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

#: By wire name the members that are kept. A type that is added later is there with what every event has.
KEPT: Final[dict[str, tuple[str, ...]]] = {
    name: COMMON + tuple(member for member in event_type.__struct_fields__ if member in _EXTRA)
    for name, event_type in EVENT_TYPES.items()
}


def kind_of(member: str) -> type[np.generic]:
    """The type of the values of ``member``."""
    return _SMALL.get(member, np.int64)


def country_code(country: str) -> int:
    """Two letters as a number."""
    return ord(country[0]) << 8 | ord(country[1])


def birthday_code(birthday: date) -> int:
    """The day as a number: from 1970-01-01 on."""
    return birthday.toordinal() - _EPOCH


def country_name(code: int) -> str:
    """The other way round."""
    return chr(code >> 8) + chr(code & 0xFF)


@dataclass(frozen=True, slots=True)
class RunEvents:
    """The events of one run by wire name, each table in the order of ``(time_us, shard, seq)``.

    ``start_us`` and ``end_us`` bound what was simulated, see ``make_run``. ``unreadable`` counts records that were no event
    of the run.
    """

    run_id: str
    tables: Mapping[str, Columns]
    start_us: int
    end_us: int
    unreadable: int = 0

    @property
    def days(self) -> float:
        """How long the run is."""
        return (self.end_us - self.start_us) / DAY_US

    @property
    def total(self) -> int:
        """How many events there are."""
        return sum(len(table["time_us"]) for table in self.tables.values())


def make_run(
    run_id: str,
    chunks: Mapping[str, Sequence[Columns]],
    span_us: tuple[int, int] | None,
    *,
    unreadable: int = 0,
) -> RunEvents:
    """Join what was read in ``chunks``: in order, and each identity once, however often a log repeats it.

    ``span_us`` is the scenario's time, if that is known; what is read may be of its beginning only. The run ends with it
    or, whole days after the start, behind the last event.
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
    again = (shard[1:] == shard[:-1]) & (seq[1:] == seq[:-1])  # an identity has one time: its copies are neighbours
    if again.any():
        once = np.append(True, ~again)
        columns = {member: values[once] for member, values in columns.items()}
    return columns
