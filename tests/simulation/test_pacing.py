"""Pacers read the given clock and sleep until it has advanced."""

from socialsim.simulation.pacing import LivePacer, WallPacer
from socialsim.simulation.process import slices

SECOND_US = 1_000_000


class Wall:
    """A clock that advances only by sleeping."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s
        self.slept_s: list[float] = []

    def clock(self) -> float:
        """The time in seconds."""
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        """Advance the clock."""
        self.slept_s.append(duration_s)
        self.now_s += duration_s


def test_a_live_run_waits_for_the_future_but_not_for_the_past() -> None:
    wall = Wall(1_000.0)
    pacer = LivePacer(clock=wall.clock, sleep=wall.sleep)
    assert pacer.is_past(1_000 * SECOND_US)
    pacer.wait_until(999 * SECOND_US)
    assert wall.slept_s == []
    assert not pacer.is_past(1_002 * SECOND_US)
    pacer.wait_until(1_002 * SECOND_US)
    assert wall.slept_s == [2.0]
    assert pacer.is_past(1_002 * SECOND_US)


def test_a_live_run_follows_a_clock_that_is_changed() -> None:
    wall = Wall(1_000.0)
    pacer = LivePacer(clock=wall.clock, sleep=wall.sleep)
    wall.now_s = 2_000.0
    assert pacer.is_past(1_500 * SECOND_US)
    wall.now_s = 1_400.0
    pacer.wait_until(1_500 * SECOND_US)
    assert wall.slept_s == [100.0]


def test_past_windows_are_simulated_whole_and_present_ones_in_slices() -> None:
    wall = Wall(600.0)
    pacer = LivePacer(clock=wall.clock, sleep=wall.sleep)
    assert list(slices(0, 60 * SECOND_US, pacer)) == [60 * SECOND_US]
    live = list(slices(580 * SECOND_US, 640 * SECOND_US, pacer))
    assert live[-1] == 640 * SECOND_US
    assert len(live) == 60 * SECOND_US // pacer.slice_us


def test_a_paced_run_does_not_wait_while_the_wall_clock_is_ahead() -> None:
    wall = Wall(50.0)
    pacer = WallPacer(10.0, 0, clock=wall.clock, sleep=wall.sleep)
    assert pacer.is_past(0)
    assert not pacer.is_past(SECOND_US)
    wall.now_s += 1
    assert pacer.is_past(10 * SECOND_US)
    assert list(slices(0, 10 * SECOND_US, pacer)) == [10 * SECOND_US]
