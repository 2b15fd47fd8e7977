"""A user: one task with one mailbox, and the schedule of everything that they do."""

from array import array
from typing import Final, Literal, TypeAlias, cast

from socialsim.domain.actors.context import ShardContext
from socialsim.domain.actors.friendships import SocialActor
from socialsim.domain.behaviour.decisions import TABLE_BITS, video_appeal, watched_s
from socialsim.domain.behaviour.feed import drop_stale, pick
from socialsim.domain.behaviour.rhythm import is_weekend
from socialsim.domain.messages import (
    FriendAcceptance,
    FriendRequest,
    NewContentId,
    NewRequestId,
    NewSessionId,
    PostShared,
    Suggestion,
)
from socialsim.events import PictureLiked, SessionStarted, VideoLiked
from socialsim.kernel.randoms import LCG_FACTOR, LCG_SUMMAND, MASK_64

POPULAR_US: Final = 12 * 3_600_000_000  #: maximum age of a trending post
_MINUTE_US: Final = 60_000_000
_FIRST_SESSION_US: Final = 15 * _MINUTE_US  # minimum: new users look around
_FLASH_MOB_SESSION_US: Final = 8 * _MINUTE_US  # minimum during a flash mob
_IDLE_GAPS: Final = 12  # factor of the pause of a user with nothing to do
_GAP_SHIFT: Final = 64 - TABLE_BITS  # of a state
_SESSION_SHIFT: Final = 32 - TABLE_BITS  # of a draw
_TRENDING_ONE_IN_8_MASK: Final = 0x7  # one like in eight makes the post trending

#: An action that needs an id of a store.
PendingAction: TypeAlias = Literal["picture", "video", "comment", "request"]


class User(SocialActor):
    """A user who has signed up.

    ``run`` only waits and asks stores; the methods that it calls decide. Another kernel can call
    them in the same order: ``open_session``, then ``next_action_us``, ``decide`` and ``complete``
    repeatedly until the session ends, then ``next_session_us``.

    Users read their mail during sessions: friends' posts go into the feed, requests into the
    agenda, to be answered later.
    """

    __slots__ = (
        "_active_day", "_clock", "_day", "_drift", "_feed", "_idle", "_liked", "_main_device", "_other_device", "_plan",
        "_post", "_post_now", "_session_end_us", "_sessions_extra", "_subject",
    )  # fmt: skip

    def __init__(self, context: ShardContext, user_id: int) -> None:
        population = context.population
        home = population.geography.home(user_id)
        traits = population.traits(user_id, home)
        super().__init__(context, user_id, home, traits.friends_wanted)
        self._main_device, self._other_device = population.devices(user_id)
        self._clock = context.rhythm.clock(home.country, home.city)
        self._active_day = traits.active_day
        self._sessions_extra = traits.sessions_extra
        self._post = traits.post  # threshold for a draw that an action is a post
        self._post_now = 0  # the same in the current session
        self._drift = traits.drift
        self._feed: list[PostShared] | None = None
        # ``posted_us`` of liked posts that can still be trending
        self._liked: array[int] | None = None
        # the last local day that was planned; None on the day of the sign-up
        self._day: int | None = None
        # UTC starts of that day's remaining sessions, descending
        self._plan: list[int] | None = None
        self._session_end_us = 0
        self._idle = False  # whether the last action found nothing to do
        self._subject: PostShared | int = 0  # target of the action that waits for an id

    async def run(self) -> None:
        """Hold session after session until the run ends or the user leaves forever."""
        context = self._context
        loop = context.loop
        content_store = context.content_store
        begin_us: int | None = loop.now_us + 1 + (self.draw() >> 7)  # within 34 s after the sign-up
        while begin_us is not None:
            await self.pause_until(begin_us)
            await self.ask(context.user_store, NewSessionId(self))
            self.open_session(self.answer)
            while True:
                action_us = self.next_action_us()
                if action_us is None:
                    break
                await self.pause_until(action_us)
                action = self.decide()
                if action is not None:
                    if action == "request":
                        await self.ask(context.friend_store, NewRequestId(self))
                    else:
                        await self.ask(content_store, NewContentId(self, action))
                    self.complete(action, self.answer)
            begin_us = self.next_session_us()

    # --- sessions ---------------------------------------------------------------------------------

    def open_session(self, session_id: int) -> None:
        """Start a session, whose duration is drawn now."""
        context = self._context
        behaviour = context.behaviour
        now_us = self.loop.now_us
        duration_us = behaviour.sessions_us[self.draw() >> _SESSION_SHIFT]
        if self._day is None:
            duration_us = max(duration_us, _FIRST_SESSION_US)
        weekend = is_weekend(self._clock.day(now_us))
        post = self._post * behaviour.weekend_post >> 16 if weekend else self._post
        if context.rhythm.flash_mob_active(self.country, now_us):
            duration_us = max(duration_us, _FLASH_MOB_SESSION_US)  # users stay longer and post more
            post <<= 1
        self._post_now = post
        self._session_end_us = now_us + duration_us
        second = self._main_device != self._other_device and self.draw() < behaviour.second_device
        device = self._device = self._other_device if second else self._main_device
        context.emit(
            SessionStarted(
                context.run_id, context.shard, 0, now_us, self.user_id, device, session_id, duration_us // 1_000_000
            )
        )
        if self.mailbox is not None:
            self._read_mail()
        elif self._feed:
            drop_stale(self._feed, now_us)
        self._drop_expired_likes(now_us - POPULAR_US)
        self._look_for_friends()

    def next_action_us(self) -> int | None:
        """When to act next; None if the session ends before."""
        state = self._state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        gap_us = self._context.behaviour.gaps_us[state >> _GAP_SHIFT]
        if self._idle:  # a user with nothing to do pauses for longer
            gap_us *= _IDLE_GAPS
        when_us = self.loop.now_us + gap_us
        return when_us if when_us < self._session_end_us else None

    def next_session_us(self) -> int | None:
        """When the next session starts; None: not in this run."""
        plan = self._plan
        if not plan:
            plan = self._plan = self._next_plan()
            if plan is None:
                return None
        begin_us = plan.pop()
        if not plan:
            self._plan = None
        return max(begin_us, self._session_end_us)  # sessions of a user do not overlap

    def _next_plan(self) -> list[int] | None:
        """Session starts of the next active local day, UTC, descending; None if after the run."""
        context = self._context
        rhythm = context.rhythm
        behaviour = context.behaviour
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
        last = clock.day(context.end_us)
        self._pending >>= 1  # requests that stay unanswered for days are given up gradually
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

    # --- actions ----------------------------------------------------------------------------------

    def decide(self) -> PendingAction | None:
        """Act, or return an action that needs an id: ask its store for one, then ``complete``."""
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
            stranger = self._choose_stranger(draw)
            if stranger is not None:
                self._subject = stranger
                return "request"
        if draw < self._post_now:
            return "video" if self.draw() < self._context.behaviour.video else "picture"
        return self._react()

    def _react(self) -> PendingAction | None:
        """Like or comment on a post of the feed or a trending one, as ``decide`` does."""
        now_us = self.loop.now_us
        behaviour = self._context.behaviour
        state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        chance = state >> 32
        state = self._state = (state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        draw = state >> 32
        feed = self._feed
        if not feed:
            self._idle = not self._requests_left
            self._like_popular(draw)  # nothing new of friends: look at what is trending
        elif chance < behaviour.comment:
            self._subject = feed[pick(feed, draw, now_us, self.user_id, behaviour)]
            return "comment"
        elif self.draw() < behaviour.popular:
            self._like_popular(draw)
        else:
            self._like(feed.pop(pick(feed, draw, now_us, self.user_id, behaviour)))
        return None

    def complete(self, action: PendingAction, new_id: int) -> None:
        """Finish the action that ``decide`` returned, with the id that the store allocated."""
        context = self._context
        if action == "comment":
            context.content_maker.comment(self, new_id, cast("PostShared", self._subject), self._device)
        elif action == "request":
            receiver_id, meeting = divmod(cast("int", self._subject), 4)
            self._remember(receiver_id)
            self._pending += 1
            context.friend_request_maker.request(self, new_id, receiver_id, meeting, self._device)
        else:
            context.content_maker.post(self, action, new_id, self._device)

    # --- mail -------------------------------------------------------------------------------------

    def _read_mail(self) -> None:
        mail = self.take_mail()
        posts = [message for message in mail if type(message) is PostShared]  # mostly all of it
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

    # --- likes ------------------------------------------------------------------------------------

    def _like_popular(self, draw: int) -> None:
        """Like a trending post, unless it is the user's own or was liked before."""
        now_us = self.loop.now_us
        post = self._context.trending.pick(draw, now_us - POPULAR_US)
        if post is None or post.publisher_id == self.user_id:
            return
        liked = self._liked
        if liked is not None and post.posted_us in liked:
            return
        feed = self._feed
        # a post reaches feeds at least one window before it can trend, so it is there now or never
        if feed:
            for index, shown in enumerate(feed):
                if shown.posted_us == post.posted_us and shown.publisher_id == post.publisher_id:
                    del feed[index]
                    break
        self._like(post)

    def _like(self, post: PostShared) -> None:
        """Like a post.

        Friends' posts are shown once, and liked posts that can be trending are remembered, so
        nobody likes a post twice.
        """
        context = self._context
        now_us = self.loop.now_us
        duration_s = post.duration_s
        draw = self.draw()
        if duration_s:
            behaviour = context.behaviour
            affinity = behaviour.affinity.between(self.user_id, post.publisher_id)
            appeal = video_appeal(post.quality, affinity, now_us - post.posted_us, behaviour.recency_us)
            watched = watched_s(draw, duration_s, appeal)
            context.emit(
                VideoLiked(
                    context.run_id, context.shard, 0, now_us, self.user_id, self._device, post.content_id, watched
                )
            )
        else:
            context.emit(
                PictureLiked(context.run_id, context.shard, 0, now_us, self.user_id, self._device, post.content_id)
            )
        if post.posted_us >= now_us - POPULAR_US:
            if self._liked is None:
                self._liked = array("q")
            self._liked.append(post.posted_us)
            if not draw & _TRENDING_ONE_IN_8_MASK:
                context.send((), post)

    def _drop_expired_likes(self, earliest_us: int) -> None:
        """Drop likes of posts that are too old to be trending."""
        liked = self._liked
        if liked is not None:
            kept = [posted_us for posted_us in liked if posted_us >= earliest_us]
            self._liked = array("q", kept) if kept else None

    def __repr__(self) -> str:
        return f"User({self.user_id})"
