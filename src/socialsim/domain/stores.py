"""The stores: single-consumer tasks that allocate ids. Whoever needs a foreign key asks one, never a database.

Each shard has its own three. Ids of content and requests are ``n * shards + shard``, so shards never meet and the id tells
its shard; user ids come from the shard's own contiguous range.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

from socialsim.domain.messages import (
    ContentStoreMessage,
    FriendStoreMessage,
    NewContentId,
    NewUserId,
    UserStoreMessage,
)
from socialsim.kernel import Actor, VirtualTimeLoop

if TYPE_CHECKING:
    from socialsim.domain.population import Population

_M = TypeVar("_M", bound=UserStoreMessage | ContentStoreMessage | FriendStoreMessage)


class Store(Actor[_M]):
    """Answers questions one at a time, in the order in which they came."""

    __slots__ = ()

    async def run(self) -> None:
        """Answer for ever."""
        while True:
            await self.listen()
            for message in self.take_mail():
                message.asker.reply(self.answer_to(message))

    def answer_to(self, message: _M) -> object:
        """The answer to ``message``; the only place where the store's state changes."""
        raise NotImplementedError


def sequence(shard: int, shards: int) -> Generator[int, None, None]:
    """The ids of one shard: shard, shard + shards, shard + 2 * shards, …"""
    next_id = shard
    while True:
        yield next_id
        next_id += shards


class UserStore(Store[UserStoreMessage]):
    """Allocates the shard's user ids in the order of sign-ups, and knows who can be met."""

    __slots__ = ("_next_id", "_population", "_users")

    def __init__(self, loop: VirtualTimeLoop, users: range, population: "Population") -> None:
        super().__init__(loop)
        self._users = users
        self._next_id = users.start
        self._population = population

    @property
    def signed_up(self) -> int:
        """How many users of the shard have signed up."""
        return self._next_id - self._users.start

    def answer_to(self, message: UserStoreMessage) -> int | None:
        """The next user id, or a stranger's."""
        if isinstance(message, NewUserId):
            user_id = self._next_id
            if user_id == self._users.stop:
                return None
            self._next_id += 1
            return user_id
        return self._population.pick_user(message.draw, self.loop.now_us)


class ContentStore(Store[ContentStoreMessage]):
    """Allocates the shard's picture, video and comment ids."""

    __slots__ = ("_comments", "_pictures", "_videos")

    def __init__(self, loop: VirtualTimeLoop, shard: int, shards: int) -> None:
        super().__init__(loop)
        self._pictures = sequence(shard, shards)
        self._videos = sequence(shard, shards)
        self._comments = sequence(shard, shards)

    def answer_to(self, message: ContentStoreMessage) -> int:
        """The next id of the kind that is asked for."""
        if isinstance(message, NewContentId):
            return next(self._pictures if message.kind == "picture" else self._videos)
        return next(self._comments)


class FriendStore(Store[FriendStoreMessage]):
    """Allocates the shard's friend-request ids."""

    __slots__ = ("_requests",)

    def __init__(self, loop: VirtualTimeLoop, shard: int, shards: int) -> None:
        super().__init__(loop)
        self._requests = sequence(shard, shards)

    def answer_to(self, message: FriendStoreMessage) -> int:  # noqa: ARG002 - there is only one question
        """The next request id."""
        return next(self._requests)
