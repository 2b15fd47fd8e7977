"""A user: one task, one mailbox, and all scheduling of what he does."""

from array import array
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from socialsim.domain.acquainted import Acquainted
from socialsim.domain.behaviour import TABLE_BITS, appeal, watched_s
from socialsim.domain.feed import drop_stale, pick
from socialsim.domain.messages import (
    FriendAcceptance,
    FriendRequest,
    NewContentId,
    NewRequestId,
    NewSessionId,
    PostShared,
    Suggestion,
)
from socialsim.domain.rhythm import is_weekend
from socialsim.events import PictureLiked, SessionStarted, VideoLiked
from socialsim.kernel.randoms import LCG_FACTOR, LCG_SUMMAND, MASK_64

if TYPE_CHECKING:
    from socialsim.domain.world import World

MAILBOX_MAX: Final = 256  #: unread posts of a user who stays away: beyond it the oldest posts are forgotten
POPULAR_US: Final = 12 * 3_600_000_000  #: for how long after it was posted a post can be popular
_MINUTE_US: Final = 60_000_000
_FIRST_SESSION_US: Final = 15 * _MINUTE_US  # at least: newcomers look about
_STIRRED_SESSION_US: Final = 8 * _MINUTE_US  # at least: while a flash mob goes on
_IDLE_GAPS: Final = 12
_GAP_SHIFT: Final = 64 - TABLE_BITS  # of a state
_SESSION_SHIFT: Final = 32 - TABLE_BITS  # of a draw
_TOLD: Final = 0x7  # one like in eight makes the post known to everybody

#: What needs an id of a store.
Made: TypeAlias = Literal["picture", "video", "comment", "request"]


class User(Acquainted):
    """Somebody who has signed up.

    ``run`` is only waiting and asking; what to do is decided by the methods that it calls, in an order that any other
    kernel can follow as well: ``open_session``, then ``next_action_us``, ``decide`` and ``complete`` again and again until
    the session is over, then ``next_session_us``.

    He reads his mail when he is there: friends' posts go into his feed, requests into his agenda, to be answered later.
    """

    __slots__ = (
        "_active_day", "_clock", "_day", "_drift", "_feed", "_idle", "_liked", "_main_device", "_other_device", "_plan",
        "_post", "_post_now", "_session_end_us", "_sessions_extra", "_subject",
    )  # fmt: skip

    def __init__(self, world: "World", user_id: int) -> None:
        population = world.population
        home = population.geography.home(user_id)
        traits = population.traits(user_id, home)
        super().__init__(world, user_id, home, traits.friends_wanted)
        self._main_device, self._other_device = population.devices(user_id)
        self._clock = world.rhythm.clock(home.country, home.city)
        self._active_day = traits.active_day
        self._sessions_extra = traits.sessions_extra
        self._post = traits.post  # threshold for a draw: whether an action is a post
        self._post_now = 0  # the same, in this session
        self._drift = traits.drift
        self._feed: list[PostShared] | None = None
        self._liked: array[int] | None = None  # when the posts were posted that he liked and that can still be popular
        self._day: int | None = None  # the last local day that was planned; None before the first session
        self._plan: list[int] | None = None  # begins of that day's sessions that are to come, UTC, the last first
        self._session_end_us = 0
        self._idle = False  # whether there was nothing to do
        self._subject: PostShared | int = 0  # whom or what the action is about that waits for an id

    async def run(self) -> None:
        """Come, look and act, go; until the run ends or one leaves for good."""
        world = self._world
        loop = world.loop
        content_store = world.content_store
        begin_us: int | None = loop.now_us + 1 + (self.draw() >> 7)  # up to half a minute after the sign-up
        while begin_us is not None:
            await self.pause_until(begin_us)
            await self.ask(world.user_store, NewSessionId(self))
            self.open_session(self.answer)
            while True:
                action_us = self.next_action_us()
                if action_us is None:
                    break
                await self.pause_until(action_us)
                made = self.decide()
                if made is not None:
                    if made == "request":
                        await self.ask(world.friend_store, NewRequestId(self))
                    else:
                        await self.ask(content_store, NewContentId(self, made))
                    self.complete(made, self.answer)
            begin_us = self.next_session_us()

    # --- sessions -----------------------------------------------------------------------------------------------------

    def open_session(self, session_id: int) -> None:
        """Begin to look: for how long is clear from the beginning."""
        world = self._world
        behaviour = world.behaviour
        now_us = self.loop.now_us
        duration_us = behaviour.sessions_us[self.draw() >> _SESSION_SHIFT]
        if self._day is None:
            duration_us = max(duration_us, _FIRST_SESSION_US)
        weekend = is_weekend(self._clock.day(now_us))
        post = self._post * behaviour.weekend_post >> 16 if weekend else self._post
        if world.rhythm.is_stirred(self.country, now_us):
            duration_us = max(duration_us, _STIRRED_SESSION_US)  # one stays, and has something to show
            post <<= 1
        self._post_now = post
        self._session_end_us = now_us + duration_us
        second = self._main_device != self._other_device and self.draw() < behaviour.second_device
        device = self._device = self._other_device if second else self._main_device
        world.emit(
            SessionStarted(
                world.run_id, world.shard, 0, now_us, self.user_id, device, session_id, duration_us // 1_000_000
            )
        )
        if self.mailbox is not None:
            self._read_mail()
        elif self._feed:
            drop_stale(self._feed, now_us)
        self._forget_likes(now_us - POPULAR_US)
        self._look_for_friends()

    def next_action_us(self) -> int | None:
        """When to act next; None when the session is over before."""
        state = self._state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        gap_us = self._world.behaviour.gaps_us[state >> _GAP_SHIFT]
        if self._idle:  # who finds nothing to do looks on for longer
            gap_us *= _IDLE_GAPS
        when_us = self.loop.now_us + gap_us
        return when_us if when_us < self._session_end_us else None

    def next_session_us(self) -> int | None:
        """When to come again; None: not in this run."""
        plan = self._plan
        if not plan:
            plan = self._plan = self._next_plan()
            if plan is None:
                return None
        begin_us = plan.pop()
        if not plan:
            self._plan = None
        return max(begin_us, self._session_end_us)  # nobody is there twice at once

    def _next_plan(self) -> list[int] | None:
        """The sessions of the next local day on which he comes, or None if that is beyond the run."""
        world = self._world
        rhythm = world.rhythm
        behaviour = world.behaviour
        clock = self._clock
        day = self._day
        if day is None:  # the day of the sign-up is over
            if behaviour.bounces(self.draw()):
                return None
            day = clock.day(self.loop.now_us)
        elif self.draw() < self._drift:
            away = behaviour.days_away(self.draw(), self.draw())
            if away is None:
                return None
            day += away
        last = clock.day(world.end_us)
        self._pending >>= 1  # who has not answered for days will hardly do
        while day < last:
            day += 1
            plan = []
            if self.draw() < self._active_day:
                plan = clock.instants(rhythm.plan(day, self._sessions_extra, self.draw))
            if rhythm.has_mobs:
                mobs = rhythm.joined_mobs(day, self.country, clock, self.draw)
                if mobs:
                    plan = sorted([*plan, *mobs], reverse=True)
            if plan:
                self._day = day
                return plan
        return None

    # --- acting -------------------------------------------------------------------------------------------------------

    def decide(self) -> Made | None:
        """Act. What needs an id is only begun: ask the store for one of the kind that is returned, then ``complete``."""
        if self.mailbox is not None:
            self._read_mail()
        now_us = self.loop.now_us
        self._idle = False
        agenda = self._agenda
        if agenda and agenda[0][0] <= now_us:
            self._answer_request()
            return None
        state = self._state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        draw = state >> 32
        if self._requests_left and draw & 7:
            self._requests_left -= 1
            stranger_id = self._meet(draw)
            if stranger_id is not None:
                self._subject = stranger_id
                return "request"
        if draw < self._post_now:
            return "video" if self.draw() < self._world.behaviour.video else "picture"
        return self._react()

    def _react(self) -> Made | None:
        """Like or comment what there is to see, as ``decide`` does."""
        now_us = self.loop.now_us
        behaviour = self._world.behaviour
        state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        chance = state >> 32
        state = self._state = (state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        draw = state >> 32
        feed = self._feed
        if not feed:
            self._idle = not self._requests_left
            self._like_popular(draw)  # who has nothing to look at among friends looks at what all look at
        elif chance < behaviour.comment:
            self._subject = feed[pick(feed, draw, now_us, self.user_id, behaviour)]
            return "comment"
        elif self.draw() < behaviour.popular:
            self._like_popular(draw)
        else:
            self._like(feed.pop(pick(feed, draw, now_us, self.user_id, behaviour)))
        return None

    def complete(self, made: Made, new_id: int) -> None:
        """Finish what ``decide`` began, with the id that the store has given."""
        world = self._world
        if made == "comment":
            world.content_maker.comment(self, new_id, cast("PostShared", self._subject), self._device)
        elif made == "request":
            receiver_id, meeting = divmod(cast("int", self._subject), 4)
            self._remember(receiver_id)
            self._pending += 1
            world.friend_request_maker.request(self, new_id, receiver_id, meeting, self._device)
        else:
            world.content_maker.post(self, made, new_id, self._device)

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
                    if self._pending:
                        self._pending -= 1
                elif type(message) is Suggestion:
                    self._consider_suggestion(message.user_id)
        feed = self._feed
        if feed is None:
            feed = self._feed = posts
        else:
            feed += posts
        drop_stale(feed, self.loop.now_us)

    # --- likes --------------------------------------------------------------------------------------------------------

    def _like_popular(self, draw: int) -> None:
        """Like what is popular at the moment, unless it is one's own or was liked before."""
        now_us = self.loop.now_us
        post = self._world.trending.pick(draw, now_us - POPULAR_US)
        if post is None or post.publisher_id == self.user_id:
            return
        liked = self._liked
        if liked is not None and post.posted_us in liked:
            return
        feed = self._feed
        if feed:  # he may have been shown it, but then a window ago at least, so it is in the feed by now or never
            for place, shown in enumerate(feed):
                if shown.posted_us == post.posted_us and shown.publisher_id == post.publisher_id:
                    del feed[place]
                    break
        self._like(post)

    def _like(self, post: PostShared) -> None:
        """Like a post. Friends' posts are shown once each, and what can be popular is remembered: nobody likes twice."""
        world = self._world
        now_us = self.loop.now_us
        duration_s = post.duration_s
        draw = self.draw()
        if duration_s:
            behaviour = world.behaviour
            affinity = behaviour.affinity.between(self.user_id, post.publisher_id)
            held = appeal(post.quality, affinity, now_us - post.posted_us, behaviour.recency_us)
            watched = watched_s(draw, duration_s, held)
            world.emit(
                VideoLiked(world.run_id, world.shard, 0, now_us, self.user_id, self._device, post.content_id, watched)
            )
        else:
            world.emit(PictureLiked(world.run_id, world.shard, 0, now_us, self.user_id, self._device, post.content_id))
        if post.posted_us >= now_us - POPULAR_US:
            if self._liked is None:
                self._liked = array("q")
            self._liked.append(post.posted_us)
            if not draw & _TOLD:
                world.send((), post)

    def _forget_likes(self, earliest_us: int) -> None:
        """Forget likes of posts that were posted too early to be popular now."""
        liked = self._liked
        if liked is not None:
            kept = [posted_us for posted_us in liked if posted_us >= earliest_us]
            self._liked = array("q", kept) if kept else None

    def __repr__(self) -> str:
        return f"User({self.user_id})"
