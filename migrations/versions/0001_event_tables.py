"""Runs, the eight event tables, consumer offsets and dead letters."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
UNSIGNED_16 = sa.SmallInteger().with_variant(mysql.SMALLINT(unsigned=True), "mysql")
NUMBERED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BLOB = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")


def ascii_text(length: int) -> Any:
    return sa.String(length).with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql")


def text(length: int) -> Any:
    return sa.String(length).with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")


def column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def create_event_table(name: str, *payload: sa.Column[Any], index: tuple[str, tuple[str, ...]]) -> None:
    op.create_table(
        name,
        sa.Column("run_key", sa.Integer, nullable=False, autoincrement=False),
        column("event_time", INSTANT),
        column("shard", UNSIGNED_16),
        column("seq", sa.BigInteger()),
        column("user_id", sa.BigInteger()),
        column("device", ascii_text(6)),
        column("version", sa.SmallInteger()),
        *payload,
        sa.PrimaryKeyConstraint("run_key", "event_time", "shard", "seq"),
        sqlite_with_rowid=False,
        **OPTIONS,
    )
    index_name, columns = index
    op.create_index(index_name, name, list(columns))


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("run_key", sa.Integer, primary_key=True, autoincrement=True),
        column("run_id", ascii_text(32)),
        column("created_at", INSTANT),
        sa.UniqueConstraint("run_id", name="runs_run_id"),
        **OPTIONS,
    )
    create_event_table(
        "users",
        column("username", text(64)),
        column("email", text(254)),
        column("phone", text(32)),
        column("first_name", text(64)),
        column("last_name", text(64)),
        column("birthday", sa.Date()),
        column("country", ascii_text(2)),
        column("city", text(64)),
        index=("users_user", ("run_key", "user_id")),
    )
    create_event_table(
        "friend_requests",
        column("request_id", sa.BigInteger()),
        column("receiver_id", sa.BigInteger()),
        index=("friend_requests_request", ("run_key", "request_id")),
    )
    create_event_table(
        "friend_acceptances",
        column("request_id", sa.BigInteger()),
        column("requester_id", sa.BigInteger()),
        index=("friend_acceptances_request", ("run_key", "request_id")),
    )
    create_event_table(
        "pictures",
        column("picture_id", sa.BigInteger()),
        column("caption", text(1000)),
        column("width_px", UNSIGNED_16),
        column("height_px", UNSIGNED_16),
        index=("pictures_picture", ("run_key", "picture_id")),
    )
    create_event_table(
        "videos",
        column("video_id", sa.BigInteger()),
        column("caption", text(1000)),
        column("duration_s", sa.Integer()),
        index=("videos_video", ("run_key", "video_id")),
    )
    create_event_table(
        "picture_likes",
        column("picture_id", sa.BigInteger()),
        index=("picture_likes_picture_user", ("run_key", "picture_id", "user_id")),
    )
    create_event_table(
        "video_likes",
        column("video_id", sa.BigInteger()),
        column("watched_s", sa.Integer()),
        index=("video_likes_video_user", ("run_key", "video_id", "user_id")),
    )
    create_event_table(
        "comments",
        column("comment_id", sa.BigInteger()),
        column("content_kind", ascii_text(7)),
        column("content_id", sa.BigInteger()),
        column("text", text(1000)),
        index=("comments_content", ("run_key", "content_kind", "content_id")),
    )
    op.create_table(
        "consumer_offsets",
        column("log_id", text(64)),
        column("consumer_group", text(255)),
        column("topic", text(249)),
        sa.Column("partition_id", sa.Integer, nullable=False, autoincrement=False),
        column("next_offset", sa.BigInteger()),
        column("consumed", sa.BigInteger()),
        column("inserted", sa.BigInteger()),
        column("duplicates", sa.BigInteger()),
        column("dead_letters", sa.BigInteger()),
        column("commits", sa.BigInteger()),
        column("updated_at", INSTANT),
        sa.PrimaryKeyConstraint("log_id", "consumer_group", "topic", "partition_id"),
        sqlite_with_rowid=False,
        **OPTIONS,
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", NUMBERED, primary_key=True, autoincrement=True),
        column("log_id", text(64)),
        column("topic", text(249)),
        column("partition_id", sa.Integer()),
        column("record_offset", sa.BigInteger()),
        column("raw", BLOB),
        column("raw_bytes", sa.BigInteger()),
        column("raw_sha256", ascii_text(64)),
        column("error_class", text(64)),
        column("reason", text(1000)),
        column("created_at", INSTANT),
        sa.UniqueConstraint("log_id", "topic", "partition_id", "record_offset", name="dead_letters_place"),
        **OPTIONS,
    )


def downgrade() -> None:
    for name in (
        "dead_letters",
        "consumer_offsets",
        "comments",
        "video_likes",
        "picture_likes",
        "videos",
        "pictures",
        "friend_acceptances",
        "friend_requests",
        "users",
        "runs",
    ):
        op.drop_table(name)
