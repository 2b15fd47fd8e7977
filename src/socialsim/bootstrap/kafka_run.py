"""A run in Kafka: what its books say is held against what the topics still have, before and after it is written."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Literal

from socialsim.errors import TerminalError
from socialsim.runs.directory import RunDirectory, RunRecord
from socialsim.runs.extent import Edges, LogExtent, begun_at, ended_at, find_gap, find_losses, sum_losses
from socialsim.scenario.model import DAY_US, Scenario
from socialsim.transport.kafka import KafkaLog, RecordAges, compare, inspect_topics, refuse, sum_up
from socialsim.transport.kafka.admin import ClusterState

log = logging.getLogger(__name__)

RunState = Literal["new", "unfinished", "complete"]


class KafkaRun:
    """One run into ``topics`` of ``cluster``; ``types`` tells the events' name of each topic."""

    def __init__(
        self,
        cluster: KafkaLog,
        topics: Sequence[str],
        types: Mapping[str, str],
        directory: RunDirectory,
        scenario: Scenario,
    ) -> None:
        self.cluster = cluster
        self._topics = topics
        self._types = types
        self._directory = directory
        self._scenario = scenario

    def open(
        self, known: RunRecord | None, now_us: int, *, replaced: bool, again: bool, live: bool, check: bool
    ) -> tuple[RunState, LogExtent | None]:
        """The run's state, and where it lies. ``known`` is the record of an earlier attempt in this log.

        ``replaced``: the topics of that attempt were deleted, and others may have their names now.

        Raises InputError for topics that are missing or would lose or refuse records (without ``check`` they are told
        in a warning), TerminalError for a complete run of which records are gone, ServiceUnavailableError.
        """
        state = self._inspect()
        edges = _edges(state)
        if known is not None and known.state == "complete" and not again:
            left = {} if replaced else edges
            losses = find_losses(known.extent, state.cluster_id, left, self._written())
            if losses:
                raise TerminalError(
                    f"run {known.run_id} is complete by its books, but not in {self.cluster.url}: "
                    f"{sum_losses(losses)}; `socialsim run --resume {known.run_id} --again --to {self.cluster.url}` "
                    "simulates it once more, and what a warehouse has of it already is not stored twice"
                )
            return "complete", known.extent
        if missing := [name for name in self._topics if name not in state.topics]:
            raise self.cluster.missing_topics(missing)
        self._check_settings(state, now_us, live=live, check=check)
        if known is None or again:
            return "new", begun_at(state.cluster_id, edges)
        gap = "its topics were deleted and made anew" if replaced else None
        if gap is None:
            gap = find_gap(known.extent, state.cluster_id, edges, self._durable())
        if gap is not None:
            log.warning("run %s: %s; simulating it from its beginning", known.run_id, gap)
            return "new", begun_at(state.cluster_id, edges)
        return "unfinished", known.extent

    def seal(self, extent: LogExtent | None) -> LogExtent | None:
        """Where the run lies now that it has ended. Raises TerminalError if the log lost some of it meanwhile."""
        state = self._inspect()
        losses = find_losses(extent, state.cluster_id, _edges(state), self._written())
        if losses:
            raise TerminalError(
                f"run {self._directory.run_id} was written to {self.cluster.url}, but {sum_losses(losses)}; "
                "`socialsim topics describe` shows the topics' settings, "
                f"`socialsim run --resume {self._directory.run_id} --to {self.cluster.url}` simulates it once more"
            )
        return None if extent is None else ended_at(extent, _edges(state))

    def _inspect(self) -> ClusterState:
        return asyncio.run(inspect_topics(self.cluster, self._topics))

    def _check_settings(self, state: ClusterState, now_us: int, *, live: bool, check: bool) -> None:
        unread = [topic.name for topic in state.topics.values() if topic.settings is None]
        if unread:
            log.warning(
                "the settings of %d topics cannot be read (the user lacks DescribeConfigs): "
                "whether they keep records of simulated times is not known",
                len(unread),
            )
        start_us = self._scenario.start_us
        end_us = start_us + self._scenario.days * DAY_US
        ages = RecordAges(max(0, now_us - start_us) // 1000, 0 if live else max(0, end_us - now_us) // 1000)
        deviations = [each for topic in state.topics.values() for each in compare(topic, ages=ages)]
        if check:
            refuse(self.cluster, deviations)
        if deviations:
            log.warning("Kafka at %s: %s", self.cluster.address, sum_up(deviations))

    def _written(self) -> dict[str, int]:
        """By topic how many events the books have of the whole run."""
        books = [self._directory.read_manifest(shard) for shard in range(self._scenario.shards)]
        return {
            topic: sum(each.tallies[name].count for each in books if each is not None and name in each.tallies)
            for topic, name in self._types.items()
        }

    def _durable(self) -> int:
        """How many events an earlier life knew to be in the log."""
        books = [self._directory.read_manifest(shard) for shard in range(self._scenario.shards)]
        return sum(each.acknowledged_seq + 1 for each in books if each is not None)


def _edges(state: ClusterState) -> dict[str, Edges]:
    return {topic: Edges(each.begins, each.ends) for topic, each in state.topics.items()}
