"""Actors that run a given function, so that each test defines its own behaviour."""

from collections.abc import Awaitable, Callable
from typing import Any

from socialsim.kernel import Actor, VirtualTimeLoop


class Player(Actor[Any]):
    """Runs ``play``."""

    __slots__ = ("_name", "_play")

    def __init__(
        self, loop: VirtualTimeLoop, play: Callable[["Player"], Awaitable[None]], name: str = "player"
    ) -> None:
        super().__init__(loop)
        self._play = play
        self._name = name

    async def run(self) -> None:
        await self._play(self)

    def __repr__(self) -> str:
        return self._name


class Echo(Actor[tuple[Actor[Any], object]]):
    """A store that answers each question with the question, ``delay_us`` later."""

    __slots__ = ("_delay_us",)

    def __init__(self, loop: VirtualTimeLoop, delay_us: int = 0) -> None:
        super().__init__(loop)
        self._delay_us = delay_us

    async def run(self) -> None:
        while True:
            await self.listen()
            for asker, question in self.take_mail():
                if self._delay_us:
                    await self.pause_until(self.loop.now_us + self._delay_us)
                asker.reply(question)


def start(loop: VirtualTimeLoop, play: Callable[[Player], Awaitable[None]], name: str = "player") -> Player:
    player = Player(loop, play, name)
    player.start()
    return player
