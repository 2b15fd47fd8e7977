"""Where a run lies in a log that others can shorten, and what is gone of it. Pure: the log's edges are given.

Kafka keeps no word of a run. So its record keeps, for each topic, at which offsets the run began and where it ended;
what the log holds now is held against that. Too much may be called lost, for runs share their topics, and never too
little: sending a run again is harmless.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

import msgspec

_TOLD_MAX: Final = 3


class TopicExtent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By partition the offset at which the run began and, once it is complete, that behind its last record."""

    first: tuple[int, ...]
    end: tuple[int, ...] = ()


class LogExtent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a run lies: the cluster by its own id, and its topics by their short names."""

    cluster: str
    topics: dict[str, TopicExtent]


class Edges(NamedTuple):
    """One topic as the log has it now: by partition its first offset, and that behind its last record."""

    begins: tuple[int, ...]
    ends: tuple[int, ...]


class Loss(NamedTuple):
    """What is gone: ``held`` of the run's ``written`` records at most are still in ``topic``."""

    topic: str
    held: int
    written: int
    reason: str

    def __str__(self) -> str:
        return f"{self.topic} holds at most {self.held:,} of the run's {self.written:,} records ({self.reason})"


def begun_at(cluster: str, edges: Mapping[str, Edges]) -> LogExtent:
    """The extent of a run that begins now."""
    return LogExtent(cluster, {topic: TopicExtent(each.ends) for topic, each in edges.items()})


def ended_at(extent: LogExtent, edges: Mapping[str, Edges]) -> LogExtent:
    """The extent of a run that is complete now."""
    topics = {topic: TopicExtent(each.first, edges[topic].ends) for topic, each in extent.topics.items()}
    return LogExtent(extent.cluster, topics)


def find_losses(
    extent: LogExtent | None, cluster: str, edges: Mapping[str, Edges], written: Mapping[str, int]
) -> list[Loss]:
    """What the log lost of a complete run that had ``written`` so many records into each topic.

    ``extent`` None stands for a run whose record has none: then counts alone tell. Topics that are not in ``edges``
    are gone.
    """
    losses = []
    for topic, count in written.items():
        held, reason = _look(extent, cluster, topic, edges.get(topic))
        if count and (held < count or reason):
            losses.append(Loss(topic, min(held, count), count, reason or "it holds no more"))
    return losses


def find_gap(extent: LogExtent | None, cluster: str, edges: Mapping[str, Edges], written: int) -> str | None:
    """Why an unfinished run cannot go on behind the ``written`` records that it had made durable; None if it can."""
    held = 0
    for topic in edges if extent is None else extent.topics:
        held_by_topic, reason = _look(extent, cluster, topic, edges.get(topic))
        if written and reason:
            return f"{topic}: {reason}"
        held += held_by_topic
    return f"the topics hold {held:,} of the {written:,} records that were written" if held < written else None


def sum_losses(losses: Sequence[Loss]) -> str:
    """The losses in one clause: their sum and the first three."""
    missing = sum(loss.written - loss.held for loss in losses)
    written = sum(loss.written for loss in losses)
    some = "; ".join(str(loss) for loss in losses[:_TOLD_MAX]) + (" ..." if len(losses) > _TOLD_MAX else "")
    least = f"at least {missing:,}" if missing else "some"
    return f"{least} of {written:,} records in {len(losses)} topics are gone: {some}"


def _look(extent: LogExtent | None, cluster: str, topic: str, now: Edges | None) -> tuple[int, str]:
    """How many records of the run ``topic`` can hold at most, and why it must have lost some; empty if it need not."""
    if now is None:
        return 0, "there is no such topic any more"
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
            return 0, "it ends before the run's records do: it was made anew"
        held += max(0, min(end, end_now) - max(first, begin_now))
        deleted |= first < min(begin_now, end)
    return held, "records were deleted, by retention or by hand" if deleted else ""
