"""The consumers' books: what was consumed became a row, a duplicate or a dead letter, and nothing waits in the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from socialsim.analytics.report import Break
from socialsim.analytics.tallies import Tallies
from socialsim.events import PLURALS
from socialsim.warehouse.tables import consumer_offsets

_NAMES: Final = {plural: name for name, plural in PLURALS.items()}


@dataclass(frozen=True, slots=True)
class LogEnds:
    """What the event log says of itself: for each topic and partition the offset behind its last record.

    ``identities`` tell its topics from earlier ones of their names, as far as the log can.
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
    """The wire name of the events that ``topic`` holds; None if it holds no events, or only those of other runs.

    The topics of a log in files are ``<run_id>/<plural>``; those of Kafka end in ``.<plural>`` and are shared by runs.
    """
    owner, slash, plural = topic.rpartition("/")
    if slash:
        return _NAMES.get(plural) if owner == run_id else None
    return _NAMES.get(topic.rpartition(".")[2])


def is_own_topic(topic: str) -> bool:
    """Whether the topic is one run's alone."""
    return "/" in topic


def read_offsets(connection: Connection, run_id: str) -> list[OffsetRow]:
    """The rows of every topic that may hold events of the run, in order."""
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


def book_breaks(rows: list[OffsetRow], stored: Tallies, run_id: str) -> list[Break]:
    """Partitions whose counters do not add up, or do not agree with the rows."""
    breaks = []
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
            breaks.append(_break(row.topic, row.partition, f"group {row.group}: {what}"))
    return breaks + _rows_breaks(rows, stored, run_id)


def _rows_breaks(rows: list[OffsetRow], stored: Tallies, run_id: str) -> list[Break]:
    """No row is stored that no consumer inserted. (It may have inserted more: a lost row can be consumed again.)"""
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
    breaks = []
    beside: dict[str, int] = {}
    for (name, shard), tally in stored.items():
        inserted = own.get((name, shard), 0)
        if inserted < tally.count:
            beside[name] = beside.get(name, 0) + tally.count - inserted
            if name not in shared:
                what = f"{tally.count} rows are stored, of which consumers inserted {inserted}"
                breaks.append(Break(what, table=PLURALS[name], shard=shard))
    for name, inserted in shared.items():
        if inserted < beside.get(name, 0):
            what = f"{beside[name]} rows are stored, of which consumers inserted {inserted}"
            breaks.append(Break(what, table=PLURALS[name]))
    return breaks


def end_breaks(rows: list[OffsetRow], log: LogEnds, run_id: str) -> list[Break]:
    """Partitions of the log that were not consumed to their end by any group, or beyond it by one."""
    furthest: dict[tuple[str, int], int] = {}
    breaks = []
    topics = {topic for topic, _ in log.ends}
    for row in rows:
        place = row.topic, row.partition
        if not log.has(row) or row.topic not in topics:  # one cluster may hold several logs, by topic prefix
            continue
        furthest[place] = max(furthest.get(place, 0), row.next_offset)
        end = log.ends.get(place)
        if end is None:
            breaks.append(_break(*place, f"group {row.group}: the log has no such partition"))
        elif row.next_offset > end:
            breaks.append(
                _break(*place, f"group {row.group}: the next offset is {row.next_offset}, the log ends at {end}")
            )
    for place, end in sorted(log.ends.items()):
        if event_of_topic(place[0], run_id) is not None and furthest.get(place, 0) < end:
            breaks.append(
                _break(*place, f"{end - furthest.get(place, 0)} of the log's {end} records are not consumed yet")
            )
    return breaks


def _break(topic: str, partition: int, what: str) -> Break:
    return Break(f"{topic}[{partition}]: {what}", table="consumer_offsets")
