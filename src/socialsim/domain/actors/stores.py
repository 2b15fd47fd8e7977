"""The stores: single-consumer actors that allocate ids, so no database is needed for a foreign key.

Each shard has three stores. Ids of sessions, content and requests are ``n * shards + shard``: ids
of different shards never collide, and an id reveals its shard. User ids are the shard's contiguous
range.
"""

from typing import TypeVar

from socialsim.domain.messages import ContentStoreMessage, FriendStoreMessage, NewSessionId, UserStoreMessage
from socialsim.kernel import Actor, VirtualTimeLoop

_M = TypeVar("_M", bound=UserStoreMessage | ContentStoreMessage | FriendStoreMessage)


class Store(Actor[_M]):
    """Answers questions one at a time, in the order of their arrival."""

    __slots__ = ()

    async def run(self) -> None:
        """Answer questions until the task is cancelled."""
        while True:
            messages = self.mailbox
            if messages is None:
                await self.listen()
                continue
            self.mailbox = None
            for message in messages:
                message.asker.reply(self.answer_to(message))

    def answer_to(self, message: _M) -> object:
        """The answer to ``message``; the only index where the store's state changes."""
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
        """The next session id; or the next user id, None when all users have signed up."""
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
        """The next id of the message's kind."""
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
