"""The shards that one process simulates: a logical process, in the terms of parallel simulation.

Time advances in windows (conservative synchronisation). What users send to each other during a
window is delivered at its end, ordered by (sender's shard, order of sending). So shards do not
affect each other within a window, and which of them share a process makes no difference.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

from socialsim.domain.actors.context import Envelope, make_process_context
from socialsim.domain.actors.delivery import deliver
from socialsim.domain.actors.shard import start_shard
from socialsim.domain.messages import Suggestion, SuggestionWanted
from socialsim.domain.population.name_pools import Pools
from socialsim.errors import ActorFailedError
from socialsim.events import Event
from socialsim.kernel import ActorFailure
from socialsim.scenario.model import Scenario

_sender: Final = itemgetter(0)


class ShardGroup:
    """Simulates ``shards`` of a scenario.

    The caller says how far and exchanges envelopes with peers.
    """

    def __init__(self, scenario: Scenario, run_id: str, pools: Pools, shards: Sequence[int]) -> None:
        self._scenario = scenario
        self._process = make_process_context(scenario, run_id, pools, len(shards))
        for shard in shards:
            start_shard(self._process, shard)
        self._process.loop.next_us = scenario.start_us  # the actors have not started yet

    @property
    def next_us(self) -> int:
        """A lower bound for the time of this group's next event.

        A profile query is answered on delivery, so its answer is sent with the next window, and
        that window must not be skipped: otherwise the number of skipped windows, and with it the
        stream, would depend on which shards share a process.
        """
        for _, _, message in self._process.envelopes:
            if type(message) is SuggestionWanted or type(message) is Suggestion:
                return self._process.loop.now_us
        return self._process.loop.next_us

    @property
    def now_us(self) -> int:
        """The simulated time that this group has reached."""
        return self._process.loop.now_us

    @property
    def live_users(self) -> int:
        """How many users have signed up."""
        return len(self._process.local_users)

    def run_until(self, end_us: int) -> None:
        """Process everything due before ``end_us``.

        Raises ActorFailedError naming actor, time and seed.
        """
        try:
            self._process.loop.run_until(end_us)
        except ActorFailure as failure:
            raise ActorFailedError(
                f"{failure.actor} failed at simulated time {failure.now_us} us with seed {self._scenario.seed} "
                f"(run {self._process.run_id}): {failure.__cause__!r}"
            ) from failure.__cause__

    def take_events(self) -> list[Event]:
        """The events since the last call, in time order; by ``seq`` within a shard."""
        events = self._process.events[:]
        self._process.events.clear()
        return events

    def take_envelopes(self) -> list[Envelope]:
        """The envelopes since the last call, by sender's shard, then order of sending."""
        envelopes = self._process.envelopes[:]
        self._process.envelopes.clear()
        envelopes.sort(key=_sender)
        return envelopes

    def deliver(self, envelopes: Iterable[Envelope]) -> None:
        """Put envelopes into the mailboxes of local receivers in the given order; ignore others."""
        deliver(self._process.local_users, self._process.trending, envelopes)

    def close(self) -> None:
        """Cancel all actors."""
        self._process.loop.close()
