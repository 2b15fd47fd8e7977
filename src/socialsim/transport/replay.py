"""Reads a log once, alone and from the beginning: its ends, or every record that it holds now."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from socialsim.transport.base import EventReader, Fetched, TopicPartition

_POLL_RECORDS: Final = 50_000
_POLL_TIMEOUT_S: Final = 0.5


class Ends(NamedTuple):
    """Where a log ends: the end offset of each partition, and what distinguishes its topics from earlier ones."""

    log_id: str
    offsets: dict[TopicPartition, int]
    identities: dict[str, str]


async def read_ends(reader: EventReader) -> Ends:
    """The log's ends. Starts the reader and closes it. Raises ServiceUnavailableError, InputError if there is no log."""
    try:
        await reader.start(_from_the_beginning, _keep_nothing)
        offsets = await reader.end_offsets()
        return Ends(reader.log_id, offsets, {topic: reader.identity(topic) for topic, _ in offsets})
    finally:
        await reader.close()


async def read_to_end(
    reader: EventReader, take: Callable[[Fetched], None], enough: Callable[[], bool] = lambda: False
) -> None:
    """Give ``take`` every record up to the log's end as it was at the start, partition by partition in order.

    Stops early when ``enough`` says so. Starts the reader and closes it. Raises ServiceUnavailableError,
    LogCorruptError, InputError if there is no log.
    """
    try:
        await reader.start(_from_the_beginning, _keep_nothing)
        left = {partition: end for partition, end in (await reader.end_offsets()).items() if end > 0}
        while left and not enough():
            for part in await reader.poll(_POLL_RECORDS, _POLL_TIMEOUT_S):
                end = left.get(part.partition, 0)
                wanted = max(0, end - part.first_offset)
                if wanted:
                    take(part._replace(values=part.values[:wanted]))
                if part.first_offset + len(part.values) >= end:
                    left.pop(part.partition, None)
    finally:
        await reader.close()


async def _from_the_beginning(partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    return dict.fromkeys(partitions, 0)


async def _keep_nothing(partitions: Sequence[TopicPartition]) -> None:
    """No state is kept per partition, so none has to be dropped."""
