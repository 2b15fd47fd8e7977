"""The warehouse's tables, for both engines, as SQLAlchemy Core metadata.

Every event table is clustered by ``(run_key, event_time, shard, seq)``: ``run_key`` stands for the run's id and keeps
keys small, time order makes inserts append and lets BI read a range of days, ``shard`` and ``seq`` are the event's
identity within the run. (An identity has one time, so the key is as unique as the identity.) It is the only unique
key, because the upsert that makes replays harmless would swallow a conflict in another one. There are no foreign
keys: partitions are consumed independently, a like may come before its picture. Which column refers to what is said by
``REFERS`` instead, for readers and tools.

Indexes are the largest cost of an insert (each takes a fifth to a half of the speed), so each one says who needs it.
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

# Exact comparison on every engine: a binary collation, and one that MySQL and MariaDB both have.
_TABLE_OPTIONS: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _ascii(length: int) -> TypeEngine[str]:
    return String(length).with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql")


def _text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")


# SQLite keeps it as text, 'YYYY-MM-DD HH:MM:SS.ffffff', which sorts and compares as time does.
_INSTANT: Final = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
_UNSIGNED_16: Final = SmallInteger().with_variant(mysql.SMALLINT(unsigned=True), "mysql")
# Only an INTEGER PRIMARY KEY numbers itself on SQLite.
_NUMBERED: Final = BigInteger().with_variant(Integer(), "sqlite")
_BLOB: Final = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")


#: The key of ``Column.info`` under which its ``Reference``s are.
REFERS: Final = "refers"


class Reference(NamedTuple):
    """The column holds a key of another table's row, of the same run. No constraint sees to it; ``verify`` looks."""

    table: str
    column: str
    once: bool = False  #: whether at most one row refers to each
    where: str = ""  #: SQL, if it is so for some of the rows only


def references(column: Column[Any]) -> tuple[Reference, ...]:
    """What ``column`` refers to; more than one only if each is for some of the rows."""
    found: tuple[Reference, ...] = column.info.get(REFERS, ())
    return found


def _column(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _refers(name: str, *to: Reference, kind: TypeEngine[Any] | None = None) -> Column[Any]:
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
        # Whoever acts has signed up; the sign-up is the row that all others refer to.
        _column("user_id", BigInteger()) if name == "users" else _refers("user_id", _USER),
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
    # Of the scenario; empty until a record tells it. Rows of two scenarios are never mixed under one id.
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
    # Every other event joins its actor here: his country and age in BI, "does he exist, was it later" in verification.
    Index("users_user", "run_key", "user_id"),
)

# No index: sessions are read by their time, and nothing refers to them.
sessions: Final = _event_table(
    "sessions",
    _column("session_id", BigInteger()),
    _column("duration_s", Integer()),
)

friend_requests: Final = _event_table(
    "friend_requests",
    _column("request_id", BigInteger()),
    _refers("receiver_id", _USER),
    # Acceptances join their request: acceptance rate and delay in BI, orphans in verification.
    Index("friend_requests_request", "run_key", "request_id"),
)

friend_acceptances: Final = _event_table(
    "friend_acceptances",
    _refers("request_id", Reference("friend_requests", "request_id", once=True)),
    _refers("requester_id", _USER),
    # The other side of that join, for "requests still unanswered" and "accepted twice".
    Index("friend_acceptances_request", "run_key", "request_id"),
)

pictures: Final = _event_table(
    "pictures",
    _column("picture_id", BigInteger()),
    _column("caption", _text(1000)),
    _column("width_px", _UNSIGNED_16),
    _column("height_px", _UNSIGNED_16),
    # Likes and comments join their picture; with its publisher in the index that is all they need of it.
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
    _refers("picture_id", _PICTURE),
    # Likes of one picture and the most liked ones without reading the table; "liked twice" reads it in order.
    Index("picture_likes_picture_user", "run_key", "picture_id", "user_id"),
)

video_likes: Final = _event_table(
    "video_likes",
    _refers("video_id", _VIDEO),
    _column("watched_s", Integer()),
    # As for picture likes.
    Index("video_likes_video_user", "run_key", "video_id", "user_id"),
)

comments: Final = _event_table(
    "comments",
    _column("comment_id", BigInteger()),
    _column("content_kind", _ascii(7)),
    _refers(
        "content_id",
        _PICTURE._replace(where="content_kind = 'picture'"),
        _VIDEO._replace(where="content_kind = 'video'"),
    ),
    _column("text", _text(1000)),
    # The comments under one picture or video, and the most discussed ones.
    Index("comments_content", "run_key", "content_kind", "content_id"),
)


def _identity() -> Column[Any]:
    """What tells the topic from a later one of its name; empty where the log cannot tell, or an older version wrote."""
    return Column("topic_identity", _ascii(64), nullable=False, server_default="")


# How far each consumer group is, moved by compare-and-set in the transaction of the rows. The counters are the books of
# the same transactions: consumed = inserted + duplicates + dead_letters for each partition, also after a rewind.
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
    _column("commits", BigInteger()),  # one more in each transaction, so that a match always counts as a change
    _column("updated_at", _INSTANT),
    _identity(),
    PrimaryKeyConstraint("log_id", "consumer_group", "topic", "partition_id"),
    sqlite_with_rowid=False,
    **_TABLE_OPTIONS,
)

# A record that cannot be stored is a fact about the log, so its place in the log is its identity, whoever read it.
dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", _NUMBERED, primary_key=True, autoincrement=True),
    _column("log_id", _text(64)),
    _column("topic", _text(249)),
    _column("partition_id", Integer()),
    _column("record_offset", BigInteger()),
    _column("raw", _BLOB),
    _column("raw_bytes", BigInteger()),  # the record's true length; ``raw`` holds at most DEAD_LETTER_BYTES_MAX
    _column("raw_sha256", _ascii(64)),  # of the whole record, lower-case hexadecimal
    _column("error_class", _text(64)),
    _column("reason", _text(1000)),
    _column("created_at", _INSTANT),
    _identity(),
    UniqueConstraint("log_id", "topic", "topic_identity", "partition_id", "record_offset", name="dead_letters_place"),
    **_TABLE_OPTIONS,
)

# --- key figures: made out of the events by ``socialsim kpi``, and made again where they are gone ----------------------


#: The first day that every engine knows.
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


# Which days have their figures. Whoever stores an event marks its day and all later ones here, in the same transaction.
kpi_days: Final = _kpi_table(
    "kpi_days",
    ("day",),
    _column("day", Date()),
    _column("dirty", BigInteger()),  # 0: its figures hold; else it counts what came in since
    _column("events", BigInteger()),
    _column("users_so_far", BigInteger()),  # from the run's first day to the end of this one
    _column("friendships_so_far", BigInteger()),
    Column("computed_at", _INSTANT, nullable=True),
)

# One row for each user and day on which he did something.
user_day: Final = _kpi_table(
    "user_day",
    ("day", "user_id"),
    _refers("day", _DAY, kind=Date()),
    _refers("user_id", _USER),
    Column("signup_day", Date(), nullable=True),
    Column("country", _ascii(2), nullable=True),
    Column("first_post_at", _INSTANT, nullable=True),  # of this day
    *(_column(plural, Integer()) for plural in PLURALS.values()),  # how many of each kind
    # A user's active day before, without reading those of all others.
    Index("user_day_user", "run_key", "user_id", "day"),
)

# How many users were active on a day, by the day of their sign-up and by their last active day before; NEVER if there is
# none. A few hundred rows a day, from which a month's active users are added up instead of counted.
active_users: Final = _kpi_table(
    "active_users",
    ("day", "signup_day", "previous_day"),
    _refers("day", _DAY, kind=Date()),
    _column("signup_day", Date()),
    _column("previous_day", Date()),
    _column("users", BigInteger()),
)

# One row for each user and day on which posts of his were liked, whoever was active.
creator_day: Final = _kpi_table(
    "creator_day",
    ("day", "user_id"),
    _refers("day", _DAY, kind=Date()),
    _refers("user_id", _USER),
    _column("likes", BigInteger()),
    _column("first_like_at", _INSTANT),  # of this day
)

# The figures, see docs/kpis.md.
kpi_daily: Final = _kpi_table(
    "kpi_daily",
    ("day", "metric", "dimension", "dimension_value"),
    _refers("day", _DAY, kind=Date()),
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

#: Each event type's table by wire name, parents first: the order in which every transaction writes them.
EVENT_TABLES: Final[dict[str, Table]] = {name: metadata.tables[plural] for name, plural in PLURALS.items()}
