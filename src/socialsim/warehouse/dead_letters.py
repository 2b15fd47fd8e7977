"""Reads and replays dead letters.

Synchronous and separate from the bulk path: there are few of them.

One transaction turns a replayed record from a dead letter into a row and corrects the counters of
its partition: consumed = inserted + duplicates + dead letters stays true for every consumer group
that counted it.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Self

from sqlalchemy import Connection, Engine, Insert, Row, Table, and_, delete, func, select, update
from sqlalchemy.dialects import mysql, sqlite

from socialsim.errors import InputError
from socialsim.events import PLURALS, WIRE_NAMES, Event, InvalidRecordError, decode
from socialsim.warehouse.batches.rows import columns
from socialsim.warehouse.engines import read_engine, translated, writing_engine
from socialsim.warehouse.schema.tables import EVENT_TABLES, consumer_offsets, dead_letters, kpi_days, runs
from socialsim.warehouse.urls import WarehouseTarget, parse_warehouse_url

_NAMES: Final = {plural: name for name, plural in PLURALS.items()}
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - columns hold UTC without a zone
_PAGE: Final = 500


class ErrorGroup(NamedTuple):
    """Count and newest time of the dead letters of one topic and error class."""

    error_class: str
    topic: str
    letters: int
    latest: datetime  #: UTC


class StoredDeadLetter(NamedTuple):
    """One dead letter. ``raw`` may be truncated, see DEAD_LETTER_BYTES_MAX."""

    id: int
    log_id: str
    topic: str
    partition: int
    offset: int
    raw: bytes
    raw_bytes: int  #: true length of the record
    raw_sha256: str
    error_class: str
    reason: str
    created_at: datetime  #: UTC


class Replayed(NamedTuple):
    """The result of one replay; ``stored`` is "inserted", "duplicate" or None."""

    id: int
    stored: str | None
    reason: str


class DeadLetters:
    """The dead letters of the warehouse at ``url``. Use as a context manager.

    Every method raises ServiceUnavailableError, TransientError, TerminalError, SchemaOutdatedError;
    opening raises InputError for an invalid URL or a missing file.
    """

    def __init__(self, url: str, password: str | None = None) -> None:
        self._target: WarehouseTarget = parse_warehouse_url(url)
        self._reading: Engine = read_engine(url, password)
        self._writing: Engine = writing_engine(self._target, password)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reading.dispose()
        self._writing.dispose()

    def groups(self) -> list[ErrorGroup]:
        """Their number by error class and topic, the most frequent first."""
        count = func.count().label("letters")
        columns_ = (dead_letters.c.error_class, dead_letters.c.topic)
        query = select(*columns_, count, func.max(dead_letters.c.created_at)).group_by(*columns_)
        with self._connected(self._reading) as connection:
            found = [ErrorGroup(*row) for row in connection.execute(query)]
        return sorted(found, key=lambda group: (-group.letters, group.error_class, group.topic))

    def latest(self, limit: int) -> list[StoredDeadLetter]:
        """The newest ``limit`` dead letters, without their bytes."""
        chosen = [column for column in _COLUMNS if column is not dead_letters.c.raw]
        query = select(*chosen).order_by(dead_letters.c.id.desc()).limit(limit)
        with self._connected(self._reading) as connection:
            return [StoredDeadLetter(**(dict(row) | {"raw": b""})) for row in connection.execute(query).mappings()]

    def get(self, letter_id: int) -> StoredDeadLetter:
        """One dead letter with its bytes. Raises InputError if the id is unknown."""
        with self._connected(self._reading) as connection:
            return self._get(connection, letter_id)

    def ids(self) -> Iterator[int]:
        """All ids, ascending. Dead letters stored during the iteration may be missing."""
        last = 0
        while True:
            query = select(dead_letters.c.id).where(dead_letters.c.id > last).order_by(dead_letters.c.id).limit(_PAGE)
            with self._connected(self._reading) as connection:
                page = list(connection.scalars(query))
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1]

    def replay(self, letter_id: int, decode_value: Callable[[bytes, str | None], Event] = decode) -> Replayed:
        """Decode it again; on success replace the dead letter by a row.

        ``decode_value`` decodes what was kept of a value of an event, whose wire name is known if
        the topic's is; it raises InvalidRecordError.
        """
        try:
            with self._connected(self._writing) as connection, connection.begin():
                dead_letter = self._get(connection, letter_id)
                event = _decode(dead_letter, decode_value)
                run_key = _run_key(connection, event.run_id)
                inserted = _insert(connection, run_key, event)
                if inserted:
                    _mark_days(connection, run_key, event)
                _remove(connection, letter_id)
                _correct_offset_counters(connection, dead_letter, inserted=inserted)
        except InvalidRecordError as error:
            return Replayed(letter_id, None, str(error))
        return Replayed(letter_id, "inserted" if inserted else "duplicate", "")

    def _get(self, connection: Connection, letter_id: int) -> StoredDeadLetter:
        row = connection.execute(select(*_COLUMNS).where(dead_letters.c.id == letter_id)).mappings().one_or_none()
        if row is None:
            raise InputError(
                f"{self._target} holds no dead letter {letter_id}; `socialsim dead-letters list` shows them"
            )
        return StoredDeadLetter(**row)

    @contextmanager
    def _connected(self, engine: Engine) -> Iterator[Connection]:
        with translated(self._target), engine.connect() as connection:
            yield connection


_COLUMNS: Final = (
    dead_letters.c.id,
    dead_letters.c.log_id,
    dead_letters.c.topic,
    dead_letters.c.partition_id.label("partition"),
    dead_letters.c.record_offset.label("offset"),
    dead_letters.c.raw,
    dead_letters.c.raw_bytes,
    dead_letters.c.raw_sha256,
    dead_letters.c.error_class,
    dead_letters.c.reason,
    dead_letters.c.created_at,
)


def _decode(dead_letter: StoredDeadLetter, decode_value: Callable[[bytes, str | None], Event]) -> Event:
    """Raises InvalidRecordError with the decoder's reason."""
    if dead_letter.raw_bytes != len(dead_letter.raw):
        raise InvalidRecordError("too_large", f"of {dead_letter.raw_bytes} bytes only {len(dead_letter.raw)} were kept")
    if hashlib.sha256(dead_letter.raw).hexdigest() != dead_letter.raw_sha256:
        raise InvalidRecordError("damaged", "the bytes that were kept do not have the SHA-256 of the record")
    # A topic is the log's prefix, a dot or a slash, and the event's plural.
    return decode_value(dead_letter.raw, _NAMES.get(re.split(r"[./]", dead_letter.topic)[-1]))


def _run_key(connection: Connection, run_id: str) -> int:
    """The run's key. Inserts the run if it is new."""
    values = {"run_id": run_id, "created_at": datetime.now(UTC).replace(tzinfo=None)}
    connection.execute(_idempotent_insert(connection, runs, values, no_op="run_key"))
    return int(connection.execute(select(runs.c.run_key).where(runs.c.run_id == run_id)).scalar_one())


def _insert(connection: Connection, run_key: int, event: Event) -> bool:
    """True if the row is new. Raises InvalidRecordError on an identity conflict."""
    name = WIRE_NAMES[type(event)]
    table = EVENT_TABLES[name]
    values: dict[str, Any] = {"run_key": run_key, "event_time": _EPOCH + timedelta(microseconds=event.time_us)}
    values |= {column: getattr(event, column) for column in columns(name)[2:]}
    if connection.execute(_idempotent_insert(connection, table, values, no_op="run_key")).rowcount == 1:
        return True
    same_key = and_(*(column == values[column.name] for column in table.primary_key.columns))
    stored: Row[Any] = connection.execute(select(table).where(same_key)).one()
    if dict(stored._mapping) != values:
        raise InvalidRecordError(
            "identity_conflict", f"run {event.run_id} has another {name} with shard {event.shard}, seq {event.seq}"
        )
    return False


def _mark_days(connection: Connection, run_key: int, event: Event) -> None:
    """Mark the event's day and all later ones dirty, see ``kpi.compute``.

    The bulk writers have the same statement.
    """
    connection.execute(select(runs.c.run_key).where(runs.c.run_key == run_key).with_for_update(read=True))
    day = (_EPOCH + timedelta(microseconds=event.time_us)).date()
    late = (kpi_days.c.run_key == run_key, kpi_days.c.day >= day)
    connection.execute(update(kpi_days).where(*late).values(dirty=kpi_days.c.dirty + 1))


def _remove(connection: Connection, letter_id: int) -> None:
    if connection.execute(delete(dead_letters).where(dead_letters.c.id == letter_id)).rowcount != 1:
        raise InvalidRecordError("gone", "another process has replayed it in the meantime")


def _idempotent_insert(connection: Connection, table: Table, values: dict[str, Any], *, no_op: str) -> Insert:
    """An insert that changes nothing and counts 0 if the row exists."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).values(values).on_conflict_do_nothing()
    return mysql.insert(table).values(values).on_duplicate_key_update({no_op: table.c[no_op]})


def _correct_offset_counters(connection: Connection, dead_letter: StoredDeadLetter, *, inserted: bool) -> None:
    """Move one dead letter to ``inserted`` or ``duplicates`` for each group that counted it.

    At most one group inserted the row.
    """
    counted = and_(
        consumer_offsets.c.log_id == dead_letter.log_id,
        consumer_offsets.c.topic == dead_letter.topic,
        consumer_offsets.c.partition_id == dead_letter.partition,
        consumer_offsets.c.next_offset > dead_letter.offset,
        consumer_offsets.c.dead_letters > 0,
    )
    query = select(consumer_offsets.c.consumer_group).where(counted).order_by(consumer_offsets.c.consumer_group)
    groups: Sequence[str] = connection.scalars(query.with_for_update()).all()
    for index, group in enumerate(groups):
        new = int(inserted and index == 0)
        connection.execute(
            update(consumer_offsets)
            .where(counted, consumer_offsets.c.consumer_group == group)
            .values(
                dead_letters=consumer_offsets.c.dead_letters - 1,
                inserted=consumer_offsets.c.inserted + new,
                duplicates=consumer_offsets.c.duplicates + (1 - new),
                commits=consumer_offsets.c.commits + 1,
                updated_at=datetime.now(UTC).replace(tzinfo=None),
            )
        )
