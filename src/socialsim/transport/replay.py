"""Reads a log once from the beginning, without a group: its ends, or all records up to them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from socialsim.transport.base import EventReader, Fetched, TopicPartition

_POLL_RECORDS: Final = 50_000
_POLL_TIMEOUT_S: Final = 0.5


class Ends(NamedTuple):
    """The end offset of each partition of a log, and the identities of its topics."""

    log_id: str
    offsets: dict[TopicPartition, int]
    identities: dict[str, str]


async def read_ends(reader: EventReader) -> Ends:
    """The log's ends. Starts and closes the reader.

    Raises ServiceUnavailableError, InputError if there is no log.
    """
    try:
        await reader.start(_from_the_beginning, _keep_nothing)
        offsets = await reader.end_offsets()
        return Ends(reader.log_id, offsets, {topic: reader.identity(topic) for topic, _ in offsets})
    finally:
        await reader.close()


async def read_to_end(
    reader: EventReader, take: Callable[[Fetched], None], enough: Callable[[], bool] = lambda: False
) -> None:
    """Pass all records up to the log's present end to ``take``, in order within each partition.

    Stops early when ``enough`` is true. Starts and closes the reader. Raises
    ServiceUnavailableError, LogCorruptError, InputError if there is no log.
    """
    try:
        await reader.start(_from_the_beginning, _keep_nothing)
        left = {partition: end for partition, end in (await reader.end_offsets()).items() if end > 0}
        while left and not enough():
            for part in await reader.poll(_POLL_RECORDS, _POLL_TIMEOUT_S):
                end = left.get(part.partition, 0)
                wanted = max(0, end - part.first_offset)
                if wanted:
                    take(part.part(0, wanted))
                if part.first_offset + len(part.values) >= end:
                    left.pop(part.partition, None)
    finally:
        await reader.close()


async def _from_the_beginning(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    return dict.fromkeys(partitions, 0)


async def _keep_nothing(partitions: Sequence[TopicPartition]) -> None:
    """There is no state per partition to discard."""
