"""The makers of content and friend requests: from an id of a store to an event and its messages.

They run in the task of the user who acts and who asked the store for the id, so a user does one
thing at a time.
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
    """The user who acts, as a maker sees them."""

    user_id: int
    country: int

    def draw(self) -> int:
        """The next 32 random bits of the user's own stream."""

    def audience(self, quality: int) -> list[int]:
        """The friends who are shown a post of this quality."""


class MakerContext(Protocol):
    """The shard, as a maker sees it."""

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

    __slots__ = ("_context",)

    def __init__(self, context: MakerContext) -> None:
        self._context = context

    def post(self, user: Author, kind: ContentKind, content_id: int, device: Device) -> None:
        """``user`` posts a picture or a video, which some of their friends are shown."""
        context = self._context
        captions = context.pools.captions[user.country]
        caption = captions[user.draw() * len(captions) >> 32]
        now_us = context.loop.now_us
        quality = context.behaviour.quality(user.draw())
        if kind == "picture":
            width_px, height_px = picture_size_px(user.draw())
            duration_s = 0
            context.emit(
                PicturePosted(
                    context.run_id,
                    context.shard,
                    0,
                    now_us,
                    user.user_id,
                    device,
                    content_id,
                    caption,
                    width_px,
                    height_px,
                )
            )
        else:
            duration_s = video_duration_s(user.draw())
            context.emit(
                VideoPosted(
                    context.run_id, context.shard, 0, now_us, user.user_id, device, content_id, caption, duration_s
                )
            )
        audience = user.audience(quality)
        if audience:
            context.send(audience, PostShared(content_id, duration_s, user.user_id, now_us, quality))

    def comment(self, user: Author, comment_id: int, post: PostShared, device: Device) -> None:
        """``user`` comments on a post that they were shown."""
        context = self._context
        remarks = context.pools.remarks[user.country]
        context.emit(
            CommentPosted(
                context.run_id,
                context.shard,
                0,
                context.loop.now_us,
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

    __slots__ = ("_context",)

    def __init__(self, context: MakerContext) -> None:
        self._context = context

    def request(self, user: Author, request_id: int, receiver_id: int, meeting: int, device: Device) -> None:
        """``user`` asks ``receiver_id`` to be friends; ``meeting`` is an index in ``MEETINGS``."""
        context = self._context
        context.emit(
            FriendRequested(
                context.run_id, context.shard, 0, context.loop.now_us, user.user_id, device, request_id, receiver_id
            )
        )
        context.send((receiver_id,), FriendRequest(request_id, user.user_id, meeting))
