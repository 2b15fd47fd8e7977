"""Messages between actors.

Questions to stores stay within a shard; messages between users cross shards and processes.
"""

from typing import Literal, Protocol, TypeAlias

import msgspec


class Asker(Protocol):
    """The actor that asks a store and waits for the reply."""

    def reply(self, answer: object) -> None:
        """Take ``answer`` and continue."""


# --- questions to a store, answered by ``asker.reply`` --------------------------------------------


class NewUserId(msgspec.Struct, gc=False):
    """To UserStore.

    The answer is the shard's next user id, or None when all users have signed up.
    """

    asker: Asker


class NewSessionId(msgspec.Struct, gc=False):
    """To UserStore. The answer is the shard's next session id."""

    asker: Asker


class NewContentId(msgspec.Struct, gc=False):
    """To ContentStore.

    The answer is the shard's next id of ``kind``; each kind has its own sequence.
    """

    asker: Asker
    kind: Literal["picture", "video", "comment"]


class NewRequestId(msgspec.Struct, gc=False):
    """To FriendStore. The answer is the shard's next friend-request id."""

    asker: Asker


UserStoreMessage: TypeAlias = NewUserId | NewSessionId
ContentStoreMessage: TypeAlias = NewContentId
FriendStoreMessage: TypeAlias = NewRequestId


# --- from user to user: delivered at the end of the window in which they were sent ----------------


class FriendRequest(msgspec.Struct, array_like=True, tag=0, gc=False, frozen=True):
    """``requester_id`` asks to be your friend.

    ``meeting`` is how they met you, an index in ``MEETINGS``.
    """

    request_id: int
    requester_id: int
    meeting: int


class FriendAcceptance(msgspec.Struct, array_like=True, tag=1, gc=False, frozen=True):
    """``accepter_id`` has accepted your request."""

    accepter_id: int


class PostShared(msgspec.Struct, array_like=True, tag=2, gc=False, frozen=True):
    """A new post. ``duration_s`` is 0 for a picture; the median ``quality`` is 1024.

    Sent to friends, and to all users when the post is trending.
    """

    content_id: int
    duration_s: int
    publisher_id: int
    posted_us: int
    quality: int


class SuggestionWanted(msgspec.Struct, array_like=True, tag=3, gc=False, frozen=True):
    """``asker_id``, your friend, asks for one of your friends. Answered even while you are away."""

    asker_id: int


class Suggestion(msgspec.Struct, array_like=True, tag=4, gc=False, frozen=True):
    """``user_id`` is a friend of a friend of yours."""

    user_id: int


UserMessage: TypeAlias = FriendRequest | FriendAcceptance | PostShared | SuggestionWanted | Suggestion
