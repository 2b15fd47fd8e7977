"""Which days are computed: pure decisions."""

from datetime import date, datetime

import pytest

from socialsim.errors import InputError
from socialsim.kpi import DayRange, StoredExtent
from socialsim.kpi.days import days_to_compute


def day(number: int) -> date:
    return date(2026, 3, number)


def at(number: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, number, hour, minute)  # noqa: DTZ001 - as it is stored


def days(first: int, last: int) -> list[date]:
    return [day(number) for number in range(first, last + 1)]


#: From noon of the 2nd to the morning of the 9th: the 8th is closed, the 9th is not.
STREAM = StoredExtent(at(2, 12), at(9, 8), complete=False)
CLEAN = dict.fromkeys(days(2, 8), True)


def test_without_bounds_missing_and_dirty_days_are_computed() -> None:
    assert days_to_compute(STREAM, {}, DayRange()) == days(2, 8)
    assert days_to_compute(STREAM, CLEAN, DayRange()) == []
    assert days_to_compute(STREAM, CLEAN | {day(5): False, day(7): False}, DayRange()) == [day(5), day(7)]
    assert days_to_compute(STREAM, dict.fromkeys(days(2, 6), True), DayRange()) == days(7, 8)


def test_requested_days_are_always_computed_and_earlier_days_if_dirty() -> None:
    assert days_to_compute(STREAM, CLEAN, DayRange(day(4), day(4))) == [day(4)]
    assert days_to_compute(STREAM, CLEAN, DayRange(day(4), day(6))) == days(4, 6)
    assert days_to_compute(STREAM, CLEAN, DayRange(since=day(6))) == days(6, 8)
    assert days_to_compute(STREAM, CLEAN, DayRange(until=day(3))) == days(2, 3)
    assert days_to_compute(STREAM, CLEAN, DayRange(date(2025, 1, 1), day(3))) == days(2, 3)
    assert days_to_compute(STREAM, CLEAN | {day(3): False}, DayRange(day(6), day(6))) == [day(3), day(6)]
    assert days_to_compute(STREAM, {}, DayRange(day(5), day(5))) == days(2, 5)


@pytest.mark.parametrize(
    "day_range", [DayRange(day(9), day(9)), DayRange(since=day(9)), DayRange(until=day(9)), DayRange(day(3), day(10))]
)
def test_a_day_that_is_not_closed_is_refused(day_range: DayRange) -> None:
    with pytest.raises(InputError, match=r"is not closed: .* the last closed day is 2026-03-08"):
        days_to_compute(STREAM, CLEAN, day_range)


def test_a_day_before_the_first_is_refused() -> None:
    with pytest.raises(InputError, match="2026-03-01 is before the run's first day, 2026-03-02"):
        days_to_compute(STREAM, CLEAN, DayRange(day(1), day(1)))


@pytest.mark.parametrize(
    ("last", "complete", "closed_until"),
    [
        (at(9, 0, 30), False, 8),  # other tables may be an hour behind
        (at(9, 1), False, 9),
        (at(9, 0, 30), True, 10),  # there will be no more, so its last day is closed as well
        (at(2, 12, 30), False, 2),
    ],
)
def test_a_day_is_closed_when_the_watermark_has_passed_its_end(
    last: datetime, complete: bool, closed_until: int
) -> None:
    assert StoredExtent(STREAM.first, last, complete).watermark_day == day(closed_until)


def test_no_day_is_closed_on_the_first_day() -> None:
    first_hours = StoredExtent(STREAM.first, at(2, 20), complete=False)
    assert days_to_compute(first_hours, {}, DayRange()) == []
    with pytest.raises(InputError, match="no day is closed yet"):
        days_to_compute(first_hours, {}, DayRange(day(2), day(2)))
