"""Small valid events, and their bytes."""

from socialsim.events import Event, PictureLiked, PicturePosted, encode

START_US = 1_767_225_600_000_000


def picture(shard: int, seq: int, user_id: int = 1) -> PicturePosted:
    return PicturePosted("r1", shard, seq, START_US + seq, user_id, "web", seq * 64 + shard, "a caption", 640, 480)


def like(shard: int, seq: int, user_id: int = 1) -> PictureLiked:
    return PictureLiked("r1", shard, seq, START_US + seq, user_id, "mobile", seq * 64 + shard)


def raw(*events: Event) -> list[bytes]:
    return [encode(event) for event in events]
