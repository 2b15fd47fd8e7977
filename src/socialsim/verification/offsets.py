"""The consumers' counters: what was consumed became a row, duplicate or dead letter, to the log's
end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from socialsim.events import PLURALS
from socialsim.verification.result import Violation
from socialsim.verification.stored_totals import TotalsByCell
from socialsim.warehouse.schema.tables import consumer_offsets

_NAMES: Final = {plural: name for name, plural in PLURALS.items()}


@dataclass(frozen=True, slots=True)
class LogEnds:
    """The log ends that the event log reports, by topic and partition.

    ``identities`` distinguish its topics from earlier ones with the same names, where the log can.
    """

    log_id: str
    ends: Mapping[tuple[str, int], int]
    identities: Mapping[str, str] = field(default_factory=dict)

    def has(self, row: "OffsetRow") -> bool:
        """Whether the row is a position in one of the very topics of this log."""
        now = self.identities.get(row.topic, "")
        is_other = bool(now and row.identity) and now != row.identity
        return row.log_id == self.log_id and not is_other


class OffsetRow(NamedTuple):
    """A row of ``consumer_offsets``."""

    log_id: str
    group: str
    topic: str
    partition: int
    next_offset: int
    consumed: int
    inserted: int
    duplicates: int
    dead_letters: int
    identity: str = ""  #: of the topic


def event_of_topic(topic: str, run_id: str) -> str | None:
    """The wire name of the events in ``topic``; None if it has no events or only those of other
    runs.

    The topics of a file log are ``<run_id>/<plural>``. Those of Kafka end in ``.<plural>`` and are
    shared by runs.
    """
    owner, slash, plural = topic.rpartition("/")
    if slash:
        return _NAMES.get(plural) if owner == run_id else None
    return _NAMES.get(topic.rpartition(".")[2])


def is_own_topic(topic: str) -> bool:
    """Whether the topic belongs to one run."""
    return "/" in topic


def read_offsets(connection: Connection, run_id: str) -> list[OffsetRow]:
    """The rows of all topics that may hold events of the run, in order."""
    columns = consumer_offsets.c
    query = select(
        columns.log_id,
        columns.consumer_group,
        columns.topic,
        columns.partition_id,
        columns.next_offset,
        columns.consumed,
        columns.inserted,
        columns.duplicates,
        columns.dead_letters,
        columns.topic_identity,
    ).order_by(columns.log_id, columns.consumer_group, columns.topic, columns.partition_id)
    return [OffsetRow._make(row) for row in connection.execute(query) if event_of_topic(row.topic, run_id) is not None]


def counter_violations(rows: list[OffsetRow], stored: TotalsByCell, run_id: str) -> list[Violation]:
    """Partitions whose counters do not add up or contradict the rows."""
    violations = []
    for row in rows:
        what = None
        if row.consumed != row.inserted + row.duplicates + row.dead_letters:
            what = (
                f"consumed {row.consumed} is not inserted {row.inserted} + duplicates {row.duplicates} "
                f"+ dead letters {row.dead_letters}"
            )
        elif row.next_offset > row.consumed:
            what = f"the next offset is {row.next_offset}, but only {row.consumed} records were ever consumed"
        if what is not None:
            violations.append(_violation(row.topic, row.partition, f"group {row.group}: {what}"))
    return violations + _row_violations(rows, stored, run_id)


def _row_violations(rows: list[OffsetRow], stored: TotalsByCell, run_id: str) -> list[Violation]:
    """Rows that no consumer inserted. (More may have been: a lost row can be consumed again.)"""
    own: dict[tuple[str, int], int] = {}
    shared: dict[str, int] = {}
    for row in rows:
        name = event_of_topic(row.topic, run_id)
        if name is None:
            continue
        if is_own_topic(row.topic):  # its partitions are the run's shards
            own[name, row.partition] = own.get((name, row.partition), 0) + row.inserted
        else:
            shared[name] = shared.get(name, 0) + row.inserted
    violations = []
    uncovered: dict[str, int] = {}
    for (name, shard), totals in stored.items():
        inserted = own.get((name, shard), 0)
        if inserted < totals.count:
            uncovered[name] = uncovered.get(name, 0) + totals.count - inserted
            if name not in shared:
                what = f"{totals.count} rows are stored, of which consumers inserted {inserted}"
                violations.append(Violation(what, table=PLURALS[name], shard=shard))
    for name, inserted in shared.items():
        if inserted < uncovered.get(name, 0):
            what = f"{uncovered[name]} rows are stored, of which consumers inserted {inserted}"
            violations.append(Violation(what, table=PLURALS[name]))
    return violations


def log_end_violations(rows: list[OffsetRow], log: LogEnds, run_id: str) -> list[Violation]:
    """Partitions of the log not consumed to their end by any group, or consumed beyond it by one."""
    furthest: dict[tuple[str, int], int] = {}
    violations = []
    topics = {topic for topic, _ in log.ends}
    for row in rows:
        partition = row.topic, row.partition
        # one cluster may hold several logs, by topic prefix
        if not log.has(row) or row.topic not in topics:
            continue
        furthest[partition] = max(furthest.get(partition, 0), row.next_offset)
        end = log.ends.get(partition)
        if end is None:
            violations.append(_violation(*partition, f"group {row.group}: the log has no such partition"))
        elif row.next_offset > end:
            violations.append(
                _violation(
                    *partition, f"group {row.group}: the next offset is {row.next_offset}, the log ends at {end}"
                )
            )
    for partition, end in sorted(log.ends.items()):
        unconsumed = end - furthest.get(partition, 0)
        if event_of_topic(partition[0], run_id) is not None and unconsumed > 0:
            violations.append(_violation(*partition, f"{unconsumed} of the log's {end} records are not consumed yet"))
    return violations


def _violation(topic: str, partition: int, what: str) -> Violation:
    return Violation(f"{topic}[{partition}]: {what}", table="consumer_offsets")
