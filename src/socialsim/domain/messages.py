"""What actors say to each other. Questions stay within a shard; messages between users cross shards and processes."""

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from socialsim.events import ContentKind

if TYPE_CHECKING:
    from socialsim.domain.user import User
    from socialsim.domain.user_maker import UserMaker


# --- questions to a store, answered by ``asker.reply`` --------------------------------------------------------------


class NewUserId(msgspec.Struct, gc=False):
    """To UserStore: answers the next user id of the shard, or None when everybody has signed up."""

    asker: "UserMaker"


class PickStranger(msgspec.Struct, gc=False):
    """To UserStore: answers the id of anybody who has signed up before now, or None. ``draw``: 32 random bits."""

    asker: "User"
    draw: int


class NewContentId(msgspec.Struct, gc=False):
    """To ContentStore: answers the next picture or video id of the shard."""

    asker: "User"
    kind: ContentKind


class NewCommentId(msgspec.Struct, gc=False):
    """To ContentStore: answers the next comment id of the shard."""

    asker: "User"


class NewRequestId(msgspec.Struct, gc=False):
    """To FriendStore: answers the next friend-request id of the shard."""

    asker: "User"


UserStoreMessage: TypeAlias = NewUserId | PickStranger
ContentStoreMessage: TypeAlias = NewContentId | NewCommentId
FriendStoreMessage: TypeAlias = NewRequestId


# --- from user to user: delivered when the window in which they were sent has ended ------------------------------------


class FriendRequest(msgspec.Struct, array_like=True, tag=0, gc=False, frozen=True):
    """``requester_id`` would like to be your friend."""

    request_id: int
    requester_id: int


class FriendAcceptance(msgspec.Struct, array_like=True, tag=1, gc=False, frozen=True):
    """``accepter_id`` has accepted your request."""

    accepter_id: int


class PostShared(msgspec.Struct, array_like=True, tag=2, gc=False, frozen=True):
    """A friend posted. ``duration_s`` is 0 for a picture."""

    content_id: int
    duration_s: int


UserMessage: TypeAlias = FriendRequest | FriendAcceptance | PostShared
