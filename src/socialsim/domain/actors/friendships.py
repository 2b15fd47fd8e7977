"""Friendships: whom a user asks, accepts and suggests to others, and who is shown their posts."""

from array import array
from bisect import bisect_left, insort
from typing import Final

from socialsim.domain.actors.context import ShardContext
from socialsim.domain.messages import FriendAcceptance, FriendRequest, Suggestion, SuggestionWanted, UserMessage
from socialsim.domain.population.geography import Home
from socialsim.events import Device, FriendAccepted
from socialsim.kernel import Actor
from socialsim.kernel.randoms import LCG_FACTOR, LCG_SUMMAND, MASK_64

_ASKED_OF_8: Final = 5  # of eight friends wanted, a user asks this many; the others ask the user
# minimum in a session of a user without friends, who might stay alone otherwise
_FIRST_REQUESTS: Final = 6
_SUGGESTIONS_MAX: Final = 12  # friends of friends that a user remembers
_LATEST_FRIENDS: Final = 12  # whom a user suggests to others; they are more likely to want friends
_CIRCLES_MIN: Final = 1
_CIRCLES_MAX: Final = 12
# Samples that are drawn from a pool until one is new to the user.
_CIRCLE_MEETINGS: Final = 3
_STRANGER_MEETINGS: Final = 2


class SocialActor(Actor[UserMessage]):
    """The part of a user that makes friends.

    It remembers every request, so nobody is asked twice.
    """

    __slots__ = (
        "_agenda", "_circles", "_context", "_device", "_friends", "_friends_wanted", "_known", "_pending",
        "_requests_left", "_state", "_suggested", "country", "user_id",
    )  # fmt: skip

    def __init__(self, context: ShardContext, user_id: int, home: Home, friends_wanted: int) -> None:
        super().__init__(context.loop)
        population = context.population
        self._context = context
        self.user_id = user_id
        self._state = population.behaviour_seed(user_id)
        self._device: Device = "mobile"  # set when a session begins
        self.country = home.country
        self._friends_wanted = friends_wanted
        circles = min(_CIRCLES_MIN + 3 * friends_wanted // population.friends_mean, _CIRCLES_MAX)
        self._circles = tuple([population.circle(home, number) for number in range(circles)])
        self._friends: array[int] | None = None
        # Sorted user ids: all whom this user asked or was asked by, friends included, and the
        # user's own.
        self._known = array("I", (user_id,))
        self._suggested: list[int] | None = None  # friends of friends
        self._pending = 0  # own recent requests without an answer
        self._requests_left = 0
        #: (when_us, request_id, requester_id), sorted
        self._agenda: list[tuple[int, int, int]] | None = None

    def draw(self) -> int:
        """The next 32 random bits of this user (``randoms.next_state``, inlined for speed)."""
        state = self._state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        return state >> 32

    def _knows(self, user_id: int) -> bool:
        """Whether ``user_id`` is this user, or this user knows of a request between the two."""
        known = self._known
        index = bisect_left(known, user_id)
        return index < len(known) and known[index] == user_id

    def _remember(self, user_id: int) -> None:
        """Record that a friend request between the two exists."""
        insort(self._known, user_id)

    def _befriend(self, user_id: int) -> None:
        if self._friends is None:
            self._friends = array("I")
        self._friends.append(user_id)

    def _look_for_friends(self) -> None:
        """Set how many requests to send in this session, and ask two friends for suggestions."""
        friends = self._friends
        count = len(friends) if friends is not None else 0
        context = self._context
        missing = (self._friends_wanted * _ASKED_OF_8 >> 3) + 1 - count - self._pending
        self._requests_left = context.behaviour.requests(missing)
        if friends is None and self._pending < _FIRST_REQUESTS:
            self._requests_left = max(self._requests_left, _FIRST_REQUESTS)
        if self._requests_left and friends is not None:
            first = friends[self.draw() * count >> 32]
            second = friends[self.draw() * count >> 32]
            context.send((first, second) if first != second else (first,), SuggestionWanted(self.user_id))

    def suggest(self, asker_id: int) -> None:
        """Suggest one of the latest friends to a friend, at once: a profile shows its friends."""
        friends = self._friends
        if friends is not None:
            latest = min(len(friends), _LATEST_FRIENDS)
            friend_id = friends[len(friends) - 1 - (self.draw() * latest >> 32)]
            if friend_id != asker_id:
                self._context.send((asker_id,), Suggestion(friend_id))

    def _choose_stranger(self, draw: int) -> int | None:
        """An unknown user to send a request to, as 4 * user id + index of the meeting; or None."""
        context = self._context
        behaviour = context.behaviour
        population = context.population
        now_us = self.loop.now_us
        if behaviour.circle <= draw < behaviour.closure:
            suggested = self._suggested
            while suggested:
                user_id = suggested.pop()
                if not self._knows(user_id):
                    return user_id << 2 | 1
            draw = 0
        if draw < behaviour.closure:
            circles = self._circles
            for _ in range(_CIRCLE_MEETINGS):
                draw = self.draw()  # squared: most meetings are in the first, small circles
                circle = circles[(draw * draw >> 32) * len(circles) >> 32]
                met = circle.sample(now_us, self.draw())
                if met is not None and not self._knows(met):
                    return met << 2
            pool = population.country_pool(self.country)  # own circles are known or empty
        elif self.draw() < behaviour.stranger_home:
            pool = population.country_pool(self.country)
        else:
            pool = population.global_pool
        for _ in range(_STRANGER_MEETINGS):
            met = pool.sample(now_us, self.draw())
            if met is not None and not self._knows(met):
                return met << 2 | 2
        return None

    def _consider(self, request: FriendRequest) -> None:
        """Decide now whether to accept, and answer later.

        If two users asked each other, both count only the request of the smaller user id.
        """
        requester_id = request.requester_id
        if self._knows(requester_id):
            if requester_id > self.user_id:
                return
        else:
            self._remember(requester_id)
        behaviour = self._context.behaviour
        friends = len(self._friends) if self._friends is not None else 0
        agenda = self._agenda
        if agenda:
            friends += len(agenda)
        if behaviour.accepts(request.meeting, friends, self._friends_wanted, self.draw()):
            if agenda is None:
                agenda = self._agenda = []
            when_us = self.loop.now_us + behaviour.answer_delay_us(self.draw())
            insort(agenda, (when_us, request.request_id, requester_id))

    def _consider_suggestion(self, user_id: int) -> None:
        """Remember a friend of a friend, rarely if they live in another country."""
        if self._knows(user_id):
            return
        context = self._context
        if (
            context.population.geography.country(user_id) != self.country
            and self.draw() >= context.behaviour.closure_abroad
        ):
            return
        if self.draw() >= context.population.visibility(user_id)[1]:
            return  # users who are rarely active are rarely noticed
        suggested = self._suggested
        if suggested is None:
            suggested = self._suggested = []
        if user_id not in suggested:
            suggested.append(user_id)
            if len(suggested) > _SUGGESTIONS_MAX:
                del suggested[0]

    def _answer_request(self) -> None:
        """Accept the request whose answer was due first."""
        assert self._agenda  # noqa: S101 - called only if its first entry is due
        context = self._context
        _, request_id, requester_id = self._agenda.pop(0)
        if not self._agenda:
            self._agenda = None
        self._befriend(requester_id)
        context.emit(
            FriendAccepted(
                context.run_id, context.shard, 0, self.loop.now_us, self.user_id, self._device, request_id, requester_id
            )
        )
        context.send((requester_id,), FriendAcceptance(self.user_id))

    def audience(self, quality: int) -> list[int]:
        """The friends who are shown the next post."""
        friends = self._friends
        if friends is None:
            return []
        first, count = self._context.behaviour.audience(len(friends), quality, self.draw())
        shown = friends[first : first + count].tolist()
        return shown if len(shown) == count else shown + friends[: count - len(shown)].tolist()
