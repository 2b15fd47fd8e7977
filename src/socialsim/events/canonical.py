"""An event's canonical text, whose hash enters the control totals.

The text can be built from the typed event and, in SQL, from the typed columns of its row, so that
the simulation and the warehouse compute the same hash without seeing each other's bytes. It is a
list of members joined by ``|``: the wire name, ``version``, ``shard``, ``seq``, ``time_us``,
``user_id``, ``device``, then the event's own members in the order of their definition. Integers are
decimal, dates ``YYYY-MM-DD``. Free text is preceded by its length in characters and a colon, so
that no text can imitate the end of a member. ``run_id`` is left out because a manifest belongs to
one run.
"""

from collections.abc import Callable
from typing import Any, Final

from socialsim.events.types import (
    EVENT_TYPES,
    CommentPosted,
    Event,
    FriendAccepted,
    FriendRequested,
    PictureLiked,
    PicturePosted,
    SessionStarted,
    UserSignedUp,
    VideoLiked,
    VideoPosted,
)

#: String members that hold free text; all others have a closed alphabet without ``|``.
FREE_TEXTS: Final = frozenset({"username", "email", "phone", "first_name", "last_name", "city", "caption", "text"})


def canonical_members(name: str) -> tuple[str, ...]:
    """The members after the wire name, in canonical order, for the event type ``name``."""
    common = ("shard", "seq", "time_us", "user_id", "device")
    own = tuple(field for field in EVENT_TYPES[name].__struct_fields__ if field not in {"run_id", "version", *common})
    return ("version", *common, *own)


def canonical_text(event: Event) -> str:
    """The canonical text of ``event``."""
    return FORMATTERS[type(event)](event)


def _picture_like(e: PictureLiked) -> str:
    return f"picture_like|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}|{e.picture_id}"


def _video_like(e: VideoLiked) -> str:
    return f"video_like|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}|{e.video_id}|{e.watched_s}"


def _session(e: SessionStarted) -> str:
    return f"session|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}|{e.session_id}|{e.duration_s}"


def _comment(e: CommentPosted) -> str:
    return (
        f"comment|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}"
        f"|{e.comment_id}|{e.content_kind}|{e.content_id}|{len(e.text)}:{e.text}"
    )


def _picture(e: PicturePosted) -> str:
    return (
        f"picture|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}"
        f"|{e.picture_id}|{len(e.caption)}:{e.caption}|{e.width_px}|{e.height_px}"
    )


def _video(e: VideoPosted) -> str:
    return (
        f"video|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}"
        f"|{e.video_id}|{len(e.caption)}:{e.caption}|{e.duration_s}"
    )


def _friend_request(e: FriendRequested) -> str:
    return (
        f"friend_request|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}"
        f"|{e.request_id}|{e.receiver_id}"
    )


def _friend_acceptance(e: FriendAccepted) -> str:
    return (
        f"friend_acceptance|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}"
        f"|{e.request_id}|{e.requester_id}"
    )


def _user(e: UserSignedUp) -> str:
    return (
        f"user|{e.version}|{e.shard}|{e.seq}|{e.time_us}|{e.user_id}|{e.device}"
        f"|{len(e.username)}:{e.username}|{len(e.email)}:{e.email}|{len(e.phone)}:{e.phone}"
        f"|{len(e.first_name)}:{e.first_name}|{len(e.last_name)}:{e.last_name}|{e.birthday.isoformat()}"
        f"|{e.country}|{len(e.city)}:{e.city}"
    )


#: Written out per type instead of generically: it runs for every event of a run.
FORMATTERS: Final[dict[type[Event], Callable[[Any], str]]] = {
    UserSignedUp: _user,
    FriendRequested: _friend_request,
    FriendAccepted: _friend_acceptance,
    PicturePosted: _picture,
    VideoPosted: _video,
    PictureLiked: _picture_like,
    VideoLiked: _video_like,
    CommentPosted: _comment,
    SessionStarted: _session,
}
