"""One shard of the network: its loop, its stores, its users, what they emit and what they send to each other."""

from collections.abc import Sequence
from typing import TypeAlias

from socialsim.domain.behaviour import FEED_MAX, Behaviour
from socialsim.domain.makers import ContentMaker, FriendRequestMaker
from socialsim.domain.messages import PostShared, UserMessage
from socialsim.domain.pools import Pools
from socialsim.domain.population import Population
from socialsim.domain.stores import ContentStore, FriendStore, UserStore
from socialsim.domain.user import MAILBOX_MAX, User
from socialsim.domain.user_maker import UserMaker
from socialsim.events import Event
from socialsim.kernel import new_loop
from socialsim.scenario import DAY_US, Scenario

#: A message and the users it goes to.
Letter: TypeAlias = tuple[Sequence[int], UserMessage]
_TIMERS_PER_BUCKET = 256


class World:
    """The network as one shard sees it. Time advances only by ``run_until``; all else happens within it.

    ``emit`` and ``send`` never wait: events and letters pile up until the window's end, when ``take_events`` and
    ``take_letters`` hand them out.
    """

    def __init__(self, scenario: Scenario, shard: int, run_id: str, pools: Pools) -> None:
        self.run_id = run_id
        self.shard = shard
        self.users = scenario.user_range(shard)
        self.pools = pools
        self.loop = new_loop(scenario.start_us, _bucket_bits(scenario, len(self.users)))
        self.population = Population(scenario, pools)
        self.behaviour = Behaviour(scenario)
        self.user_store = UserStore(self.loop, self.users, self.population)
        self.content_store = ContentStore(self.loop, shard, scenario.shards)
        self.friend_store = FriendStore(self.loop, shard, scenario.shards)
        self.content_maker = ContentMaker(self)
        self.friend_request_maker = FriendRequestMaker(self)
        self._inhabitants: list[User] = []
        self._events: list[Event] = []
        self._letters: list[Letter] = []
        self._seq = 0
        for actor in (self.user_store, self.content_store, self.friend_store, UserMaker(self)):
            actor.start()
        self.loop.run_until(scenario.start_us)

    def emit(self, event: Event) -> None:
        """Give ``event`` its place in the shard's stream."""
        event.seq = self._seq
        self._seq += 1
        self._events.append(event)

    def send(self, user_ids: Sequence[int], message: UserMessage) -> None:
        """Send ``message`` to users of any shard; it reaches them when the window has ended."""
        self._letters.append((user_ids, message))

    def admit(self, user: User) -> None:
        """``user`` has signed up: let him live."""
        self._inhabitants.append(user)
        user.start()

    @property
    def next_us(self) -> int:
        """Nothing happens in this shard before this time."""
        return self.loop.next_us

    def run_until(self, end_us: int) -> None:
        """Let happen whatever is due before ``end_us``. Raises ActorFailure."""
        self.loop.run_until(end_us)

    def take_events(self) -> list[Event]:
        """The events since the last call, in the order of ``seq``, which is the order of time."""
        events = self._events
        self._events = []
        return events

    def take_letters(self) -> list[Letter]:
        """The letters since the last call, in the order in which they were sent."""
        letters = self._letters
        self._letters = []
        return letters

    def deliver(self, user_id: int, message: UserMessage) -> None:
        """Put ``message`` into the mailbox of a user of this shard."""
        user = self._inhabitants[user_id - self.users.start]
        user.post(message)
        mailbox = user.mailbox
        if mailbox is not None and len(mailbox) > MAILBOX_MAX:
            user.mailbox = forget_old_posts(mailbox)

    @property
    def live_users(self) -> int:
        """How many have signed up."""
        return len(self._inhabitants)

    def close(self) -> None:
        """End every actor."""
        self.loop.close()


def forget_old_posts(mailbox: list[UserMessage]) -> list[UserMessage]:
    """All but the oldest posts, as many as a feed can hold; requests and acceptances are never forgotten."""
    posts = sum(type(message) is PostShared for message in mailbox)
    kept = []
    for message in mailbox:
        if type(message) is PostShared:
            posts -= 1
            if posts >= FEED_MAX:
                continue
        kept.append(message)
    return kept


def _bucket_bits(scenario: Scenario, users: int) -> int:
    """Buckets that hold about 256 timers, between a second and a day long."""
    timers_per_us = max(users, 1) * scenario.actions_per_day / DAY_US
    return min(max(int(_TIMERS_PER_BUCKET / timers_per_us).bit_length() - 1, 20), 36)
