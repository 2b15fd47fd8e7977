"""Events and batches for warehouse tests: fixed ones, and strategies for all valid ones."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from socialsim.events import (
    PLURALS,
    WIRE_NAMES,
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
from socialsim.events.types import ID_MAX, SHARDS_MAX, TIME_US_MAX
from socialsim.warehouse.base import Batch, DeadLetter, OffsetAdvance, OffsetKey

START_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z


def key(partition: int = 0, topic: str = "picture_likes", group: str = "g", log_id: str = "log") -> OffsetKey:
    return OffsetKey(log_id, group, topic, partition)


def like(seq: int, *, shard: int = 0, run_id: str = "r1", picture_id: int = 7) -> PictureLiked:
    return PictureLiked(
        run_id=run_id,
        shard=shard,
        seq=seq,
        time_us=START_US + seq * 1_234_567,
        user_id=seq % 100,
        device="mobile",
        picture_id=picture_id,
    )


def likes(count: int, *, first_seq: int = 0, shard: int = 0, run_id: str = "r1") -> list[Event]:
    return [like(first_seq + index, shard=shard, run_id=run_id) for index in range(count)]


def dead_letter(offset: int = 0, raw: bytes = b"\x00\xff'\\", partition: int = 0) -> DeadLetter:
    return DeadLetter("log", "picture_likes", partition, offset, raw, "not_json", "line 1: it's \\ \U0001f600 'no'")


def batch_of(events: list[Event], *moves: OffsetAdvance, dead_letters: list[DeadLetter] | None = None) -> Batch:
    """A batch with ``events`` from the partition of the first move, if there is one."""
    batch = Batch(moves=list(moves), dead_letters=dead_letters or [])
    for event in events:
        if moves:
            batch.add(moves[0].key, WIRE_NAMES[type(event)], [event])
        else:
            batch.events.setdefault(WIRE_NAMES[type(event)], []).append(event)
    return batch


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_nasty = st.sampled_from(
    [
        "'",
        "\\",
        "\\'",
        "''",
        "\\\\'",
        '"',
        "`",
        "%s",
        "%",
        ";",
        "--",
        "\n",
        "\r",
        "\t",
        "\x1a",
        "\U0001f600",
        "é",
        "e\u0301",
    ]
)


def _text(least: int, most: int) -> st.SearchStrategy[str]:
    mixed = st.lists(_texts | _nasty, max_size=8).map("".join) | st.just("x" * most) | st.just("\U0001f600" * most)
    return mixed.map(lambda text: text[:most]).filter(lambda text: len(text) >= least)


def _number(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most) | st.sampled_from([least, most])


def _event(event_type: type[Event], **payload: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.builds(
        event_type,
        run_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", fullmatch=True) | st.just("r1"),
        shard=_number(0, SHARDS_MAX - 1),
        seq=_number(0, ID_MAX),
        time_us=_number(0, TIME_US_MAX),
        user_id=_number(0, ID_MAX),
        device=st.sampled_from(["web", "mobile", "tablet"]),
        version=st.just(1),
        **payload,
    )


_id = _number(0, ID_MAX)
_caption = _text(0, 1000)

any_event: st.SearchStrategy[Event] = st.one_of(
    _event(
        UserSignedUp,
        username=_text(1, 64),
        email=st.just("it's@example.com") | st.just("\U0001f600\\@b"),
        phone=_text(1, 32),
        first_name=_text(1, 64),
        last_name=_text(1, 64),
        birthday=st.dates(date(1000, 1, 1), date(9999, 12, 31)),
        country=st.from_regex(r"[A-Z]{2}", fullmatch=True),
        city=_text(1, 64),
    ),
    _event(SessionStarted, session_id=_id, duration_s=_number(1, 86_400)),
    _event(FriendRequested, request_id=_id, receiver_id=_id),
    _event(FriendAccepted, request_id=_id, requester_id=_id),
    _event(PicturePosted, picture_id=_id, caption=_caption, width_px=_number(1, 65_535), height_px=_number(1, 65_535)),
    _event(VideoPosted, video_id=_id, caption=_caption, duration_s=_number(1, 86_400)),
    _event(PictureLiked, picture_id=_id),
    _event(VideoLiked, video_id=_id, watched_s=_number(0, 86_400)),
    _event(
        CommentPosted, comment_id=_id, content_kind=st.sampled_from(["picture", "video"]), content_id=_id, text=_caption
    ),
)

#: Some of every type among them, no two with one identity.
any_events: st.SearchStrategy[list[Event]] = st.lists(
    any_event, min_size=1, max_size=40, unique_by=lambda event: (event.run_id, event.shard, event.seq)
)

ALL_NAMES = tuple(PLURALS)
