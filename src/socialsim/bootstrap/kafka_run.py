"""Compares the manifests of a run with what its Kafka topics hold, before and after writing."""

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
    """One run in ``topics`` of ``cluster``; ``types`` maps topics to event types."""

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
        """The run's state and its extent.

        ``known`` is the record of a previous attempt in this log.
        ``replaced``: the topics of that attempt were deleted; new ones may have their names.

        Raises InputError for topics that are missing or that would lose or refuse records (without
        ``check`` the latter are only logged as a warning), TerminalError for a complete run whose
        records are partly gone, ServiceUnavailableError.
        """
        state = self._inspect()
        edges = _edges(state)
        if known is not None and known.state == "complete" and not again:
            left = {} if replaced else edges
            losses = find_losses(known.extent, state.cluster_id, left, self._written())
            if losses:
                raise TerminalError(
                    f"run {known.run_id} is complete according to its manifests, but not in {self.cluster.url}: "
                    f"{sum_losses(losses)}; `socialsim run --resume {known.run_id} --again --to {self.cluster.url}` "
                    "simulates it again, and rows that a warehouse has already are not stored twice"
                )
            return "complete", known.extent
        if missing := [name for name in self._topics if name not in state.topics]:
            raise self.cluster.missing_topics(missing)
        self._check_settings(state, now_us, live=live, check=check)
        if known is None or again:
            return "new", begun_at(state.cluster_id, edges)
        gap = "its topics were deleted and created again" if replaced else None
        if gap is None:
            gap = find_gap(known.extent, state.cluster_id, edges, self._durable())
        if gap is not None:
            log.warning("run %s: %s; simulating it from the beginning", known.run_id, gap)
            return "new", begun_at(state.cluster_id, edges)
        return "unfinished", known.extent

    def seal(self, extent: LogExtent | None) -> LogExtent | None:
        """The extent of the ended run. Raises TerminalError if the log lost records meanwhile."""
        state = self._inspect()
        losses = find_losses(extent, state.cluster_id, _edges(state), self._written())
        if losses:
            raise TerminalError(
                f"run {self._directory.run_id} was written to {self.cluster.url}, but {sum_losses(losses)}; "
                "`socialsim topics describe` shows the topics' settings, "
                f"`socialsim run --resume {self._directory.run_id} --to {self.cluster.url}` simulates it again"
            )
        return None if extent is None else ended_at(extent, _edges(state))

    def _inspect(self) -> ClusterState:
        return asyncio.run(inspect_topics(self.cluster, self._topics))

    def _check_settings(self, state: ClusterState, now_us: int, *, live: bool, check: bool) -> None:
        unread = [topic.name for topic in state.topics.values() if topic.settings is None]
        if unread:
            log.warning(
                "the settings of %d topics cannot be read (the user lacks DescribeConfigs): "
                "it is unknown whether they retain records with simulated times",
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
        """Events of the run in its manifests, by topic."""
        manifests = [self._directory.read_manifest(shard) for shard in range(self._scenario.shards)]
        return {
            topic: sum(each.tallies[name].count for each in manifests if each is not None and name in each.tallies)
            for topic, name in self._types.items()
        }

    def _durable(self) -> int:
        """Number of events that were acknowledged in previous attempts."""
        manifests = [self._directory.read_manifest(shard) for shard in range(self._scenario.shards)]
        return sum(each.acknowledged_seq + 1 for each in manifests if each is not None)


def _edges(state: ClusterState) -> dict[str, Edges]:
    return {topic: Edges(each.begins, each.ends) for topic, each in state.topics.items()}
