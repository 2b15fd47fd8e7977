"""From bytes to what one transaction stores. Pure: no clock, no I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from socialsim.errors import RunConflictError
from socialsim.events import WIRE_NAMES, Event, InvalidRecordError, decode, encode
from socialsim.transport.base import Fetched, TopicPartition
from socialsim.warehouse.base import Batch, DeadLetter, OffsetKey, OffsetMove, RecordPlace


@dataclass(slots=True, eq=False)
class Position:
    """Where this consumer stands in one partition, for as long as it owns it without a break.

    Owning it again later is another Position: what was read under the old one is void.
    """

    partition: TopicPartition
    key: OffsetKey
    stored_offset: int  #: the next offset according to the warehouse
    next_offset: int  #: the next offset to be read
    owned: bool = True
    rewind_to: int | None = None  #: set when the copies in memory became void: read again from here
    conflicts: int = 0  #: times in a row that another moved the offset
    holes: int = 0  #: times in a row that the log went on behind ``next_offset``


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Consecutive records of one partition, decoded."""

    position: Position
    first_offset: int
    next_offset: int
    size_bytes: int
    events: dict[str, list[Event]]
    in_order: list[Event]  #: the same, as they stood in the log
    dead_letters: list[DeadLetter]
    runs: frozenset[tuple[str, str]] = frozenset()  #: see Fetched

    @property
    def rows(self) -> int:
        """Records in the chunk: each became an event or a dead letter."""
        return self.next_offset - self.first_offset

    def place_of(self, event: Event) -> RecordPlace | None:
        """Where ``event``, this very one, stood; None if it is not of this chunk. For the rare case: it is searched."""
        for index, each in enumerate(self.in_order):
            if each is event:
                offset = self.first_offset + index
                for letter in self.dead_letters:  # in the order of their offsets
                    offset += letter.offset <= offset
                # A record that the simulator wrote has these very bytes; another spelling of it is told in them.
                return RecordPlace(self.position.key, offset, encode(event))
        return None


def decode_chunk(position: Position, fetched: Fetched) -> Chunk:
    """Each record becomes an event or, when it cannot, a dead letter that keeps it whole."""
    name = fetched.event_name
    letters: list[DeadLetter] = []
    events: list[Event] = []
    append = events.append
    for index, raw in enumerate(fetched.values):
        try:
            append(decode(raw, name))
        except InvalidRecordError as error:
            letters.append(_letter(position, fetched.first_offset + index, raw, error.error_class, error.reason))
        except Exception as error:  # noqa: BLE001 - whatever one record does, its neighbours are stored
            letters.append(_letter(position, fetched.first_offset + index, raw, "undecodable", repr(error)))
    return Chunk(
        position,
        fetched.first_offset,
        fetched.first_offset + len(fetched.values),
        sum(map(len, fetched.values)),
        ({name: events} if events else {}) if name is not None else _by_name(events),
        events,
        letters,
        fetched.runs,
    )


def _letter(position: Position, offset: int, raw: bytes, error_class: str, reason: str) -> DeadLetter:
    topic, partition = position.partition
    return DeadLetter(
        position.key.log_id, topic, partition, offset, raw, error_class[:64], reason, position.key.identity
    )


def _by_name(events: Iterable[Event]) -> dict[str, list[Event]]:
    named: dict[str, list[Event]] = {}
    for event in events:
        named.setdefault(WIRE_NAMES[type(event)], []).append(event)
    return named


def _note_scenario(batch: Batch, run_id: str, digest: str) -> None:
    known = batch.digests.setdefault(run_id, digest)
    if known != digest:
        raise RunConflictError(
            f"run {run_id}: the log holds events of two scenarios under this id, with the digests {known[:12]} and "
            f"{digest[:12]}; nothing of this batch was stored. Make the topics anew and simulate under different --run-ids"
        )


def build_batch(chunks: Sequence[Chunk]) -> Batch:
    """The chunks of one transaction together; those of one partition follow each other without a gap.

    Raises RunConflictError if they hold events of two scenarios under one run id.
    """
    batch = Batch()
    spans: dict[OffsetKey, tuple[int, int]] = {}
    for chunk in chunks:
        for name, events in chunk.events.items():
            batch.add(chunk.position.key, name, events)
        batch.dead_letters.extend(chunk.dead_letters)
        for run_id, digest in sorted(chunk.runs):
            _note_scenario(batch, run_id, digest)
        old, new = spans.get(chunk.position.key, (chunk.first_offset, chunk.first_offset))
        if new != chunk.first_offset:
            raise AssertionError(f"{chunk.position.key}: a chunk at {chunk.first_offset} follows offset {new}")
        spans[chunk.position.key] = (old, chunk.next_offset)
    batch.moves.extend(OffsetMove(key, old, new) for key, (old, new) in spans.items())
    batch.locate = lambda event: next((place for chunk in chunks if (place := chunk.place_of(event))), None)
    return batch
