"""What actors say to each other. Questions stay within a shard; messages between users cross shards and processes."""

from typing import Literal, Protocol, TypeAlias

import msgspec


class Asker(Protocol):
    """The actor that asks a store and waits for the reply."""

    def reply(self, answer: object) -> None:
        """Take the answer and continue."""


# --- questions to a store, answered by ``asker.reply`` --------------------------------------------------------------


class NewUserId(msgspec.Struct, gc=False):
    """To UserStore: answers the next user id of the shard, or None when everybody has signed up."""

    asker: Asker


class NewSessionId(msgspec.Struct, gc=False):
    """To UserStore: answers the next session id of the shard."""

    asker: Asker


class NewContentId(msgspec.Struct, gc=False):
    """To ContentStore: answers the next picture, video or comment id of the shard; each kind has its own sequence."""

    asker: Asker
    kind: Literal["picture", "video", "comment"]


class NewRequestId(msgspec.Struct, gc=False):
    """To FriendStore: answers the next friend-request id of the shard."""

    asker: Asker


UserStoreMessage: TypeAlias = NewUserId | NewSessionId
ContentStoreMessage: TypeAlias = NewContentId
FriendStoreMessage: TypeAlias = NewRequestId


# --- from user to user: delivered when the window in which they were sent has ended ------------------------------------


class FriendRequest(msgspec.Struct, array_like=True, tag=0, gc=False, frozen=True):
    """``requester_id`` would like to be your friend. ``meeting`` says how he met you, a number in ``MEETINGS``."""

    request_id: int
    requester_id: int
    meeting: int


class FriendAcceptance(msgspec.Struct, array_like=True, tag=1, gc=False, frozen=True):
    """``accepter_id`` has accepted your request."""

    accepter_id: int


class PostShared(msgspec.Struct, array_like=True, tag=2, gc=False, frozen=True):
    """Somebody posted. ``duration_s`` is 0 for a picture, ``quality`` 1024 for a post of median quality.

    Sent to friends, and to everybody when a post is becoming popular.
    """

    content_id: int
    duration_s: int
    publisher_id: int
    posted_us: int
    quality: int


class SuggestionWanted(msgspec.Struct, array_like=True, tag=3, gc=False, frozen=True):
    """``asker_id``, your friend, would like to know one of your friends. His profile answers, whether he is there or not."""

    asker_id: int


class Suggestion(msgspec.Struct, array_like=True, tag=4, gc=False, frozen=True):
    """``user_id`` is a friend of a friend of yours."""

    user_id: int


UserMessage: TypeAlias = FriendRequest | FriendAcceptance | PostShared | SuggestionWanted | Suggestion
