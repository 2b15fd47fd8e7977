"""Stored positions against the topics that are there: the same one, or another that took its name. Pure."""

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from socialsim.errors import LogReplacedError
from socialsim.warehouse.base import OffsetKey

log = logging.getLogger(__name__)

#: Of an OffsetKey.
Place: TypeAlias = tuple[str, str, str, int]


class StoredPosition(NamedTuple):
    """A row of ``consumer_offsets``. ``identity`` is empty if an older version, or a log that cannot tell, wrote it."""

    next_offset: int
    identity: str


class Found(NamedTuple):
    """What stored positions come to. The lists are of keys whose row is to be changed."""

    offsets: dict[OffsetKey, int]
    missing: list[OffsetKey]
    adopted: list[OffsetKey]  #: the row has no identity yet, the key has one
    replaced: list[OffsetKey]  #: the row is of another topic

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be changed."""
        return not (self.missing or self.adopted or self.replaced)


def compare(keys: Sequence[OffsetKey], rows: Mapping[Place, StoredPosition]) -> Found:
    """Hold ``rows``, by place, against ``keys``."""
    found = Found({}, [], [], [])
    for key in keys:
        row = rows.get(key.place)
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
    """Whether the row is a position in the key's own topic, as far as both can tell."""
    return not (row.identity and key.identity) or row.identity == key.identity


def replaced_error(keys: Sequence[OffsetKey], rows: Mapping[Place, StoredPosition]) -> LogReplacedError:
    """What is said of ``keys``, whose positions are of other topics: the first, how many more, and how to go on."""
    first = keys[0]
    topics = sorted({key.topic for key in keys})
    more = f" and {len(topics) - 1} more topics" if len(topics) > 1 else ""
    return LogReplacedError(
        f"topic {first.topic}{more}: group {first.group} stored positions in the one with identity "
        f"{rows[first.place].identity}, the log has one of that name with identity {first.identity}: it was deleted "
        "and made anew; nothing was read. To read it from its start, beside the rows that are stored: socialsim consume "
        "--restart-replaced"
    )


def note_changes(found: Found) -> None:
    """Say once what becomes of positions that were stored before."""
    if found.adopted:
        topics = sorted({key.topic for key in found.adopted})
        log.warning(
            "%d positions of %s were stored by an older version, which kept no identity of topics: they are taken to be of "
            "those that are there now",
            len(found.adopted),
            ", ".join(topics),
        )
    if found.replaced:
        topics = sorted({key.topic for key in found.replaced})
        log.warning("read from the start, for they were made anew: %s", ", ".join(topics))
