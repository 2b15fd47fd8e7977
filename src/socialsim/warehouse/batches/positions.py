"""Compares stored positions with the log's topics, which may have been recreated. Pure."""

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from socialsim.errors import LogReplacedError
from socialsim.warehouse.base import OffsetKey

log = logging.getLogger(__name__)

#: ``OffsetKey.primary_key``.
OffsetRowKey: TypeAlias = tuple[str, str, str, int]


class StoredPosition(NamedTuple):
    """A row of ``consumer_offsets``.

    ``identity`` is empty if an older version or a log without identities wrote it.
    """

    next_offset: int
    identity: str


class Found(NamedTuple):
    """The result of ``compare``. The lists hold keys whose row must change."""

    offsets: dict[OffsetKey, int]
    missing: list[OffsetKey]
    adopted: list[OffsetKey]  #: the row has no identity yet, the key has one
    replaced: list[OffsetKey]  #: the row belongs to a topic that was deleted

    @property
    def is_settled(self) -> bool:
        """Whether no row must change."""
        return not (self.missing or self.adopted or self.replaced)


def compare(keys: Sequence[OffsetKey], rows: Mapping[OffsetRowKey, StoredPosition]) -> Found:
    """Compare ``rows``, by primary key, with ``keys``."""
    found = Found({}, [], [], [])
    for key in keys:
        row = rows.get(key.primary_key)
        if row is None:
            found.missing.append(key)
        elif not is_of(row, key):
            found.replaced.append(key)
        else:
            found.offsets[key] = row.next_offset
            if key.identity and not row.identity:
                found.adopted.append(key)
    return found


def is_of(row: StoredPosition, key: OffsetKey) -> bool:
    """Whether the row is a position in the key's topic; a missing identity matches every topic."""
    return not (row.identity and key.identity) or row.identity == key.identity


def replaced_error(keys: Sequence[OffsetKey], rows: Mapping[OffsetRowKey, StoredPosition]) -> LogReplacedError:
    """The error for positions in deleted topics, with the first one and the remedy."""
    first = keys[0]
    topics = sorted({key.topic for key in keys})
    more = f" and {len(topics) - 1} more topics" if len(topics) > 1 else ""
    return LogReplacedError(
        f"topic {first.topic}{more}: group {first.group} stored positions in the topic with identity "
        f"{rows[first.primary_key].identity}, the log has one of that name with identity {first.identity}: it was deleted "
        "and recreated; nothing was read. To read it from its start and keep the stored rows: socialsim consume "
        "--restart-replaced"
    )


def log_changes(found: Found) -> None:
    """Log what happens to existing positions."""
    if found.adopted:
        topics = sorted({key.topic for key in found.adopted})
        log.warning(
            "%d positions of %s were stored by an older version without topic identities; the current topics are assumed",
            len(found.adopted),
            ", ".join(topics),
        )
    if found.replaced:
        topics = sorted({key.topic for key in found.replaced})
        log.warning("reading recreated topics from the start: %s", ", ".join(topics))
