"""The same network on SimPy: the baseline.

Only the kernel differs. Population, behaviour, decisions and event construction are socialsim's own
code, so both do the same work from the same draws and write the same bytes. SimPy provides what a
kernel provides: processes, waiting, mailboxes, requests and replies. Two ways to use it are
measured:

* ``idiomatic``: every mailbox and every reply is a ``simpy.Store``, as in SimPy's manual.
* ``lean``: mailboxes are plain lists and a reply is a bare ``simpy.Event``, as in a tuned program.
"""

from collections.abc import Generator, Iterable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import simpy

from socialsim.domain.actors.context import Envelope, Resident, ShardContext
from socialsim.domain.actors.delivery import deliver
from socialsim.domain.actors.makers import ContentMaker, FriendRequestMaker
from socialsim.domain.actors.user import User
from socialsim.domain.behaviour.decisions import Behaviour
from socialsim.domain.behaviour.feed import Trending
from socialsim.domain.behaviour.rhythm import Rhythm
from socialsim.domain.messages import SuggestionWanted
from socialsim.domain.population.name_pools import Pools
from socialsim.domain.population.population import Population
from socialsim.events import Event, UserSignedUp
from socialsim.scenario.model import Scenario

if TYPE_CHECKING:
    from socialsim.kernel import VirtualTimeLoop

Steps = Generator[Any, Any, Any]


class Clock(simpy.Environment):
    """SimPy's environment with the clock attribute that users read. Times are integers."""

    now_us = property(attrgetter("_now"))


class IdStore:
    """A single-consumer process that allocates ids."""

    def __init__(self, env: simpy.Environment, first: int, step: int) -> None:
        self.questions = simpy.Store(env)
        self._next_ids: dict[str, int] = {}
        self._first = first
        self._step = step
        env.process(self._answer_for_ever())

    def _answer_for_ever(self) -> Steps:
        while True:
            asker, kind = yield self.questions.get()
            answer = self._next_ids.get(kind, self._first)
            self._next_ids[kind] = answer + self._step
            asker.answer_with(answer)


class LeanUser(User):
    """A mailbox that is a plain list filled by ``deliver``, and replies by event."""

    __slots__ = ("_reply", "env")
    env: Clock
    _reply: simpy.Event

    def live(self) -> Steps:
        """The same behaviour as ``User.run``, written for SimPy."""
        context = cast("SimpyWorld", self._context)
        env = self.env
        begin_us: int | None = self.loop.now_us + 1 + (self.draw() >> 7)
        while begin_us is not None:
            yield env.timeout(begin_us - env.now)
            session_id = yield from self.question(context.session_ids, "session")
            yield from self.fetch_mail()
            self.open_session(session_id)
            while True:
                action_us = self.next_action_us()
                if action_us is None:
                    break
                yield env.timeout(action_us - env.now)
                yield from self.fetch_mail()
                action = self.decide()
                if action is not None:
                    store = context.request_ids if action == "request" else context.content_ids
                    new_id = yield from self.question(store, action)
                    self.complete(action, new_id)
            begin_us = self.next_session_us()

    def begin(self, env: Clock) -> None:
        """Start the process."""
        self.env = env
        env.process(self.live())

    def fetch_mail(self) -> Iterable[Any]:
        """Does nothing: mail is in ``mailbox`` already."""
        return ()

    def question(self, store: IdStore, kind: str) -> Steps:
        self._reply = self.env.event()
        store.questions.put((self, kind))
        answer = yield self._reply
        return answer

    def answer_with(self, answer: int) -> None:
        self._reply.succeed(answer)


class IdiomaticUser(LeanUser):
    """A mailbox and replies that are ``simpy.Store``."""

    __slots__ = ("answers", "inbox")
    answers: simpy.Store
    inbox: simpy.Store

    def begin(self, env: Clock) -> None:
        """Start the process."""
        self.inbox = simpy.Store(env)
        self.answers = simpy.Store(env)
        super().begin(env)

    def fetch_mail(self) -> Steps:
        """Receive all messages, one at a time."""
        inbox = self.inbox
        if inbox.items:
            mail = []
            while inbox.items:
                message = yield inbox.get()
                mail.append(message)
            self.mailbox = mail

    def question(self, store: IdStore, kind: str) -> Steps:
        yield store.questions.put((self, kind))
        answer = yield self.answers.get()
        return answer

    def answer_with(self, answer: int) -> None:
        self.answers.put(answer)


class SimpyWorld(ShardContext):
    """One shard, with the interface of ``ShardContext`` for makers and users."""

    def __init__(self, network: "Network", shard: int) -> None:
        scenario = network.scenario
        self.run_id = network.run_id
        self.shard = shard
        self.users = scenario.user_range(shard)
        self.env = network.env
        self.loop = cast("VirtualTimeLoop", network.env)
        self.pools = network.pools
        self.population = network.population
        self.behaviour = network.behaviour
        self.rhythm = network.rhythm
        self.trending = network.trending
        self.end_us = scenario.end_us
        self.user_ids = IdStore(self.env, self.users.start, 1)
        self.session_ids = IdStore(self.env, shard, scenario.shards)
        self.content_ids = IdStore(self.env, shard, scenario.shards)
        self.request_ids = IdStore(self.env, shard, scenario.shards)
        self.content_maker = ContentMaker(self)
        self.friend_request_maker = FriendRequestMaker(self)
        self.local_users = network.local_users
        self._user_type = network.user_type
        self._emit = network.events.append
        self._send = network.envelopes.append
        self._seq = 0
        self._replies = simpy.Store(self.env)
        self.env.process(self._sign_up_all())

    def answer_with(self, answer: int) -> None:
        self._replies.put(answer)

    def _sign_up_all(self) -> Steps:
        for expected_id in self.users:
            yield self.env.timeout(max(self.population.sign_up_us(expected_id) - self.env.now, 0))
            self.user_ids.questions.put((self, "user"))
            user_id = yield self._replies.get()
            user = self._user_type(self, user_id)
            main_device, _ = self.population.devices(user_id)
            profile = self.population.profile(user_id)
            self.emit(UserSignedUp(self.run_id, self.shard, 0, self.loop.now_us, user_id, main_device, *profile))
            self.local_users[user_id] = user
            user.begin(self.env)


class Network:
    """All shards in one environment, window by window as in socialsim."""

    def __init__(self, scenario: Scenario, run_id: str, pools: Pools, user_type: type[LeanUser]) -> None:
        self.scenario = scenario
        self.run_id = run_id
        self.pools = pools
        self.user_type = user_type
        self.env = Clock(scenario.start_us)
        self.population = Population(scenario, pools)
        self.behaviour = Behaviour(scenario)
        self.rhythm = Rhythm(scenario)
        self.trending = Trending()
        self.events: list[Event] = []
        self.envelopes: list[Envelope] = []
        self.local_users: dict[int, Resident] = {}
        self.worlds = [SimpyWorld(self, shard) for shard in range(scenario.shards)]

    def windows(self) -> Iterator[list[Event]]:
        """Simulate to the end; yields each window's events."""
        scenario = self.scenario
        for end_us in range(scenario.start_us + scenario.window_us, scenario.end_us + 1, scenario.window_us):
            self.env.run(until=end_us)
            yield self.events[:]
            self.events.clear()
            envelopes = sorted(self.envelopes, key=lambda envelope: envelope[0])
            self.envelopes.clear()  # before they are delivered: profiles answer at once
            if self.user_type is IdiomaticUser:
                self._put_into_inboxes(envelopes)
            else:
                deliver(self.local_users, self.trending, envelopes)

    def _put_into_inboxes(self, envelopes: list[Envelope]) -> None:
        for envelope in envelopes:
            _, user_ids, message = envelope
            if type(message) is SuggestionWanted or not user_ids:
                deliver(self.local_users, self.trending, [envelope])  # to nobody's mailbox
                continue
            for user_id in user_ids:
                cast("IdiomaticUser", self.local_users[user_id]).inbox.put(message)
