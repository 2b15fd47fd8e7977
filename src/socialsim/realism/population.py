"""Who users are and what they use, compared with published shares."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from socialsim.realism.events import DEVICES, Array, Ints

Floats = NDArray[np.float64]

DEVICE_EVENTS_MIN: Final = 10  #: events that a user needs for their devices to be known


def total_variation(one: Sequence[float], other: Sequence[float]) -> float:
    """Half the sum of the differences between two lists of weights, each normalised to 1."""
    first, second = np.array(one, np.float64), np.array(other, np.float64)
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


class DeviceHabits(NamedTuple):
    """The number of users per habit; ``users`` also counts those with several devices."""

    users: int
    mobile_only: int
    web_only: int
    tablet_main: int

    def share(self, name: str) -> float:
        """The share of the users with the habit ``name``."""
        return float(getattr(self, name)) / self.users


def device_habits(counts: NDArray[np.int64]) -> DeviceHabits:
    """The habits from event counts by user (rows) and device (columns, ordered as DEVICES)."""
    known = counts[counts.sum(axis=1) >= DEVICE_EVENTS_MIN]
    total = known.sum(axis=1)
    of = {name: known[:, column] for column, name in enumerate(DEVICES)}
    return DeviceHabits(
        len(known),
        int(np.count_nonzero(of["mobile"] == total)),
        int(np.count_nonzero(of["web"] == total)),
        int(np.count_nonzero(2 * of["tablet"] > total)),
    )


def cramers_v(observed: Sequence[float], shares: Sequence[float]) -> float:
    """The distance of counts from expected shares that sum to 1: 0 if equal, 1 if disjoint.

    Computed as for two samples of equal size, one of which has exactly the expected shares.
    """
    counts = np.array(observed, np.float64)
    table = np.array([counts, np.array(shares, np.float64) * counts.sum()])
    both = table.sum(axis=0) / 2
    present = both > 0
    return float(np.sqrt(((table - both)[:, present] ** 2 / both[present]).sum() / table.sum()))


def device_counts(users: int, numbers: Ints, devices: Array) -> NDArray[np.int64]:
    """Events by user and device. Negative user numbers are ignored."""
    known = numbers >= 0
    cells = np.bincount(numbers[known] * len(DEVICES) + devices[known], minlength=users * len(DEVICES))
    return cells.reshape(users, len(DEVICES)).astype(np.int64)


def ages(birthdays: Ints, instants_us: Ints) -> Ints:
    """Whole years from birthdays, in days from 1970-01-01 on, to instants, UTC."""
    born, then = birthdays.astype("datetime64[D]"), instants_us.astype("datetime64[us]").astype("datetime64[D]")
    months = then.astype("datetime64[M]") - born.astype("datetime64[M]")
    before = _day_of_month(then) < _day_of_month(born)
    return np.asarray((months.astype(np.int64) - before) // 12, np.int64)


def _day_of_month(days: NDArray[np.datetime64]) -> Ints:
    return np.asarray((days - days.astype("datetime64[M]")).astype(np.int64), np.int64)


def acceptance_share(
    asked_us: Mapping[str, Ints], accepted_us: Mapping[str, Ints], end_us: int, within_us: int
) -> tuple[float, int]:
    """The share of requests accepted within ``within_us``, and the number of requests considered.

    Only requests made at least ``within_us`` before the end count. Both tables have ``request_id``
    and ``time_us``.
    """
    old = asked_us["time_us"] <= end_us - within_us
    ids, times = asked_us["request_id"][old], asked_us["time_us"][old]
    # the table is in time order
    known, first = np.unique(accepted_us["request_id"], return_index=True)
    if not len(ids) or not len(known):
        return 0.0, len(ids)
    indices = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    answered = (known[indices] == ids) & (accepted_us["time_us"][first[indices]] - times < within_us)
    return float(np.mean(answered)), len(ids)


def top_share(counts: Ints, top: float = 0.1) -> float:
    """The share of the total that the largest tenth of ``counts`` accounts for."""
    ordered = np.sort(counts)[::-1]
    return float(ordered[: max(round(len(ordered) * top), 1)].sum() / ordered.sum())
