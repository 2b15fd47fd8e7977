"""The statements of a transaction, as bytes ready to send. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from socialsim.events import PLURALS, Event
from socialsim.warehouse.base import OffsetKey
from socialsim.warehouse.batches.conflicts import CONTENT_COLUMNS
from socialsim.warehouse.batches.rows import instant_text
from socialsim.warehouse.batches.transaction import DeadLetterRow, MoveRow
from socialsim.warehouse.mysql.literals import (
    INSERT_PREFIXES,
    INSERT_SUFFIX,
    ROWS_TEXT,
    text_literal,
    tuple_literal,
)

#: Small enough for one write, so that the server executes one statement while the next is built.
STATEMENT_ROWS_MAX: Final = 1_000
STATEMENT_BYTES_MAX: Final = 1_000_000
#: Maximum number of keys whose rows are read back by one query.
KEYS_MAX: Final = 500

BEGIN: Final = b"START TRANSACTION"
COMMIT: Final = b"COMMIT"
ROLLBACK: Final = b"ROLLBACK"

_INSERT_OFFSETS: Final = """\
INSERT INTO consumer_offsets (log_id, consumer_group, topic, partition_id, next_offset, consumed, inserted, duplicates, \
dead_letters, commits, topic_identity, updated_at) VALUES """
_INSERT_DEAD_LETTER: Final = """\
INSERT INTO dead_letters (log_id, topic, partition_id, record_offset, raw, raw_bytes, raw_sha256, error_class, reason, \
topic_identity, created_at) VALUES """


class Insert(NamedTuple):
    """One bulk insert and its events."""

    sql: bytes
    events: Sequence[Event]

    @property
    def rows(self) -> int:
        """The number of rows to insert, duplicates included."""
        return len(self.events)


def event_inserts(
    name: str,
    run_key: int,
    events: Sequence[Event],
    *,
    rows_max: int = STATEMENT_ROWS_MAX,
    bytes_max: int = STATEMENT_BYTES_MAX,
) -> Iterator[Insert]:
    """``events`` as inserts of at most ``rows_max`` rows and ``bytes_max`` bytes.

    Built lazily; a single row may be larger.
    """
    for start in range(0, len(events), rows_max):
        yield from _inserts(name, run_key, events[start : start + rows_max], bytes_max)


def _inserts(name: str, run_key: int, events: Sequence[Event], bytes_max: int) -> Iterator[Insert]:
    sql = b"".join((INSERT_PREFIXES[name], ROWS_TEXT[name](run_key, events), INSERT_SUFFIX))
    if len(sql) <= bytes_max or len(events) == 1:
        yield Insert(sql, events)
        return
    half = len(events) // 2
    yield from _inserts(name, run_key, events[:half], bytes_max)
    yield from _inserts(name, run_key, events[half:], bytes_max)


def lock_run(run_key: int) -> bytes:
    """Blocks the registration of days of the run until this transaction ends; a shared lock."""
    return f"SELECT run_key FROM runs WHERE run_key = {run_key:d} LOCK IN SHARE MODE".encode()  # noqa: S608


def mark_days(run_key: int, time_us: int) -> bytes:
    """Mark the instant's day and all later ones dirty, see ``kpi.compute``."""
    return (
        f"UPDATE kpi_days SET dirty = dirty + 1 WHERE run_key = {run_key:d} "  # noqa: S608
        f"AND day >= {text_literal(instant_text(time_us)[:10])}"
    ).encode()


def select_contents(name: str, run_key: int, events: Sequence[Event]) -> bytes:
    """The stored rows of ``events``: microseconds since the epoch, shard, seq, content.

    The keys are a derived table that is read first, so any server finds each row by its primary
    key.
    """
    first, *rest = [
        f"TIMESTAMP'{instant_text(event.time_us)}' AS a,{event.shard:d} AS b,{event.seq:d} AS c" for event in events
    ]
    union = " UNION ALL ".join([f"SELECT {first}", *(f"SELECT {row}" for row in rest)])
    names = ",".join(f"t.{column}" for column in CONTENT_COLUMNS[name])
    return (
        f"SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', t.event_time),t.shard,t.seq,{names} "  # noqa: S608
        f"FROM (SELECT DISTINCT a,b,c FROM ({union}) AS every_key) AS k STRAIGHT_JOIN {PLURALS[name]} AS t "
        f"ON t.run_key = {run_key:d} AND t.event_time = k.a AND t.shard = k.b AND t.seq = k.c"
    ).encode()


def insert_dead_letter(row: DeadLetterRow) -> bytes:
    """Insert one dead letter unless it exists.

    It has a statement of its own because it may be large.
    """
    values = tuple_literal(row).removesuffix(")")
    return f"{_INSERT_DEAD_LETTER}{values},UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE id = id".encode()


def insert_run(run_id: str, digest: str) -> bytes:
    """Insert the run unless it exists."""
    return (
        "INSERT INTO runs (run_id, created_at, scenario_digest) "  # noqa: S608
        f"VALUES ({text_literal(run_id)},UTC_TIMESTAMP(6),{text_literal(digest)}) "
        "ON DUPLICATE KEY UPDATE run_key = run_key"
    ).encode()


def set_scenario_digest(run_id: str, digest: str) -> bytes:
    """Set the run's scenario digest unless it has one."""
    return (
        f"UPDATE runs SET scenario_digest = {text_literal(digest)} "  # noqa: S608
        f"WHERE run_id = {text_literal(run_id)} AND scenario_digest = ''"
    ).encode()


def select_runs(run_ids: Sequence[str]) -> bytes:
    """``run_id, run_key, scenario_digest`` of the existing runs."""
    return f"SELECT run_id, run_key, scenario_digest FROM runs WHERE run_id IN {tuple_literal(run_ids)}".encode()  # noqa: S608


def insert_offsets(keys: Sequence[OffsetKey]) -> bytes:
    """Insert rows at offset 0 for ``keys`` unless they exist."""
    rows = ",".join(
        f"{tuple_literal(key.primary_key).removesuffix(')')},0,0,0,0,0,0,{text_literal(key.identity)},UTC_TIMESTAMP(6))"
        for key in keys
    )
    return f"{_INSERT_OFFSETS}{rows} ON DUPLICATE KEY UPDATE next_offset = next_offset".encode()


def select_offsets(keys: Sequence[OffsetKey], *, lock: bool) -> bytes:
    """The stored positions of ``keys``: primary key, offset and identity.

    With ``lock`` it is a locking read: after a connection broke at COMMIT, it waits until the
    server has ended that transaction, and reads its final outcome.
    """
    rows = ",".join(tuple_literal(key.primary_key) for key in keys)
    return (
        "SELECT log_id, consumer_group, topic, partition_id, next_offset, topic_identity FROM consumer_offsets "  # noqa: S608
        f"WHERE (log_id, consumer_group, topic, partition_id) IN ({rows})"
        f"{' LOCK IN SHARE MODE' if lock else ''}"
    ).encode()


def adopt_offsets(topic: OffsetKey) -> list[bytes]:
    """Give positions and dead letters of the topic that have no identity the key's identity."""
    names = f"log_id = {text_literal(topic.log_id)} AND topic = {text_literal(topic.topic)} AND topic_identity = ''"
    new = text_literal(topic.identity)
    group = f" AND consumer_group = {text_literal(topic.group)}"
    return [
        f"UPDATE consumer_offsets SET topic_identity = {new} WHERE {names}{group}".encode(),  # noqa: S608
        f"UPDATE dead_letters SET topic_identity = {new} WHERE {names}".encode(),  # noqa: S608
    ]


def restart_offset(key: OffsetKey) -> bytes:
    """Reset the position of a recreated topic to the start of the new one."""
    log_id, group, topic = map(text_literal, key[:3])
    return (
        f"UPDATE consumer_offsets SET next_offset = 0, topic_identity = {text_literal(key.identity)}, "  # noqa: S608
        f"commits = commits + 1, updated_at = UTC_TIMESTAMP(6) WHERE log_id = {log_id} AND consumer_group = {group} "
        f"AND topic = {topic} AND partition_id = {key.partition:d}"
    ).encode()


def move_offsets(moves: Sequence[MoveRow]) -> bytes:
    """All compare-and-sets as one statement, which must change exactly ``len(moves)`` rows.

    The derived table of moves is read first and finds each offset by its primary key.
    """
    first, *rest = moves
    union = " UNION ALL ".join([_select_move(first, _NAMED), *(_select_move(move, _PLAIN) for move in rest)])
    return (
        f"UPDATE (SELECT {union}) AS m STRAIGHT_JOIN consumer_offsets AS o "  # noqa: S608
        "ON o.log_id = m.l AND o.consumer_group = m.g AND o.topic = m.t AND o.partition_id = m.p "
        "AND o.next_offset = m.old_offset AND (m.e = '' OR o.topic_identity = m.e) "
        "SET o.next_offset = m.new_offset, o.consumed = o.consumed + (m.new_offset - m.old_offset), "
        "o.inserted = o.inserted + m.i, o.duplicates = o.duplicates + m.d, o.dead_letters = o.dead_letters + m.x, "
        "o.commits = o.commits + 1, o.updated_at = UTC_TIMESTAMP(6)"
    ).encode()


def _select_move(move: MoveRow, form: Callable[..., str]) -> str:
    key = move.key
    texts = [f"{text_literal(text)} COLLATE utf8mb4_bin" for text in (key.log_id, key.group, key.topic)]
    texts.append(f"{text_literal(key.identity)} COLLATE utf8mb4_bin")
    numbers = (key.partition, move.old, move.new, move.inserted, move.duplicates, move.dead_letters)
    return form(*texts, *(f"{number:d}" for number in numbers))


_NAMED: Final = (
    "{} AS l,{} AS g,{} AS t,{} AS e,{} AS p,{} AS old_offset,{} AS new_offset,{} AS i,{} AS d,{} AS x".format
)
_PLAIN: Final = "SELECT {},{},{},{},{},{},{},{},{},{}".format
