"""The extent of a run in a log that can lose records, and what has been lost of it. Pure.

Kafka stores nothing about runs. The run's record therefore keeps, for each topic, the offsets at
which the run began and ended, and these are compared with what the log holds now. Losses may be
overestimated, because runs share topics, but never underestimated: sending a run again is harmless.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

import msgspec

_NAMED_MAX: Final = 3


class TopicExtent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By partition: the offset at which the run began and, once it is complete, its end offset."""

    first: tuple[int, ...]
    end: tuple[int, ...] = ()


class LogExtent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The extent of a run: the cluster's id, and its topics by their short names."""

    cluster: str
    topics: dict[str, TopicExtent]


class Edges(NamedTuple):
    """One topic as it is now: by partition the first offset and the end offset."""

    begins: tuple[int, ...]
    ends: tuple[int, ...]


class Loss(NamedTuple):
    """A loss: at most ``held`` of the run's ``written`` records are still in ``topic``."""

    topic: str
    held: int
    written: int
    reason: str

    def __str__(self) -> str:
        return f"{self.topic} holds at most {self.held:,} of the run's {self.written:,} records ({self.reason})"


def begun_at(cluster: str, edges: Mapping[str, Edges]) -> LogExtent:
    """The extent of a run that begins at these edges."""
    return LogExtent(cluster, {topic: TopicExtent(each.ends) for topic, each in edges.items()})


def ended_at(extent: LogExtent, edges: Mapping[str, Edges]) -> LogExtent:
    """``extent`` of a run that is complete at these edges."""
    topics = {topic: TopicExtent(each.first, edges[topic].ends) for topic, each in extent.topics.items()}
    return LogExtent(extent.cluster, topics)


def find_losses(
    extent: LogExtent | None, cluster: str, edges: Mapping[str, Edges], written: Mapping[str, int]
) -> list[Loss]:
    """What the log has lost of a complete run; ``written`` is its number of records by topic.

    If the run's record has no ``extent``, only counts are compared. Topics that are not in
    ``edges`` have been deleted.
    """
    losses = []
    for topic, count in written.items():
        held, reason = _look(extent, cluster, topic, edges.get(topic))
        if count and (held < count or reason):
            losses.append(Loss(topic, min(held, count), count, reason or "it holds no more"))
    return losses


def find_gap(extent: LogExtent | None, cluster: str, edges: Mapping[str, Edges], written: int) -> str | None:
    """Why an unfinished run cannot resume after its ``written`` durable records; None if it can."""
    held = 0
    for topic in edges if extent is None else extent.topics:
        held_by_topic, reason = _look(extent, cluster, topic, edges.get(topic))
        if written and reason:
            return f"{topic}: {reason}"
        held += held_by_topic
    return f"the topics hold {held:,} of the {written:,} records that were written" if held < written else None


def sum_losses(losses: Sequence[Loss]) -> str:
    """The losses as one clause: their sum and the first three."""
    missing = sum(loss.written - loss.held for loss in losses)
    written = sum(loss.written for loss in losses)
    some = "; ".join(str(loss) for loss in losses[:_NAMED_MAX]) + (" ..." if len(losses) > _NAMED_MAX else "")
    least = f"at least {missing:,}" if missing else "some"
    return f"{least} of {written:,} records in {len(losses)} topics are gone: {some}"


def _look(extent: LogExtent | None, cluster: str, topic: str, now: Edges | None) -> tuple[int, str]:
    """Upper bound of the run's records in ``topic``, and why some must be lost (or empty)."""
    if now is None:
        return 0, "the topic no longer exists"
    if extent is None:
        return sum(now.ends) - sum(now.begins), ""
    if extent.cluster != cluster:
        return 0, f"this is cluster {cluster}, the run went to {extent.cluster}"
    then = extent.topics.get(topic, TopicExtent(()))
    held, deleted = 0, False
    for first, end, begin_now, end_now in zip_longest(
        then.first, then.end or now.ends, now.begins, now.ends, fillvalue=0
    ):
        if end_now < (end if then.end else first):
            return 0, "it ends before the run's records do: it was recreated"
        held += max(0, min(end, end_now) - max(first, begin_now))
        deleted |= first < min(begin_now, end)
    return held, "records were deleted, by retention or manually" if deleted else ""
