"""The warehouse's tables, for both engines, as SQLAlchemy Core metadata.

Every event table is clustered by ``(run_key, event_time, shard, seq)``: ``run_key`` replaces the
run's id and keeps keys small, time order makes inserts append and lets BI read a range of days,
``shard`` and ``seq`` are the event's identity within the run. (An identity has one time, so the key
is as unique as the identity.) It is the only unique key, because the idempotent upsert would hide a
conflict in another one. There are no foreign keys: partitions are consumed independently, and a
like may be stored before its picture. ``REFERS`` documents the references instead.

Indexes are the largest cost of an insert (each takes a fifth to a half of the speed), so each has a
comment on its use.
"""

from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from socialsim.events import PLURALS

metadata: Final = MetaData()

# A binary collation, which compares exactly, and which MySQL and MariaDB both have.
_TABLE_OPTIONS: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _ascii(length: int) -> TypeEngine[str]:
    return String(length).with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql")


def _text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")


# SQLite stores it as text, 'YYYY-MM-DD HH:MM:SS.ffffff', which sorts like the time.
_INSTANT: Final = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_UNSIGNED_16: Final = SmallInteger().with_variant(mysql.SMALLINT(unsigned=True), "mysql")
# Only an INTEGER PRIMARY KEY autoincrements on SQLite.
_NUMBERED: Final = BigInteger().with_variant(Integer(), "sqlite")
_BLOB: Final = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")


#: The key of the ``Reference``s in ``Column.info``.
REFERS: Final = "refers"


class Reference(NamedTuple):
    """The column holds the key of a row of another table in the same run.

    Not a constraint; ``verify`` checks it.
    """

    table: str
    column: str
    once: bool = False  #: whether at most one row refers to each key
    where: str = ""  #: SQL condition, if only some rows refer to it


def references(column: Column[Any]) -> tuple[Reference, ...]:
    """The references of ``column``; several only if each has a ``where``."""
    found: tuple[Reference, ...] = column.info.get(REFERS, ())
    return found


def _column(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _reference(name: str, *to: Reference, kind: TypeEngine[Any] | None = None) -> Column[Any]:
    return Column(name, kind or BigInteger(), nullable=False, info={REFERS: to})


def _run_key() -> Column[Any]:
    return Column(
        "run_key", Integer, nullable=False, autoincrement=False, info={REFERS: (Reference("runs", "run_key"),)}
    )


_USER: Final = Reference("users", "user_id")
_PICTURE: Final = Reference("pictures", "picture_id")
_VIDEO: Final = Reference("videos", "video_id")
_DAY: Final = Reference("kpi_days", "day")


def _event_table(name: str, *payload: Column[Any] | Index) -> Table:
    return Table(
        name,
        metadata,
        _run_key(),
        _column("event_time", _INSTANT),
        _column("shard", _UNSIGNED_16),
        _column("seq", BigInteger()),
        # Acting users have signed up; all other rows refer to the sign-up.
        _column("user_id", BigInteger()) if name == "users" else _reference("user_id", _USER),
        _column("device", _ascii(6)),
        _column("version", SmallInteger()),
        *payload,
        PrimaryKeyConstraint("run_key", "event_time", "shard", "seq"),
        sqlite_with_rowid=False,  # clustered by the primary key, as InnoDB is
        **_TABLE_OPTIONS,
    )


runs: Final = Table(
    "runs",
    metadata,
    Column("run_key", Integer, primary_key=True, autoincrement=True),
    _column("run_id", _ascii(32)),
    _column("created_at", _INSTANT),
    # Empty until a record has it. Rows of two scenarios are never mixed under one id.
    Column("scenario_digest", _ascii(64), nullable=False, server_default=""),
    UniqueConstraint("run_id", name="runs_run_id"),
    **_TABLE_OPTIONS,
)

users: Final = _event_table(
    "users",
    _column("username", _text(64)),
    _column("email", _text(254)),
    _column("phone", _text(32)),
    _column("first_name", _text(64)),
    _column("last_name", _text(64)),
    _column("birthday", Date()),
    _column("country", _ascii(2)),
    _column("city", _text(64)),
    # Every other event joins its actor here: country and age in BI, existence and order in
    # verification.
    Index("users_user", "run_key", "user_id"),
)

# No index: sessions are read by time, and nothing refers to them.
sessions: Final = _event_table(
    "sessions",
    _column("session_id", BigInteger()),
    _column("duration_s", Integer()),
)

friend_requests: Final = _event_table(
    "friend_requests",
    _column("request_id", BigInteger()),
    _reference("receiver_id", _USER),
    # Acceptances join their request: acceptance rate and delay in BI, orphans in verification.
    Index("friend_requests_request", "run_key", "request_id"),
)

friend_acceptances: Final = _event_table(
    "friend_acceptances",
    _reference("request_id", Reference("friend_requests", "request_id", once=True)),
    _reference("requester_id", _USER),
    # The other side of that join: unanswered requests, and requests accepted twice.
    Index("friend_acceptances_request", "run_key", "request_id"),
)

pictures: Final = _event_table(
    "pictures",
    _column("picture_id", BigInteger()),
    _column("caption", _text(1000)),
    _column("width_px", _UNSIGNED_16),
    _column("height_px", _UNSIGNED_16),
    # Likes and comments join their picture; with the publisher in it, the index covers the join.
    Index("pictures_picture", "run_key", "picture_id", "user_id"),
)

videos: Final = _event_table(
    "videos",
    _column("video_id", BigInteger()),
    _column("caption", _text(1000)),
    _column("duration_s", Integer()),
    # As for pictures.
    Index("videos_video", "run_key", "video_id", "user_id"),
)

picture_likes: Final = _event_table(
    "picture_likes",
    _reference("picture_id", _PICTURE),
    # Likes of one picture, and the most liked ones, without reading the table; finds double likes
    # in order.
    Index("picture_likes_picture_user", "run_key", "picture_id", "user_id"),
)

video_likes: Final = _event_table(
    "video_likes",
    _reference("video_id", _VIDEO),
    _column("watched_s", Integer()),
    # As for picture likes.
    Index("video_likes_video_user", "run_key", "video_id", "user_id"),
)

comments: Final = _event_table(
    "comments",
    _column("comment_id", BigInteger()),
    _column("content_kind", _ascii(7)),
    _reference(
        "content_id",
        _PICTURE._replace(where="content_kind = 'picture'"),
        _VIDEO._replace(where="content_kind = 'video'"),
    ),
    _column("text", _text(1000)),
    # The comments on one picture or video, and the most discussed ones.
    Index("comments_content", "run_key", "content_kind", "content_id"),
)


def _identity() -> Column[Any]:
    """Distinguishes recreated topics; empty for logs without identities and older versions."""
    return Column("topic_identity", _ascii(64), nullable=False, server_default="")


# The position of each consumer group, advanced by compare-and-set in the transaction of the rows.
# The counters are updated in the same transactions: consumed = inserted + duplicates + dead_letters
# per partition, also after a rewind.
consumer_offsets: Final = Table(
    "consumer_offsets",
    metadata,
    _column("log_id", _text(64)),
    _column("consumer_group", _text(255)),
    _column("topic", _text(249)),
    Column("partition_id", Integer, nullable=False, autoincrement=False),
    _column("next_offset", BigInteger()),
    _column("consumed", BigInteger()),
    _column("inserted", BigInteger()),
    _column("duplicates", BigInteger()),
    _column("dead_letters", BigInteger()),
    # incremented by each transaction, so that a match always counts as a changed row
    _column("commits", BigInteger()),
    _column("updated_at", _INSTANT),
    _identity(),
    PrimaryKeyConstraint("log_id", "consumer_group", "topic", "partition_id"),
    sqlite_with_rowid=False,
    **_TABLE_OPTIONS,
)

# An invalid record is a fact about the log: its position in the log is its key, whichever group
# read it.
dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", _NUMBERED, primary_key=True, autoincrement=True),
    _column("log_id", _text(64)),
    _column("topic", _text(249)),
    _column("partition_id", Integer()),
    _column("record_offset", BigInteger()),
    _column("raw", _BLOB),
    # the record's true length; ``raw`` holds at most DEAD_LETTER_BYTES_MAX
    _column("raw_bytes", BigInteger()),
    _column("raw_sha256", _ascii(64)),  # of the whole record, lower-case hexadecimal
    _column("error_class", _text(64)),
    _column("reason", _text(1000)),
    _column("created_at", _INSTANT),
    _identity(),
    UniqueConstraint("log_id", "topic", "topic_identity", "partition_id", "record_offset", name="dead_letters_place"),
    **_TABLE_OPTIONS,
)

# --- KPIs: derived from the events by ``socialsim kpi``, which recreates deleted ones ---


#: The first day that every engine supports.
NEVER: Final = date(1000, 1, 1)


def _kpi_table(name: str, key: tuple[str, ...], *columns: Column[Any] | Index) -> Table:
    return Table(
        name,
        metadata,
        _run_key(),
        *columns,
        PrimaryKeyConstraint("run_key", *key),
        sqlite_with_rowid=False,
        **_TABLE_OPTIONS,
    )


# The days with KPIs. Storing an event marks its day and all later ones dirty in the same
# transaction.
kpi_days: Final = _kpi_table(
    "kpi_days",
    ("day",),
    _column("day", Date()),
    # 0: up to date; else the number of transactions with late rows since
    _column("dirty", BigInteger()),
    _column("events", BigInteger()),
    _column("users_so_far", BigInteger()),  # from the run's first day to the end of this one
    _column("friendships_so_far", BigInteger()),
    Column("computed_at", _INSTANT, nullable=True),
)

# One row per user and active day.
user_day: Final = _kpi_table(
    "user_day",
    ("day", "user_id"),
    _reference("day", _DAY, kind=Date()),
    _reference("user_id", _USER),
    Column("signup_day", Date(), nullable=True),
    Column("country", _ascii(2), nullable=True),
    Column("first_post_at", _INSTANT, nullable=True),  # of this day
    *(_column(plural, Integer()) for plural in PLURALS.values()),  # number of events of each type
    # A user's previous active day without reading other users.
    Index("user_day_user", "run_key", "user_id", "day"),
)

# The number of active users of a day, by sign-up day and by previous active day (NEVER if there is
# none). A few hundred rows per day, from which a month's active users are summed instead of
# counted.
active_users: Final = _kpi_table(
    "active_users",
    ("day", "signup_day", "previous_day"),
    _reference("day", _DAY, kind=Date()),
    _column("signup_day", Date()),
    _column("previous_day", Date()),
    _column("users", BigInteger()),
)

# One row per user and day on which their posts were liked, whether they were active or not.
creator_day: Final = _kpi_table(
    "creator_day",
    ("day", "user_id"),
    _reference("day", _DAY, kind=Date()),
    _reference("user_id", _USER),
    _column("likes", BigInteger()),
    _column("first_like_at", _INSTANT),  # of this day
)

# Metric values, see docs/kpis.md.
kpi_daily: Final = _kpi_table(
    "kpi_daily",
    ("day", "metric", "dimension", "dimension_value"),
    _reference("day", _DAY, kind=Date()),
    _column("metric", _ascii(32)),
    _column("dimension", _ascii(16)),
    _column("dimension_value", _ascii(32)),
    _column("value", Double()),
    _column("numerator", BigInteger()),
    _column("denominator", BigInteger()),
    _column("computed_at", _INSTANT),
)

cohort_weekly: Final = _kpi_table(
    "cohort_weekly",
    ("cohort_week", "week_number"),
    _column("cohort_week", Date()),
    Column("week_number", Integer, nullable=False, autoincrement=False),
    _column("users", BigInteger()),
    _column("active", BigInteger()),
)

#: Each event type's table by wire name, parents first: the order in which every transaction writes
#: them.
EVENT_TABLES: Final[dict[str, Table]] = {name: metadata.tables[plural] for name, plural in PLURALS.items()}
