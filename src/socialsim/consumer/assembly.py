"""Decodes records and assembles the batch of one transaction. Pure: no clock, no I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from socialsim.errors import RunConflictError
from socialsim.events import WIRE_NAMES, Event, InvalidRecordError, decode, encode
from socialsim.transport.base import Fetched, TopicPartition
from socialsim.warehouse.base import Batch, DeadLetter, OffsetAdvance, OffsetKey, RecordPosition


@dataclass(slots=True, eq=False)
class Position:
    """This consumer's progress in one partition during one uninterrupted ownership.

    Regaining the partition creates another Position; records read under the old one are void.
    """

    partition: TopicPartition
    key: OffsetKey
    stored_offset: int  #: the next offset according to the warehouse
    next_offset: int  #: the next offset to be read
    owned: bool = True
    #: set when the records in memory became void: read again from here
    rewind_to: int | None = None
    conflicts: int = 0  #: times in a row that another consumer moved the offset
    gaps: int = 0  #: times in a row that the log continued after ``next_offset``


@dataclass(frozen=True, slots=True, eq=False)
class DecodedChunk:
    """Consecutive records of one partition, decoded."""

    position: Position
    first_offset: int
    next_offset: int
    size_bytes: int
    events: dict[str, list[Event]]
    in_order: list[Event]  #: the same events in log order
    dead_letters: list[DeadLetter]
    runs: frozenset[tuple[str, str]] = frozenset()  #: see Fetched

    @property
    def rows(self) -> int:
        """Records in the chunk: each became an event or a dead letter."""
        return self.next_offset - self.first_offset

    def position_of(self, event: Event) -> RecordPosition | None:
        """Where ``event`` was read; None if it is not in this chunk.

        A linear search by object identity: only conflicts need it.
        """
        for index, each in enumerate(self.in_order):
            if each is event:
                offset = self.first_offset + index
                for dead_letter in self.dead_letters:  # in the order of their offsets
                    offset += dead_letter.offset <= offset
                # The simulator's own records have exactly these bytes; others are stored in this
                # encoding.
                return RecordPosition(self.position.key, offset, encode(event))
        return None


def decode_chunk(position: Position, fetched: Fetched) -> DecodedChunk:
    """Turn each record into an event, or an invalid one into a dead letter with its bytes."""
    name = fetched.event_name
    dead_letters: list[DeadLetter] = []
    events: list[Event] = []
    append = events.append
    for index, raw in enumerate(fetched.values):
        try:
            append(decode(raw, name))
        except InvalidRecordError as error:
            dead_letters.append(
                _dead_letter(position, fetched.first_offset + index, raw, error.error_class, error.reason)
            )
        except Exception as error:  # noqa: BLE001 - one bad record must not stop its neighbours
            dead_letters.append(_dead_letter(position, fetched.first_offset + index, raw, "undecodable", repr(error)))
    return DecodedChunk(
        position,
        fetched.first_offset,
        fetched.first_offset + len(fetched.values),
        sum(map(len, fetched.values)),
        ({name: events} if events else {}) if name is not None else _by_name(events),
        events,
        dead_letters,
        fetched.runs,
    )


def _dead_letter(position: Position, offset: int, raw: bytes, error_class: str, reason: str) -> DeadLetter:
    topic, partition = position.partition
    return DeadLetter(
        position.key.log_id, topic, partition, offset, raw, error_class[:64], reason, position.key.identity
    )


def _by_name(events: Iterable[Event]) -> dict[str, list[Event]]:
    named: dict[str, list[Event]] = {}
    for event in events:
        named.setdefault(WIRE_NAMES[type(event)], []).append(event)
    return named


def _add_digest(batch: Batch, run_id: str, digest: str) -> None:
    known = batch.digests.setdefault(run_id, digest)
    if known != digest:
        raise RunConflictError(
            f"run {run_id}: the log holds events of two scenarios under this id, with the digests {known[:12]} and "
            f"{digest[:12]}; nothing of this batch was stored. Recreate the topics and simulate under different --run-ids"
        )


def build_batch(chunks: Sequence[DecodedChunk]) -> Batch:
    """Merge the chunks of one transaction; the chunks of one partition must be contiguous.

    Raises RunConflictError if they hold events of two scenarios under one run id.
    """
    batch = Batch()
    spans: dict[OffsetKey, tuple[int, int]] = {}
    for chunk in chunks:
        for name, events in chunk.events.items():
            batch.add(chunk.position.key, name, events)
        batch.dead_letters.extend(chunk.dead_letters)
        for run_id, digest in sorted(chunk.runs):
            _add_digest(batch, run_id, digest)
        old, new = spans.get(chunk.position.key, (chunk.first_offset, chunk.first_offset))
        if new != chunk.first_offset:
            raise AssertionError(f"{chunk.position.key}: a chunk at {chunk.first_offset} follows offset {new}")
        spans[chunk.position.key] = (old, chunk.next_offset)
    batch.moves.extend(OffsetAdvance(key, old, new) for key, (old, new) in spans.items())
    batch.locate = lambda event: next((found for chunk in chunks if (found := chunk.position_of(event))), None)
    return batch
