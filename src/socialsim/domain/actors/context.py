"""What the actors of one shard see: clock, population, stores and makers, and where they emit and send.

Nothing here knows an actor that uses it, so there is no import circle.
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


#: A message on its way to users of any shard: (the sender's shard, the users, the message). A plain tuple, for speed.
#: Without users it is for everybody: a post that is becoming popular.
Envelope: TypeAlias = tuple[int, Sequence[int], UserMessage]


class Resident(Protocol):
    """A user who lives in this process, as the delivery of messages sees them."""

    user_id: int
    mailbox: list[UserMessage] | None

    def start(self) -> None:
        """Start the user's task."""

    def suggest(self, asker_id: int) -> None:
        """Answer a friend's question for someone to know."""


class ProcessContext(NamedTuple):
    """What all shards of one process share. None of it tells one shard anything of another."""

    scenario: Scenario
    run_id: str
    loop: VirtualTimeLoop
    pools: Pools
    population: Population
    behaviour: Behaviour
    rhythm: Rhythm
    trending: Trending  #: the same in every process, for everybody is told in the same order
    events: list[Event]  #: what the shards have emitted, in order of time
    letters: list[Envelope]  #: what the shards have sent, in order of time
    local_users: dict[int, Resident]  #: who has signed up, by user id


def make_process_context(scenario: Scenario, run_id: str, pools: Pools, shards: int) -> ProcessContext:
    """ProcessContext for ``shards`` of the scenario's shards, at the beginning of simulated time."""
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
    """The network as one shard sees it: its stores, its makers and its users.

    The shards of a process live on one loop. They talk to each other only by letters, which are delivered between
    windows, and ties in time are broken by the order of asking; so what happens within a shard does not depend on which
    others share its loop.
    """

    def __init__(self, around: ProcessContext, shard: int) -> None:
        scenario = around.scenario
        self.run_id = around.run_id
        self.shard = shard
        self.users = scenario.user_range(shard)
        self.loop = around.loop
        self.pools = around.pools
        self.population = around.population
        self.behaviour = around.behaviour
        self.rhythm = around.rhythm
        self.trending = around.trending
        self.end_us = scenario.end_us
        self.user_store = UserStore(self.loop, self.users, shard, scenario.shards)
        self.content_store = ContentStore(self.loop, shard, scenario.shards)
        self.friend_store = FriendStore(self.loop, shard, scenario.shards)
        self.content_maker = ContentMaker(self)
        self.friend_request_maker = FriendRequestMaker(self)
        self.local_users = around.local_users
        self._emit = around.events.append
        self._send = around.letters.append
        self._seq = 0

    def emit(self, event: Event) -> None:
        """Give ``event`` its place in the shard's stream. Never waits."""
        event.seq = self._seq
        self._seq += 1
        self._emit(event)

    def send(self, user_ids: Sequence[int], message: UserMessage) -> None:
        """Send ``message`` to users of any shard; it reaches them when the window has ended. Never waits.

        A post that is sent to nobody in particular becomes popular.
        """
        self._send((self.shard, user_ids, message))

    def admit(self, user: Resident) -> None:
        """``user`` has signed up: let him live."""
        self.local_users[user.user_id] = user
        user.start()


def _bucket_bits(scenario: Scenario, users: int) -> int:
    """Buckets that hold about 256 timers, between a second and a day long."""
    timers_per_us = max(users, 1) * actions_per_day(scenario) / DAY_US
    return min(max(int(_TIMERS_PER_BUCKET / timers_per_us).bit_length() - 1, 20), 36)
