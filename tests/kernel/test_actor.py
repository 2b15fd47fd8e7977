"""Actors: mailboxes, questions, cancellation of every kind of wait, and misuse that is refused."""

import asyncio
import gc

import pytest

from socialsim.kernel import ActorFailure, VirtualTimeLoop
from tests.kernel.actors import Echo, Player, start


def test_messages_are_read_in_order_of_arrival(loop: VirtualTimeLoop) -> None:
    read: list[tuple[int, list[str]]] = []

    async def live(self: Player) -> None:
        while True:
            await self.listen()
            read.append((loop.now_us, self.take_mail()))

    player = start(loop, live)
    loop.run_until(1)
    for name in "abc":
        player.post(name)
    loop.call_at(0.000_005, player.post, "d")
    loop.run_until(10)
    assert read == [(1, ["a", "b", "c"]), (5, ["d"])]
    assert player.take_mail() == []


def test_a_message_to_a_sleeping_actor_does_not_wake_it(loop: VirtualTimeLoop) -> None:
    seen: list[tuple[int, list[str]]] = []

    async def live(self: Player) -> None:
        await self.pause_until(100)
        seen.append((loop.now_us, self.take_mail()))
        self.post("to myself")
        await self.listen()
        seen.append((loop.now_us, self.take_mail()))

    player = start(loop, live)
    loop.call_at(0.000_050, player.post, "early")
    loop.run_until(200)
    assert seen == [(100, ["early"]), (100, ["to myself"])]


def test_a_pause_until_a_past_time_ends_now_after_actors_scheduled_earlier(loop: VirtualTimeLoop) -> None:
    log: list[str] = []

    async def first(self: Player) -> None:
        await self.pause_until(10)
        log.append("first")
        await self.pause_until(3)
        log.append(f"first again at {loop.now_us}")

    async def second(self: Player) -> None:
        await self.pause_until(10)
        log.append("second")

    start(loop, first)
    start(loop, second)
    loop.run_until(11)
    assert log == ["first", "second", "first again at 10"]


def test_questions_are_answered_one_by_one_without_simulated_time_passing(loop: VirtualTimeLoop) -> None:
    answers: list[tuple[int, str, object]] = []
    echo = Echo(loop)
    echo.start()

    def asker(name: str) -> None:
        async def live(self: Player) -> None:
            await self.pause_until(7)
            for question in ("one", "two"):
                await self.ask(echo, (self, question))
                answers.append((loop.now_us, name, self.answer))

        start(loop, live)

    asker("a")
    asker("b")
    loop.run_until(10)
    assert answers == [(7, "a", "one"), (7, "a", "two"), (7, "b", "one"), (7, "b", "two")]


def test_a_timeout_interrupts_every_kind_of_wait(loop: VirtualTimeLoop) -> None:
    log: list[tuple[str, float]] = []
    deaf = start(loop, lambda self: self.pause_until(10**12))

    async def live(self: Player) -> None:
        for name, wait in (
            ("pause", lambda: self.pause_until(10**12)),
            ("listen", self.listen),
            ("ask", lambda: self.ask(deaf, "anybody there?")),
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await wait()
            log.append((name, loop.time()))
        async with asyncio.timeout(1):
            await self.pause_until(loop.now_us + 500_000)
        log.append(("in time", loop.time()))

    start(loop, live)
    loop.run_until(10_000_000)
    assert log == [("pause", 1.0), ("listen", 2.0), ("ask", 3.0), ("in time", 3.5)]


def test_the_answer_to_an_abandoned_question_is_discarded(loop: VirtualTimeLoop) -> None:
    log: list[tuple[object, int]] = []
    slow = Echo(loop, delay_us=2_000_000)
    slow.start()

    async def live(self: Player) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await self.ask(slow, (self, "given up"))
        # while the first question is still being answered
        await self.ask(slow, (self, "asked at once"))
        log.append((self.answer, loop.now_us))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await self.ask(slow, (self, "given up again"))
        await self.pause_until(20_000_000)  # the late answer must not wake it
        log.append((self.answer, loop.now_us))

    start(loop, live)
    loop.run_until(30_000_000)
    assert log == [("asked at once", 4_000_000), ("asked at once", 20_000_000)]


@pytest.mark.parametrize("doing", ["nothing", "pausing", "listening"])
def test_an_answer_without_a_question_is_refused(loop: VirtualTimeLoop, doing: str) -> None:
    async def live(self: Player) -> None:
        if doing == "pausing":
            await self.pause_until(100)
        elif doing == "listening":
            await self.listen()

    player = start(loop, live, "somebody")
    loop.run_until(10)
    with pytest.raises(RuntimeError, match="somebody was answered but asks nothing"):
        player.reply("an answer")


@pytest.mark.parametrize("waiting", ["pause", "listen", "ask", "future"])
def test_cancelling_an_actor_interrupts_every_kind_of_wait(loop: VirtualTimeLoop, waiting: str) -> None:
    log: list[object] = []
    deaf = start(loop, lambda self: self.pause_until(10**12))

    async def live(self: Player) -> None:
        try:
            if waiting == "pause":
                await self.pause_until(10**9)
            elif waiting == "listen":
                await self.listen()
            elif waiting == "ask":
                await self.ask(deaf, "?")
            else:
                await loop.create_future()
        except asyncio.CancelledError:
            log.append(loop.now_us)
            raise
        finally:
            log.append("finally")

    player = start(loop, live)
    loop.call_at(0.000_050, player.cancel)
    loop.run_until(2 * 10**9)
    assert log == [50, "finally"]
    assert player.task is not None
    assert player.task.cancelled()
    player.cancel()  # no effect


def test_an_actor_that_survives_a_cancellation_is_not_woken_by_its_old_timer(loop: VirtualTimeLoop) -> None:
    log: list[int] = []

    async def live(self: Player) -> None:
        try:
            await self.pause_until(100)
        except asyncio.CancelledError:
            log.append(loop.now_us)
        await self.pause_until(300)
        log.append(loop.now_us)

    player = start(loop, live)
    loop.call_at(0.000_050, player.cancel)
    loop.run_until(1_000)
    assert log == [50, 300]


def test_a_message_after_a_cancelled_listen_is_kept(loop: VirtualTimeLoop) -> None:
    log: list[tuple[int, list[str]]] = []

    async def live(self: Player) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.000_010):
                await self.listen()
        await self.pause_until(100)
        log.append((loop.now_us, self.take_mail()))

    player = start(loop, live)
    loop.call_at(0.000_050, player.post, "while it sleeps")
    loop.run_until(1_000)
    assert log == [(100, ["while it sleeps"])]


def test_an_actor_can_be_cancelled_before_its_first_step(loop: VirtualTimeLoop) -> None:
    begun: list[int] = []

    async def live(self: Player) -> None:
        begun.append(1)

    player = start(loop, live)
    player.cancel()
    loop.run_until(10)
    assert begun == []
    assert player.task is not None
    assert player.task.cancelled()


def test_awaiting_an_actor_from_a_stock_task_is_refused(loop: VirtualTimeLoop) -> None:
    player = start(loop, lambda self: self.pause_until(100))

    async def stranger() -> None:
        await player.pause_until(50)

    loop.run_until(1)
    task = loop.create_task(stranger())
    with pytest.raises(RuntimeError, match="player was awaited by a task that is not its own"):
        loop.run_until(100)
    del task
    gc.collect()


def test_awaiting_an_actor_from_another_actor_is_refused(loop: VirtualTimeLoop) -> None:
    player = start(loop, lambda self: self.pause_until(100))

    async def rude(self: Player) -> None:
        await player.pause_until(50)

    start(loop, rude, "rude")
    with pytest.raises((RuntimeError, ActorFailure), match="awaited by a task that is not its own"):
        loop.run_until(100)
    assert loop.now_us < 100
