"""The contexts of a process and a shard: clock, population, stores, makers, ``emit``, ``send``.

This module does not import the actors that use it, so there is no import cycle.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

from socialsim.domain.actors.makers import ContentMaker, FriendRequestMaker
from socialsim.domain.actors.stores import ContentStore, FriendStore, UserStore
from socialsim.domain.behaviour.decisions import Behaviour, actions_per_day
from socialsim.domain.behaviour.feed import Trending
from socialsim.domain.behaviour.rhythm import Rhythm
from socialsim.domain.messages import UserMessage
from socialsim.domain.population.name_pools import Pools
from socialsim.domain.population.population import Population
from socialsim.events import Event
from socialsim.kernel import VirtualTimeLoop, new_loop
from socialsim.scenario.model import DAY_US, Scenario

_TIMERS_PER_BUCKET = 256


#: A message to users of any shard: (sender's shard, receivers, message). A plain tuple, for speed.
#: No receivers means all users: a post that is trending.
Envelope: TypeAlias = tuple[int, Sequence[int], UserMessage]


class Resident(Protocol):
    """A user of a shard of this process, as the delivery of messages sees them."""

    user_id: int
    mailbox: list[UserMessage] | None

    def start(self) -> None:
        """Start the user's task."""

    def suggest(self, asker_id: int) -> None:
        """Answer a friend who asks for one of this user's friends."""


class ProcessContext(NamedTuple):
    """What all shards of one process share. None of it carries information from shard to shard."""

    scenario: Scenario
    run_id: str
    loop: VirtualTimeLoop
    pools: Pools
    population: Population
    behaviour: Behaviour
    rhythm: Rhythm
    trending: Trending  #: identical in every process, because updates are delivered in one order
    events: list[Event]  #: emitted and not taken yet, in time order
    envelopes: list[Envelope]  #: sent and not taken yet, in time order
    local_users: dict[int, Resident]  #: users of this process who have signed up, by user id


def make_process_context(scenario: Scenario, run_id: str, pools: Pools, shards: int) -> ProcessContext:
    """The context of a process with ``shards`` of the scenario's shards, at the run's start."""
    users = scenario.users * shards // scenario.shards
    return ProcessContext(
        scenario,
        run_id,
        new_loop(scenario.start_us, _bucket_bits(scenario, users)),
        pools,
        Population(scenario, pools),
        Behaviour(scenario),
        Rhythm(scenario),
        Trending(),
        [],
        [],
        {},
    )


class ShardContext:
    """What the actors of one shard see: its stores and makers, ``emit`` and ``send``.

    The shards of a process share one loop. They communicate only by envelopes, which are delivered
    between windows, and timers due at the same time fire in the order in which they were set. So
    what happens within a shard does not depend on which other shards share its loop.
    """

    def __init__(self, process: ProcessContext, shard: int) -> None:
        scenario = process.scenario
        self.run_id = process.run_id
        self.shard = shard
        self.users = scenario.user_range(shard)
        self.loop = process.loop
        self.pools = process.pools
        self.population = process.population
        self.behaviour = process.behaviour
        self.rhythm = process.rhythm
        self.trending = process.trending
        self.end_us = scenario.end_us
        self.user_store = UserStore(self.loop, self.users, shard, scenario.shards)
        self.content_store = ContentStore(self.loop, shard, scenario.shards)
        self.friend_store = FriendStore(self.loop, shard, scenario.shards)
        self.content_maker = ContentMaker(self)
        self.friend_request_maker = FriendRequestMaker(self)
        self.local_users = process.local_users
        self._emit = process.events.append
        self._send = process.envelopes.append
        self._seq = 0

    def emit(self, event: Event) -> None:
        """Give ``event`` the shard's next sequence number and append it to the stream.

        Never waits.
        """
        event.seq = self._seq
        self._seq += 1
        self._emit(event)

    def send(self, user_ids: Sequence[int], message: UserMessage) -> None:
        """Send ``message`` to users of any shard; it is delivered at the window's end. Never waits.

        A post without receivers is added to what is trending.
        """
        self._send((self.shard, user_ids, message))

    def admit(self, user: Resident) -> None:
        """Register ``user``, who has signed up, and start their task."""
        self.local_users[user.user_id] = user
        user.start()


def _bucket_bits(scenario: Scenario, users: int) -> int:
    """log2 of a timer bucket's width in µs: about 256 timers per bucket, 1 s to 1 day."""
    timers_per_us = max(users, 1) * actions_per_day(scenario) / DAY_US
    return min(max(int(_TIMERS_PER_BUCKET / timers_per_us).bit_length() - 1, 20), 36)
