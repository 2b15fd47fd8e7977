"""A user: one task, one mailbox, and all scheduling of what he does."""

from array import array
from bisect import insort
from typing import TYPE_CHECKING

from socialsim.domain.behaviour import FEED_MAX, takes_other_device, watched_s
from socialsim.domain.messages import FriendAcceptance, FriendRequest, PostShared, UserMessage
from socialsim.events import Device, FriendAccepted, PictureLiked, VideoLiked
from socialsim.kernel import NEVER_US, Actor
from socialsim.kernel.randoms import MASK_64

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
        self._known: array[int] | None = None  # asked, or was asked by; friends among them
        self._feed: list[PostShared] | None = None
        self._agenda: list[tuple[int, int, int]] | None = None  # (when_us, request_id, requester_id), sorted

    async def run(self) -> None:
        """Sleep, read mail, answer what is due, act; until the run ends."""
        loop = self.loop
        behaviour = self._world.behaviour
        action_us = loop.now_us + behaviour.gap_us(self.draw())
        while True:
            agenda = self._agenda
            answer_us = agenda[0][0] if agenda else NEVER_US
            await self.pause_until(answer_us if answer_us < action_us else action_us)
            if self.mailbox is not None:
                self._read_mail()
            if answer_us <= loop.now_us:
                self._answer_request()
            if action_us <= loop.now_us:
                await self._act()
                action_us = loop.now_us + behaviour.gap_us(self.draw())

    # --- chance -------------------------------------------------------------------------------------------------------

    def draw(self) -> int:
        """The next 32 random bits of this user's own stream (``randoms.next_state``, inlined for speed)."""
        state = self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) & MASK_64
        return state >> 32

    def _pick_device(self) -> Device:
        return self._other_device if takes_other_device(self.draw() >> 8) else self._device

    # --- acquaintances ------------------------------------------------------------------------------------------------

    def knows(self, user_id: int) -> bool:
        """Whether a friend request between the two exists already, as far as this user can know."""
        return self._known is not None and user_id in self._known

    def remember(self, user_id: int) -> None:
        """A friend request between the two exists from now on."""
        if self._known is None:
            self._known = array("I")
        self._known.append(user_id)

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
        for message in self.take_mail():
            if type(message) is PostShared:
                feed = self._feed
                if feed is None:
                    self._feed = [message]
                else:
                    if len(feed) >= FEED_MAX:
                        del feed[0]
                    feed.append(message)
            elif type(message) is FriendRequest:
                self._consider(message)
            else:
                assert type(message) is FriendAcceptance  # noqa: S101 - the union has three members
                self._befriend(message.accepter_id)

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
        """Accept the request that has waited longest."""
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
                self._pick_device(),
                request_id,
                requester_id,
            )
        )
        world.send((requester_id,), FriendAcceptance(self.user_id))

    # --- actions ------------------------------------------------------------------------------------------------------

    async def _act(self) -> None:
        world = self._world
        action = world.behaviour.action(self.draw())
        device = self._pick_device()
        if action == "like":
            if self._feed:
                self._like(self._take_post(), device)
        elif action == "comment":
            if self._feed:
                await world.content_maker.comment(self, self._feed[self.draw() * len(self._feed) >> 32], device)
        elif action == "request":
            await world.friend_request_maker.request(self, device)
        else:
            await world.content_maker.post(self, action, device)

    def _take_post(self) -> PostShared:
        """A post out of the feed. Each is shown to a user once, so nobody likes anything twice."""
        feed = self._feed
        assert feed  # noqa: S101 - callers look first
        number = self.draw() * len(feed) >> 32
        post = feed[number]
        del feed[number]
        return post

    def _like(self, post: PostShared, device: Device) -> None:
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
