"""A user: one task, one mailbox, and all scheduling of what he does."""

from array import array
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from socialsim.domain.behaviour import FEED_MAX, watched_s
from socialsim.domain.messages import (
    FriendAcceptance,
    FriendRequest,
    NewContentId,
    NewRequestId,
    PostShared,
    UserMessage,
)
from socialsim.events import Device, FriendAccepted, PictureLiked, VideoLiked
from socialsim.kernel import Actor
from socialsim.kernel.randoms import LCG_FACTOR, LCG_SUMMAND, MASK_64, exponential

if TYPE_CHECKING:
    from socialsim.domain.world import World

MAILBOX_MAX = 256  #: unread posts of a user who stays away: beyond it the oldest posts are forgotten


class User(Actor[UserMessage]):
    """Somebody who has signed up.

    He reads his mail when he is awake anyway: friends' posts go into his feed, requests into his agenda, to be answered
    later. Whom he has asked or was asked by is remembered, so that nobody is asked twice.
    """

    __slots__ = ("_agenda", "_device", "_feed", "_friends", "_known", "_other_device", "_state", "_world", "user_id")

    def __init__(self, world: "World", user_id: int) -> None:
        super().__init__(world.loop)
        self._world = world
        self.user_id = user_id
        self._state = world.population.life_seed(user_id)
        self._device, self._other_device = world.population.devices(user_id)
        self._friends: array[int] | None = None
        self._known: array[int] | None = None  # asked, or was asked by; friends among them; sorted
        self._feed: list[PostShared] | None = None
        self._agenda: list[tuple[int, int, int]] | None = None  # (when_us, request_id, requester_id), sorted

    async def run(self) -> None:
        """Sleep, read mail, answer what is due, act; until the run ends.

        Most time is spent here, so draws are inlined. One draw decides what is done (its high bits), from which device
        (three low bits) and, for a like or a comment, which post is meant (bits between).
        """
        world = self._world
        loop = world.loop
        gap_mean_us = world.behaviour.gap_mean_us
        actions = world.behaviour.actions
        action_us = loop.now_us + exponential(self.draw(), gap_mean_us) + 1
        while True:
            when_us = action_us
            agenda = self._agenda
            if agenda and agenda[0][0] < when_us:
                when_us = agenda[0][0]
            await self.pause_until(when_us)
            if self.mailbox is not None:
                self._read_mail()
            if when_us < action_us:
                self._answer_request()
                continue
            state = self._state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
            draw = state >> 32
            action = actions[draw >> 20]
            device = self._device if draw & 7 else self._other_device
            if action == "like":
                feed = self._feed
                if feed:
                    self._like(feed.pop(((draw >> 3) & 0x1FFFF) * len(feed) >> 17), device)
            elif action == "comment":
                feed = self._feed
                if feed:
                    post = feed[((draw >> 3) & 0x1FFFF) * len(feed) >> 17]
                    await self.ask(world.content_store, NewContentId(self, "comment"))
                    world.content_maker.comment(self, self.answer, post, device)
            elif action == "request":
                receiver_id = world.friend_request_maker.meet(self)
                if receiver_id is not None:
                    await self.ask(world.friend_store, NewRequestId(self))
                    world.friend_request_maker.request(self, self.answer, receiver_id, device)
            else:
                await self.ask(world.content_store, NewContentId(self, action))
                world.content_maker.post(self, action, self.answer, device)
            state = self._state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
            action_us = loop.now_us + exponential(state >> 32, gap_mean_us) + 1

    def draw(self) -> int:
        """The next 32 random bits of this user's own stream (``randoms.next_state``, inlined for speed)."""
        state = self._state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        return state >> 32

    # --- acquaintances ------------------------------------------------------------------------------------------------

    def knows(self, user_id: int) -> bool:
        """Whether a friend request between the two exists already, as far as this user can know."""
        known = self._known
        if known is None:
            return False
        place = bisect_left(known, user_id)
        return place < len(known) and known[place] == user_id

    def remember(self, user_id: int) -> None:
        """A friend request between the two exists from now on."""
        if self._known is None:
            self._known = array("I")
        insort(self._known, user_id)

    def _befriend(self, user_id: int) -> None:
        if self._friends is None:
            self._friends = array("I")
        self._friends.append(user_id)

    def audience(self) -> list[int]:
        """The friends who are shown the next post."""
        friends = self._friends
        if friends is None:
            return []
        first, count = self._world.behaviour.audience(len(friends), self.draw())
        shown = friends[first : first + count].tolist()
        return shown if len(shown) == count else shown + friends[: count - len(shown)].tolist()

    # --- mail ---------------------------------------------------------------------------------------------------------

    def _read_mail(self) -> None:
        mail = self.take_mail()
        posts = [message for message in mail if type(message) is PostShared]  # most mail is posts only
        if len(posts) < len(mail):
            for message in mail:
                if type(message) is FriendRequest:
                    self._consider(message)
                elif type(message) is FriendAcceptance:
                    self._befriend(message.accepter_id)
        feed = self._feed
        if feed is None:
            feed = self._feed = posts
        else:
            feed += posts
        if len(feed) > FEED_MAX:
            del feed[: len(feed) - FEED_MAX]

    def _consider(self, request: FriendRequest) -> None:
        """Decide now, answer later. Of two requests that crossed only that of the smaller id counts, on both sides."""
        requester_id = request.requester_id
        if self.knows(requester_id):
            if requester_id > self.user_id:
                return
        else:
            self.remember(requester_id)
        behaviour = self._world.behaviour
        if behaviour.accepts(self.draw()):
            when_us = self.loop.now_us + behaviour.answer_delay_us(self.draw())
            if self._agenda is None:
                self._agenda = []
            insort(self._agenda, (when_us, request.request_id, requester_id))

    def _answer_request(self) -> None:
        """Accept the request that has waited longest. One draw in eight says: from the other device."""
        assert self._agenda  # noqa: S101 - its first entry is why this is called
        world = self._world
        _, request_id, requester_id = self._agenda.pop(0)
        if not self._agenda:
            self._agenda = None
        self._befriend(requester_id)
        world.emit(
            FriendAccepted(
                world.run_id,
                world.shard,
                0,
                self.loop.now_us,
                self.user_id,
                self._device if self.draw() & 7 else self._other_device,
                request_id,
                requester_id,
            )
        )
        world.send((requester_id,), FriendAcceptance(self.user_id))

    # --- likes --------------------------------------------------------------------------------------------------------

    def _like(self, post: PostShared, device: Device) -> None:
        """Like a post out of the feed. Each is shown to a user once, so nobody likes anything twice."""
        world = self._world
        now_us = self.loop.now_us
        duration_s = post.duration_s
        if duration_s:
            watched = watched_s(self.draw(), duration_s)
            world.emit(VideoLiked(world.run_id, world.shard, 0, now_us, self.user_id, device, post.content_id, watched))
        else:
            world.emit(PictureLiked(world.run_id, world.shard, 0, now_us, self.user_id, device, post.content_id))

    def __repr__(self) -> str:
        return f"User({self.user_id})"
