"""Having friends: whom a user meets and asks, whom he accepts, whom he names to others and who is shown his posts."""

from array import array
from bisect import bisect_left, insort
from typing import Final

from socialsim.domain.actors.context import ShardContext
from socialsim.domain.messages import FriendAcceptance, FriendRequest, Suggestion, SuggestionWanted, UserMessage
from socialsim.domain.population.geography import Home
from socialsim.events import Device, FriendAccepted
from socialsim.kernel import Actor
from socialsim.kernel.randoms import LCG_FACTOR, LCG_SUMMAND, MASK_64

_ASKED_OF_8: Final = 5  # of eight friends wanted so many are looked for
_FIRST_REQUESTS: Final = 6  # at least: or people would remain alone
_SUGGESTIONS_MAX: Final = 12  # friends of friends that one has in mind
_LATEST_FRIENDS: Final = 12  # whom one speaks of; they are more likely to look for friends themselves
_CIRCLES_MIN: Final = 1
_CIRCLES_MAX: Final = 12
# How often one looks about for somebody to ask.
_CIRCLE_MEETINGS: Final = 3
_STRANGER_MEETINGS: Final = 2


class SocialActor(Actor[UserMessage]):
    """The part of a user that knows others. Whom he has asked or was asked by is remembered: nobody is asked twice."""

    __slots__ = (
        "_agenda", "_circles", "_device", "_friends", "_friends_wanted", "_known", "_pending", "_requests_left",
        "_state", "_suggested", "_world", "country", "user_id",
    )  # fmt: skip

    def __init__(self, world: ShardContext, user_id: int, home: Home, friends_wanted: int) -> None:
        super().__init__(world.loop)
        population = world.population
        self._world = world
        self.user_id = user_id
        self._state = population.behaviour_seed(user_id)
        self._device: Device = "mobile"  # set when a session begins
        self.country = home.country
        self._friends_wanted = friends_wanted
        circles = min(_CIRCLES_MIN + 3 * friends_wanted // population.friends_mean, _CIRCLES_MAX)
        self._circles = tuple([population.circle(home, number) for number in range(circles)])
        self._friends: array[int] | None = None
        # Whom one asked or was asked by, friends among them, and oneself, whom nobody asks; sorted.
        self._known = array("I", (user_id,))
        self._suggested: list[int] | None = None  # friends of friends
        self._pending = 0  # requests of the last days that were not answered yet
        self._requests_left = 0
        self._agenda: list[tuple[int, int, int]] | None = None  # (when_us, request_id, requester_id), sorted

    def draw(self) -> int:
        """The next 32 random bits of this user's own stream (``randoms.next_state``, inlined for speed)."""
        state = self._state = (self._state * LCG_FACTOR + LCG_SUMMAND) & MASK_64
        return state >> 32

    def _knows(self, user_id: int) -> bool:
        """Whether a friend request between the two exists already, as far as this user can know, or it is himself."""
        known = self._known
        place = bisect_left(known, user_id)
        return place < len(known) and known[place] == user_id

    def _remember(self, user_id: int) -> None:
        """A friend request between the two exists from now on."""
        insort(self._known, user_id)

    def _befriend(self, user_id: int) -> None:
        if self._friends is None:
            self._friends = array("I")
        self._friends.append(user_id)

    def _look_for_friends(self) -> None:
        """How many people to ask in this session; friends are asked whom they know."""
        friends = self._friends
        count = len(friends) if friends is not None else 0
        world = self._world
        # One asks for most of the friends one wants; the others come by being asked.
        missing = (self._friends_wanted * _ASKED_OF_8 >> 3) + 1 - count - self._pending
        self._requests_left = world.behaviour.requests(missing)
        if friends is None and self._pending < _FIRST_REQUESTS:
            self._requests_left = max(self._requests_left, _FIRST_REQUESTS)
        if self._requests_left and friends is not None:
            first = friends[self.draw() * count >> 32]
            second = friends[self.draw() * count >> 32]
            world.send((first, second) if first != second else (first,), SuggestionWanted(self.user_id))

    def suggest(self, asker_id: int) -> None:
        """Name one of the latest friends to a friend, when the question arrives: one's friends are there to be seen."""
        friends = self._friends
        if friends is not None:
            latest = min(len(friends), _LATEST_FRIENDS)
            friend_id = friends[len(friends) - 1 - (self.draw() * latest >> 32)]
            if friend_id != asker_id:
                self._world.send((asker_id,), Suggestion(friend_id))

    def _meet(self, draw: int) -> int | None:
        """Somebody to ask, whom one does not know yet, and how one met: 4 x user id + number of the meeting."""
        world = self._world
        behaviour = world.behaviour
        population = world.population
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
                draw = self.draw()  # squared: most of what one does is in the first, small circles
                circle = circles[(draw * draw >> 32) * len(circles) >> 32]
                met = circle.meet(now_us, self.draw())
                if met is not None and not self._knows(met):
                    return met << 2
            company = population.country_pool(self.country)  # nobody of the own circles is there yet, or all are known
        elif self.draw() < behaviour.stranger_home:
            company = population.country_pool(self.country)
        else:
            company = population.everybody
        for _ in range(_STRANGER_MEETINGS):
            met = company.meet(now_us, self.draw())
            if met is not None and not self._knows(met):
                return met << 2 | 2
        return None

    def _consider(self, request: FriendRequest) -> None:
        """Decide now, answer later. Of two requests that crossed only that of the smaller id counts, on both sides."""
        requester_id = request.requester_id
        if self._knows(requester_id):
            if requester_id > self.user_id:
                return
        else:
            self._remember(requester_id)
        behaviour = self._world.behaviour
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
        """Keep a friend of a friend in mind, mostly only if he lives in the same country."""
        if self._knows(user_id):
            return
        world = self._world
        if (
            world.population.geography.country(user_id) != self.country
            and self.draw() >= world.behaviour.closure_abroad
        ):
            return
        if self.draw() >= world.population.visibility(user_id)[1]:
            return  # who is hardly ever there is hardly ever seen
        suggested = self._suggested
        if suggested is None:
            suggested = self._suggested = []
        if user_id not in suggested:
            suggested.append(user_id)
            if len(suggested) > _SUGGESTIONS_MAX:
                del suggested[0]

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
                world.run_id, world.shard, 0, self.loop.now_us, self.user_id, self._device, request_id, requester_id
            )
        )
        world.send((requester_id,), FriendAcceptance(self.user_id))

    def audience(self, quality: int) -> list[int]:
        """The friends who are shown the next post."""
        friends = self._friends
        if friends is None:
            return []
        first, count = self._world.behaviour.audience(len(friends), quality, self.draw())
        shown = friends[first : first + count].tolist()
        return shown if len(shown) == count else shown + friends[: count - len(shown)].tolist()
