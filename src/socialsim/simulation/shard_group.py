"""The shards that one process hosts: windows of simulated time, and the letters between them.

Time advances in windows. What users send to each other in one window is delivered when it has ended, in the order of
(sender's shard, order of sending); so the shards of a window know nothing of each other, and it does not matter which of
them share a process.
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
    """Runs ``shards`` of a scenario. The caller says how far, and carries letters to other hosts."""

    def __init__(self, scenario: Scenario, run_id: str, pools: Pools, shards: Sequence[int]) -> None:
        self._scenario = scenario
        self._process = make_process_context(scenario, run_id, pools, len(shards))
        for shard in shards:
            start_shard(self._process, shard)
        self._process.loop.next_us = scenario.start_us  # the actors have yet to begin

    @property
    def next_us(self) -> int:
        """Nothing happens here before this time.

        A question to somebody's profile is answered when it is delivered, so its answer leaves with the next window, and
        that window must not be skipped: how many empty windows there are may depend on who shares a process.
        """
        for _, _, message in self._process.letters:
            if type(message) is SuggestionWanted or type(message) is Suggestion:
                return self._process.loop.now_us
        return self._process.loop.next_us

    @property
    def now_us(self) -> int:
        """How far this host is."""
        return self._process.loop.now_us

    @property
    def live_users(self) -> int:
        """How many have signed up."""
        return len(self._process.local_users)

    def run_until(self, end_us: int) -> None:
        """Let happen whatever is due before ``end_us``. Raises ActorFailedError naming actor, time and seed."""
        try:
            self._process.loop.run_until(end_us)
        except ActorFailure as failure:
            raise ActorFailedError(
                f"{failure.actor} failed at simulated time {failure.now_us} us with seed {self._scenario.seed} "
                f"(run {self._process.run_id}): {failure.__cause__!r}"
            ) from failure.__cause__

    def take_events(self) -> list[Event]:
        """The events since the last call, in order of time; of one shard in the order of ``seq``."""
        events = self._process.events[:]
        self._process.events.clear()
        return events

    def take_letters(self) -> list[Envelope]:
        """The letters since the last call, by sender's shard, of one shard in the order of sending."""
        letters = self._process.letters[:]
        self._process.letters.clear()
        letters.sort(key=_sender)
        return letters

    def deliver(self, letters: Iterable[Envelope]) -> None:
        """Put letters to users of these shards into their mailboxes, in the given order; others are passed over."""
        deliver(self._process.local_users, self._process.trending, letters)

    def close(self) -> None:
        """End every actor."""
        self._process.loop.close()
