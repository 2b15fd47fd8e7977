"""The loop: its clock, its end, its failures and the asyncio features it supports."""

import asyncio
import contextvars
import gc
import warnings

import pytest

from socialsim.kernel import NEVER_US, ActorFailure, DeadlockError, VirtualTimeLoop, new_loop
from tests.kernel.actors import Player, start


def test_the_clock_jumps_to_timers_and_stops_at_the_given_time(loop: VirtualTimeLoop) -> None:
    month_us = 30 * 86_400_000_000
    seen: list[int] = []

    async def live(self: Player) -> None:
        await self.pause_until(month_us)
        seen.append(loop.now_us)

    start(loop, live)
    loop.run_until(month_us)
    assert seen == [], "the end is not part of the time that is worked off"
    assert loop.now_us == month_us
    assert loop.next_us == month_us
    loop.run_until(month_us + 1)
    assert seen == [month_us]
    assert loop.next_us == NEVER_US
    assert loop.time() == pytest.approx((month_us + 1) / 1e6)


def test_the_clock_never_goes_back(loop: VirtualTimeLoop) -> None:
    loop.run_until(1_000)
    loop.run_until(10)
    assert loop.now_us == 1_000


def test_stock_primitives_work_on_simulated_time(loop: VirtualTimeLoop) -> None:
    async def producer(queue: "asyncio.Queue[int]") -> None:
        for number in range(3):
            await asyncio.sleep(10)
            await queue.put(number)

    async def consumer(queue: "asyncio.Queue[int]") -> list[tuple[int, float]]:
        return [(await queue.get(), loop.time()) for _ in range(3)]

    async def story() -> list[tuple[int, float]]:
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
        event = asyncio.Event()
        future = loop.create_future()
        loop.call_later(5, event.set)
        loop.call_later(7, future.set_result, "there")
        async with asyncio.TaskGroup() as group:
            got = group.create_task(consumer(queue))
            group.create_task(producer(queue))
        await event.wait()
        assert await future == "there"
        assert [*await asyncio.gather(asyncio.sleep(1, "a"), asyncio.sleep(2, "b"))] == ["a", "b"]
        return got.result()

    assert loop.run_until_complete(story()) == [(0, 10.0), (1, 20.0), (2, 30.0)]
    assert loop.time() == pytest.approx(32.0, abs=1e-5)


def test_wait_for_and_timeout_expire_exactly_on_time(loop: VirtualTimeLoop) -> None:
    async def story() -> list[float]:
        ends = []
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(100), 3)
        ends.append(loop.time())
        assert await asyncio.wait_for(asyncio.sleep(1, "in time"), 3) == "in time"
        ends.append(loop.time())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.sleep(100)
        ends.append(loop.time())
        async with asyncio.timeout(50):
            await asyncio.sleep(1)
        ends.append(loop.time())
        await asyncio.sleep(200)  # past the deadline of the timeout that was not needed
        return ends

    assert loop.run_until_complete(story()) == [3.0, 4.0, 6.0, 7.0]


def test_cancelled_timers_and_callbacks_do_nothing(loop: VirtualTimeLoop) -> None:
    called: list[str] = []
    timer = loop.call_later(1, called.append, "timer")
    soon = loop.call_soon(called.append, "soon")
    kept = loop.call_soon(called.append, "kept")
    timer.cancel()
    assert soon is not None
    assert kept is not None
    soon.cancel()
    loop.run_until(2_000_000)
    assert called == ["kept"]


def test_a_failing_task_group_cancels_its_tasks(loop: VirtualTimeLoop) -> None:
    ended: list[float] = []

    async def sleeper() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append(loop.time())

    async def failing() -> None:
        await asyncio.sleep(1)
        raise ValueError("on purpose")

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper())
            group.create_task(failing())

    with pytest.raises(ExceptionGroup) as caught:
        loop.run_until_complete(story())
    assert caught.group_contains(ValueError, match="on purpose")
    assert ended == [1.0]


def test_a_task_that_nothing_can_wake_is_a_deadlock(loop: VirtualTimeLoop) -> None:
    async def wait_for_ever() -> None:
        await loop.create_future()

    with pytest.raises(DeadlockError, match="wait_for_ever"):
        loop.run_until_complete(wait_for_ever())


def test_run_until_complete_raises_what_the_task_raised(loop: VirtualTimeLoop) -> None:
    async def fail() -> None:
        await asyncio.sleep(1)
        raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        loop.run_until_complete(fail())


def test_a_failing_actor_ends_the_run_and_is_named_with_the_simulated_time(loop: VirtualTimeLoop) -> None:
    later: list[int] = []

    async def fail(self: Player) -> None:
        await self.pause_until(1_234_567)
        raise ZeroDivisionError("on purpose")

    async def go_on(self: Player) -> None:
        await self.pause_until(1_234_568)
        later.append(loop.now_us)

    start(loop, fail, "Bob(17)")
    start(loop, go_on)
    with pytest.raises(ActorFailure) as caught:
        loop.run_until(10_000_000)
    assert (caught.value.actor, caught.value.now_us) == ("Bob(17)", 1_234_567)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert later == [], "nothing happens after a failure"


def test_an_actor_that_fails_before_it_waits_is_named_too(loop: VirtualTimeLoop) -> None:
    async def fail(self: Player) -> None:
        raise ZeroDivisionError("on purpose")

    start(loop, fail, "early")
    with pytest.raises(ActorFailure, match="early"):
        loop.run_until(1)


def test_a_failing_callback_ends_the_run(loop: VirtualTimeLoop) -> None:
    def fail() -> None:
        raise OSError("on purpose")

    loop.call_later(1, fail)
    with pytest.raises(OSError, match="on purpose"):
        loop.run_until(2_000_000)


def test_running_a_closed_loop_or_running_forever_is_refused() -> None:
    loop = new_loop()
    with pytest.raises(NotImplementedError, match="run_until"):
        loop.run_forever()
    loop.close()
    loop.close()
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_until(1)


def test_is_running_is_true_only_while_the_loop_runs(loop: VirtualTimeLoop) -> None:
    seen: list[bool] = []
    loop.call_soon(lambda: seen.append(loop.is_running() and asyncio.get_running_loop() is loop))
    loop.run_until(1)
    assert seen == [True]
    assert not loop.is_running()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_close_runs_the_finally_blocks_of_actors() -> None:
    loop = new_loop()
    ended: list[str] = []

    def mourn(name: str, when_us: int | None) -> None:
        async def live(self: Player) -> None:
            try:
                if when_us is None:
                    await self.listen()
                else:
                    await self.pause_until(when_us)
            finally:
                ended.append(name)

        start(loop, live)

    mourn("gone", 5)
    mourn("sleeping", 10**9)
    mourn("listening", None)
    loop.run_until(1_000)
    assert ended == ["gone"]
    loop.close()
    assert ended == ["gone", "sleeping", "listening"]


@pytest.mark.parametrize("end_us", [None, 0, 1_000])
def test_close_causes_no_warnings(end_us: int | None) -> None:
    """Before and after the actors start, with pending tasks, timers and questions."""
    loop = new_loop()

    async def live(self: Player) -> None:
        await self.pause_until(500)
        async with asyncio.timeout(100):
            await self.listen()

    async def stock() -> None:
        await asyncio.sleep(100)

    for _ in range(5):
        start(loop, live)
    if end_us is not None:
        task = loop.create_task(stock())
        loop.run_until(end_us)
        assert not task.done()
        del task
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loop.close()
        del loop
        gc.collect()


def test_actors_share_a_context_of_their_own(loop: VirtualTimeLoop) -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    seen: list[str] = []

    async def change(self: Player) -> None:
        variable.set("changed by an actor")
        await self.pause_until(1)

    async def look(self: Player) -> None:
        await self.pause_until(2)
        seen.append(variable.get())

    async def stock() -> None:
        variable.set("changed by a task")

    async def tell() -> None:
        await loop.create_task(stock())
        seen.append(variable.get())

    start(loop, change)
    start(loop, look)
    loop.run_until(10)
    loop.run_until_complete(tell())
    assert seen == ["changed by an actor", "outside"]
    assert variable.get() == "outside"


def test_a_simulation_can_run_inside_another_running_loop() -> None:
    """As in a notebook, whose cells are tasks of its own loop."""

    async def cell() -> int:
        loop = new_loop()
        mine = asyncio.current_task()
        seen: list[bool] = []

        async def live(self: Player) -> None:
            await self.pause_until(5)
            seen.append(asyncio.get_running_loop() is loop)

        async def stock() -> int:
            await asyncio.sleep(3_600)
            return loop.now_us

        start(loop, live)
        now_us = loop.run_until_complete(stock())
        loop.close()
        assert seen == [True]
        assert asyncio.current_task() is mine
        assert asyncio.get_running_loop() is not loop
        await asyncio.sleep(0)
        return now_us

    assert asyncio.run(cell()) == 3_600_000_000


def test_running_the_loop_from_within_itself_is_refused(loop: VirtualTimeLoop) -> None:
    def again() -> None:
        with pytest.raises(RuntimeError, match="running already"):
            loop.run_until(10)

    loop.call_soon(again)
    loop.run_until(1)


def test_context_variables_set_by_an_actor_do_not_leak_out_of_the_loop(loop: VirtualTimeLoop) -> None:
    variable = contextvars.ContextVar("variable", default="outside")

    async def change(self: Player) -> None:
        await self.pause_until(1)
        variable.set("changed after a pause")
        await asyncio.sleep(1)
        variable.set("changed after a future")

    start(loop, change)
    loop.run_until(10_000_000)
    assert variable.get() == "outside"
