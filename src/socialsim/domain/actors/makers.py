"""The makers of content and friend requests: given an id from the store, state the event and tell who must know.

They run within the task of the user who acts, who has asked the store; so a user does one thing at a time.
"""

from collections.abc import Sequence
from typing import Protocol

from socialsim.domain.behaviour.decisions import Behaviour, picture_size_px, video_duration_s
from socialsim.domain.messages import FriendRequest, PostShared, UserMessage
from socialsim.domain.population.name_pools import Pools
from socialsim.events import (
    CommentPosted,
    ContentKind,
    Device,
    Event,
    FriendRequested,
    PicturePosted,
    VideoPosted,
)
from socialsim.kernel import VirtualTimeLoop


class Author(Protocol):
    """What a maker needs of the user who acts."""

    user_id: int
    country: int

    def draw(self) -> int:
        """The next 32 random bits of the user's own stream."""

    def audience(self, quality: int) -> list[int]:
        """The friends who are shown a post of this quality."""


class MakerContext(Protocol):
    """What a maker needs of its shard."""

    run_id: str
    shard: int
    loop: VirtualTimeLoop
    pools: Pools
    behaviour: Behaviour

    def emit(self, event: Event) -> None:
        """Append ``event`` to the shard's stream."""

    def send(self, user_ids: Sequence[int], message: UserMessage) -> None:
        """Send ``message`` to users of any shard."""


class ContentMaker:
    """Makes pictures, videos and comments."""

    __slots__ = ("_world",)

    def __init__(self, world: MakerContext) -> None:
        self._world = world

    def post(self, user: Author, kind: ContentKind, content_id: int, device: Device) -> None:
        """``user`` posts a picture or a video; some of his friends are shown it."""
        world = self._world
        captions = world.pools.captions[user.country]
        caption = captions[user.draw() * len(captions) >> 32]
        now_us = world.loop.now_us
        quality = world.behaviour.quality(user.draw())
        if kind == "picture":
            width_px, height_px = picture_size_px(user.draw())
            duration_s = 0
            world.emit(
                PicturePosted(
                    world.run_id, world.shard, 0, now_us, user.user_id, device, content_id, caption, width_px, height_px
                )
            )
        else:
            duration_s = video_duration_s(user.draw())
            world.emit(
                VideoPosted(world.run_id, world.shard, 0, now_us, user.user_id, device, content_id, caption, duration_s)
            )
        audience = user.audience(quality)
        if audience:
            world.send(audience, PostShared(content_id, duration_s, user.user_id, now_us, quality))

    def comment(self, user: Author, comment_id: int, post: PostShared, device: Device) -> None:
        """``user`` writes under a post that he was shown."""
        world = self._world
        remarks = world.pools.remarks[user.country]
        world.emit(
            CommentPosted(
                world.run_id,
                world.shard,
                0,
                world.loop.now_us,
                user.user_id,
                device,
                comment_id,
                "video" if post.duration_s else "picture",
                post.content_id,
                remarks[user.draw() * len(remarks) >> 32],
            )
        )


class FriendRequestMaker:
    """Makes friend requests."""

    __slots__ = ("_world",)

    def __init__(self, world: MakerContext) -> None:
        self._world = world

    def request(self, user: Author, request_id: int, receiver_id: int, meeting: int, device: Device) -> None:
        """``user`` asks ``receiver_id``, whom he has met (see ``behaviour.MEETINGS``), to be friends."""
        world = self._world
        world.emit(
            FriendRequested(
                world.run_id, world.shard, 0, world.loop.now_us, user.user_id, device, request_id, receiver_id
            )
        )
        world.send((receiver_id,), FriendRequest(request_id, user.user_id, meeting))
