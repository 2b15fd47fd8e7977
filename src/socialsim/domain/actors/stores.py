"""The stores: single-consumer tasks that allocate ids. Whoever needs a foreign key asks one, never a database.

Each shard has its own three. Ids of sessions, content and requests are ``n * shards + shard``, so shards never meet and
the id tells its shard; user ids come from the shard's own contiguous range.
"""

from typing import TypeVar

from socialsim.domain.messages import ContentStoreMessage, FriendStoreMessage, NewSessionId, UserStoreMessage
from socialsim.kernel import Actor, VirtualTimeLoop

_M = TypeVar("_M", bound=UserStoreMessage | ContentStoreMessage | FriendStoreMessage)


class Store(Actor[_M]):
    """Answers questions one at a time, in the order in which they came."""

    __slots__ = ()

    async def run(self) -> None:
        """Answer for ever."""
        while True:
            messages = self.mailbox
            if messages is None:
                await self.listen()
                continue
            self.mailbox = None
            for message in messages:
                message.asker.reply(self.answer_to(message))

    def answer_to(self, message: _M) -> object:
        """The answer to ``message``; the only place where the store's state changes."""
        raise NotImplementedError


class UserStore(Store[UserStoreMessage]):
    """Allocates the shard's user ids, in the order of sign-ups, and its session ids."""

    __slots__ = ("_next_id", "_next_session_id", "_shards", "_users")

    def __init__(self, loop: VirtualTimeLoop, users: range, shard: int, shards: int) -> None:
        super().__init__(loop)
        self._users = users
        self._next_id = users.start
        self._next_session_id = shard
        self._shards = shards

    def answer_to(self, message: UserStoreMessage) -> int | None:
        """The next session id; or the next user id, or None when everybody has signed up."""
        if type(message) is NewSessionId:
            session_id = self._next_session_id
            self._next_session_id += self._shards
            return session_id
        user_id = self._next_id
        if user_id == self._users.stop:
            return None
        self._next_id += 1
        return user_id


class ContentStore(Store[ContentStoreMessage]):
    """Allocates the shard's picture, video and comment ids."""

    __slots__ = ("_next_ids", "_shards")

    def __init__(self, loop: VirtualTimeLoop, shard: int, shards: int) -> None:
        super().__init__(loop)
        self._next_ids = {"picture": shard, "video": shard, "comment": shard}
        self._shards = shards

    def answer_to(self, message: ContentStoreMessage) -> int:
        """The next id of the kind that is asked for."""
        kind = message.kind
        content_id = self._next_ids[kind]
        self._next_ids[kind] = content_id + self._shards
        return content_id


class FriendStore(Store[FriendStoreMessage]):
    """Allocates the shard's friend-request ids."""

    __slots__ = ("_next_id", "_shards")

    def __init__(self, loop: VirtualTimeLoop, shard: int, shards: int) -> None:
        super().__init__(loop)
        self._next_id = shard
        self._shards = shards

    def answer_to(self, message: FriendStoreMessage) -> int:  # noqa: ARG002 - there is only one question
        """The next request id."""
        request_id = self._next_id
        self._next_id += self._shards
        return request_id
