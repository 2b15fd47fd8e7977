"""The tests' own waits, on a clock that the test moves."""

import pytest

from tests.support.patience import HANG_S, Deadline, eventually


class Clock:
    """Stands still until it is moved."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_without_a_promise_only_a_hang_ends_a_wait() -> None:
    clock = Clock()
    deadline = Deadline(clock=clock, slowness=lambda: 0.0)
    clock.now_s = HANG_S - 1
    deadline.check("progress")
    clock.now_s = HANG_S
    with pytest.raises(AssertionError, match="it did not happen within 600 s: progress"):
        deadline.check("progress")


@pytest.mark.parametrize(("slowness", "allowed_s"), [(0.5, 10), (1.0, 10), (3.0, 30), (1e6, HANG_S)])
def test_a_promise_is_held_to_its_seconds_times_the_slowness_of_the_machine(slowness: float, allowed_s: float) -> None:
    clock = Clock()
    deadline = Deadline(10, clock=clock, slowness=lambda: slowness)
    clock.now_s = allowed_s - 0.1
    assert not deadline.is_over()
    clock.now_s = allowed_s
    assert deadline.is_over()


def test_the_machine_is_measured_once_and_only_when_a_promise_is_missed() -> None:
    clock = Clock()
    measured: list[int] = []

    def slowness() -> float:
        measured.append(1)
        return 2.0

    deadline = Deadline(10, clock=clock, slowness=slowness)
    for clock.now_s in (1, 9.9):
        assert not deadline.is_over()
    assert not measured
    for clock.now_s in (10, 15, 19.9):
        assert not deadline.is_over()
    clock.now_s = 20
    assert deadline.is_over()
    assert len(measured) == 1


def test_a_wait_ends_with_what_could_make_it_true() -> None:
    with pytest.raises(AssertionError, match="it cannot happen any more: a row"):
        eventually(lambda: False, "a row", ended=lambda: True)
    answers = iter([False, True, True])
    eventually(lambda: next(answers), "a row that came just before the end", ended=lambda: True)
