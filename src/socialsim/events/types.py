"""The events of the network: one tagged union that types and validates them.

On the wire an event is one JSON object. ``type`` names it and ``version`` its shape; every change
of shape raises the version, so unknown members are refused instead of dropped. Every event carries

* ``run_id``, ``shard``, ``seq``: its identity. ``seq`` counts from 0 without a gap in its shard.
* ``time_us``: its event time, in simulated microseconds since 1970-01-01T00:00:00Z.
* ``user_id``: who acted (the new user, visitor, requester, accepter, publisher, liker or author).
* ``device``: the device they used.

Ids are 63-bit integers, unique per kind within a run.
"""

from datetime import date
from typing import Annotated, Literal, TypeAlias

import msgspec

ID_MAX = 2**63 - 1
#: 9999-12-31T23:59:59.999999Z, the last instant that MySQL's DATETIME(6) can hold.
TIME_US_MAX = 253_402_300_799_999_999
SHARDS_MAX = 4096
# Python's ``$`` also matches before a final line feed; JSON Schema's does not and reads this alike.
_END = r"$(?!\n)"
RUN_ID_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9_-]{{0,31}}{_END}"

Device: TypeAlias = Literal["web", "mobile", "tablet"]
ContentKind: TypeAlias = Literal["picture", "video"]
Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]
RunId: TypeAlias = Annotated[str, msgspec.Meta(pattern=RUN_ID_PATTERN, description="the run that emitted the event")]
Country: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"^[A-Z]{{2}}{_END}", description="ISO 3166-1 alpha-2")]
ShortText: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
LongText: TypeAlias = Annotated[str, msgspec.Meta(max_length=1000)]


class _Versioned(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Puts ``version`` after the positional fields; a subclass may raise it."""

    version: Literal[1] = 1


class _Event(_Versioned, tag_field="type", forbid_unknown_fields=True, gc=False):
    """The members common to all events; see the module docstring."""

    run_id: RunId
    shard: Annotated[int, msgspec.Meta(ge=0, lt=SHARDS_MAX)]
    seq: Id
    time_us: Annotated[int, msgspec.Meta(ge=0, le=TIME_US_MAX, description="microseconds since the epoch, UTC")]
    user_id: Id
    device: Device


class UserSignedUp(_Event, tag="user", gc=False):
    """A user signed up at ``time_us``. ``user_id`` is the new user; the person is fictitious."""

    username: ShortText
    email: Annotated[str, msgspec.Meta(pattern=rf"^[^@\s]+@[^@\s]+{_END}", max_length=254)]
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    first_name: ShortText
    last_name: ShortText
    birthday: date
    country: Country
    city: ShortText


class SessionStarted(_Event, tag="session", gc=False):
    """``user_id`` was active for ``duration_s``; everything they do is within a session."""

    session_id: Id
    duration_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class FriendRequested(_Event, tag="friend_request", gc=False):
    """``user_id`` asked ``receiver_id`` to be friends."""

    request_id: Id
    receiver_id: Id


class FriendAccepted(_Event, tag="friend_acceptance", gc=False):
    """``user_id`` accepted the request ``request_id`` of ``requester_id``."""

    request_id: Id
    requester_id: Id


class PicturePosted(_Event, tag="picture", gc=False):
    """``user_id`` posted a picture."""

    picture_id: Id
    caption: LongText
    width_px: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    height_px: Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class VideoPosted(_Event, tag="video", gc=False):
    """``user_id`` posted a video of ``duration_s`` seconds."""

    video_id: Id
    caption: LongText
    duration_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class PictureLiked(_Event, tag="picture_like", gc=False):
    """``user_id`` liked a picture; at most once per user and picture."""

    picture_id: Id


class VideoLiked(_Event, tag="video_like", gc=False):
    """``user_id`` liked a video after ``watched_s`` of it; at most once per user and video."""

    video_id: Id
    watched_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class CommentPosted(_Event, tag="comment", gc=False):
    """``user_id`` wrote ``text`` under the picture or video ``content_id``."""

    comment_id: Id
    content_kind: ContentKind
    content_id: Id
    text: LongText


Event: TypeAlias = (
    UserSignedUp
    | SessionStarted
    | FriendRequested
    | FriendAccepted
    | PicturePosted
    | VideoPosted
    | PictureLiked
    | VideoLiked
    | CommentPosted
)

#: Event types by wire name, parents before their children: the order in which tables are written.
EVENT_TYPES: dict[str, type[Event]] = {
    "user": UserSignedUp,
    "session": SessionStarted,
    "friend_request": FriendRequested,
    "friend_acceptance": FriendAccepted,
    "picture": PicturePosted,
    "video": VideoPosted,
    "picture_like": PictureLiked,
    "video_like": VideoLiked,
    "comment": CommentPosted,
}

#: The plural of each wire name: names its file and table and, after a prefix, its topic.
PLURALS: dict[str, str] = {
    "user": "users",
    "session": "sessions",
    "friend_request": "friend_requests",
    "friend_acceptance": "friend_acceptances",
    "picture": "pictures",
    "video": "videos",
    "picture_like": "picture_likes",
    "video_like": "video_likes",
    "comment": "comments",
}

WIRE_NAMES: dict[type[Event], str] = {event_type: name for name, event_type in EVENT_TYPES.items()}
