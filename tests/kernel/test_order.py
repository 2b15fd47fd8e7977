"""The total order: by time, then by order of scheduling, for any bucket size and step length."""

import heapq
from itertools import count

from hypothesis import example, given
from hypothesis import strategies as st

from socialsim.kernel import NEVER_US, VirtualTimeLoop, new_loop
from tests.kernel.actors import Player, start

# Delays that tie, stay within a bucket, end on its edge or leave it; below 0 is a past time.
DELAYS_US = st.sampled_from([-5, 0, 0, 1, 1, 2, 7, 8, 9, 255, 256, 257, 4095, 4096, 10_000, 2**22, 2**22 + 1])
DELAYS = st.lists(st.lists(DELAYS_US, max_size=8), min_size=1, max_size=8)
BUCKET_BITS = st.sampled_from([0, 1, 3, 8, 12, 22, 40])

Log = list[tuple[int, int, int]]  # (time, actor, how many times it has woken)


def expected_log(delays: list[list[int]]) -> Log:
    """The expected log, from a heap of (time, order of scheduling)."""
    log: Log = []
    order = count()
    heap = [(max(own_delays[0], 0), next(order), actor, 0) for actor, own_delays in enumerate(delays) if own_delays]
    heapq.heapify(heap)
    while heap:
        now_us, _, actor, wakes = heapq.heappop(heap)
        log.append((now_us, actor, wakes))
        if wakes + 1 < len(delays[actor]):
            when_us = max(now_us + delays[actor][wakes + 1], now_us)
            heapq.heappush(heap, (when_us, next(order), actor, wakes + 1))
    return log


def play(loop: VirtualTimeLoop, delays: list[list[int]]) -> Log:
    log: Log = []

    def start_actor(actor: int, delays_us: list[int]) -> Player:
        async def run(self: Player) -> None:
            for wakes, delay_us in enumerate(delays_us):
                await self.pause_until(self.loop.now_us + delay_us)
                log.append((self.loop.now_us, actor, wakes))

        return start(loop, run)

    for actor, delays_us in enumerate(delays):
        start_actor(actor, delays_us)
    return log


@given(delays=DELAYS, bits=BUCKET_BITS)
@example(delays=[[8, 0, 0], [8, 0], [4, 4, 0]], bits=0)
@example(delays=[[5, 0, 0], [5, 1], [6, 0], [1, 4, 1]], bits=22)
def test_actors_wake_in_order_of_time_then_of_scheduling(delays: list[list[int]], bits: int) -> None:
    loop = new_loop(bucket_bits=bits)
    log = play(loop, delays)
    loop.run_until(2**40)
    loop.close()
    assert log == expected_log(delays)


@given(delays=DELAYS, bits=BUCKET_BITS, steps=st.lists(st.integers(1, 5_000), max_size=20))
def test_the_step_length_changes_nothing(delays: list[list[int]], bits: int, steps: list[int]) -> None:
    loop = new_loop(bucket_bits=bits)
    log = play(loop, delays)
    expected = expected_log(delays)
    for step_us in [*steps, 2**40]:
        end_us = loop.now_us + step_us
        loop.run_until(end_us)
        assert loop.now_us == end_us
        assert log == [entry for entry in expected if entry[0] < end_us]
        rest = [when for when, _, _ in expected if when >= end_us]
        assert loop.next_us <= min(rest, default=NEVER_US), "something is due before the loop's lower bound"
    assert loop.next_us == NEVER_US
    loop.close()


@given(
    times_us=st.lists(st.integers(0, 40), max_size=30),
    later_us=st.lists(st.integers(0, 40), max_size=10),
    bits=BUCKET_BITS,
)
def test_stock_timers_keep_the_same_order(times_us: list[int], later_us: list[int], bits: int) -> None:
    """asyncio's own loop breaks ties of timers arbitrarily."""
    loop = new_loop(bucket_bits=bits)
    log: list[tuple[int, int]] = []
    order = [*enumerate(times_us), *((number + 1_000, when) for number, when in enumerate(later_us))]
    for number, when_us in order:
        loop.call_at(when_us / 1_000_000, log.append, (when_us, number))
    loop.run_until(41)
    loop.close()
    assert log == sorted(log, key=lambda entry: entry[0])
    assert log == [(when, number) for number, when in sorted(order, key=lambda entry: entry[1])]


@given(now_us=st.integers(0, 2**52 - 10**9), delay_us=st.integers(0, 10**9))
def test_loop_time_in_seconds_is_exact_to_the_microsecond(now_us: int, delay_us: int) -> None:
    loop = new_loop(start_us=now_us)
    woken_us: list[int] = []
    loop.call_later(delay_us / 1_000_000, lambda: woken_us.append(loop.now_us))
    loop.call_at(loop.time(), lambda: woken_us.append(loop.now_us))
    loop.run_until(now_us + delay_us + 1)
    loop.close()
    assert woken_us == sorted([now_us, now_us + delay_us])


def test_timers_set_while_their_bucket_is_being_drained_are_not_late() -> None:
    loop = new_loop(bucket_bits=10)
    log: list[tuple[str, int]] = []

    def note(name: str) -> None:
        log.append((name, loop.now_us))

    def insert() -> None:
        note("first")
        loop.call_later(0, note, "now")
        loop.call_later(0.000_005, note, "in the bucket, before another")
        loop.call_later(0.002, note, "in the next bucket")

    loop.call_at(0.000_010, insert)
    loop.call_at(0.000_010, note, "tie")
    loop.call_at(0.000_020, note, "another")
    loop.run_until(10_000)
    loop.close()
    assert log == [
        ("first", 10),
        ("tie", 10),
        ("now", 10),
        ("in the bucket, before another", 15),
        ("another", 20),
        ("in the next bucket", 2_010),
    ]
