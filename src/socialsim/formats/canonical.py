"""A reader of a log whose values are plain JSON, whatever format they were written in."""

from collections.abc import Mapping, Sequence

from socialsim.formats.reading import ValueReader
from socialsim.transport.base import (
    EventReader,
    Fetched,
    GroupLook,
    PositionsLoader,
    RevokedCallback,
    TopicPartition,
)


class CanonicalReader(EventReader):
    """Reads through ``reader`` and turns each value into plain JSON; see ``ValueReader.canonical``.

    For digests and statistics. Consumers decode in one step instead.
    """

    def __init__(self, reader: EventReader, values: ValueReader) -> None:
        self._reader = reader
        self._values = values

    @property
    def log_id(self) -> str:
        """See EventReader."""
        return self._reader.log_id

    def identity(self, topic: str) -> str:
        """See EventReader."""
        return self._reader.identity(topic)

    async def probe(self, timeout_s: float) -> None:
        """See EventReader."""
        await self._reader.probe(timeout_s)

    async def start(self, load_positions: PositionsLoader, on_revoked: RevokedCallback) -> None:
        """See EventReader."""
        await self._reader.start(load_positions, on_revoked)

    async def poll(self, records_max: int, timeout_s: float) -> list[Fetched]:
        """See EventReader."""
        return [await self._plain(part) for part in await self._reader.poll(records_max, timeout_s)]

    async def _plain(self, part: Fetched) -> Fetched:
        await self._values.prepare(part.values, part.schema_headers)
        canonical, name = self._values.canonical, part.event_name
        headers: Sequence[bytes | None] = part.schema_headers or [None] * len(part.values)
        values = [canonical(value, name, header) for value, header in zip(part.values, headers, strict=True)]
        return part._replace(values=values, schema_headers=None)

    def assignment(self) -> frozenset[TopicPartition]:
        """See EventReader."""
        return self._reader.assignment()

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """See EventReader."""
        return await self._reader.end_offsets()

    async def look_at_group(self) -> GroupLook:
        """See EventReader."""
        return await self._reader.look_at_group()

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """See EventReader."""
        self._reader.seek(partition, offset)

    def pause(self) -> None:
        """See EventReader."""
        self._reader.pause()

    def resume(self) -> None:
        """See EventReader."""
        self._reader.resume()

    async def commit_hint(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See EventReader."""
        await self._reader.commit_hint(offsets)

    async def close(self) -> None:
        """See EventReader."""
        await self._reader.close()
        await self._values.close()
