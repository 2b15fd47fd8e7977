"""Sessions: their table, their number per user and day, and their columns in the view."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
UNSIGNED_16 = sa.SmallInteger().with_variant(mysql.SMALLINT(unsigned=True), "mysql")
COUNTS_BEFORE = (
    "users",
    "friend_requests",
    "friend_acceptances",
    "pictures",
    "videos",
    "picture_likes",
    "video_likes",
    "comments",
)
COUNTS = (COUNTS_BEFORE[0], "sessions", *COUNTS_BEFORE[1:])
METRICS_BEFORE = (
    "dau",
    "wau",
    "mau",
    "stickiness",
    "signups",
    "retention_d1",
    "retention_d7",
    "retention_d30",
    "growth_new",
    "growth_retained",
    "growth_resurrected",
    "growth_churned",
    "quick_ratio",
    "activation_7d",
    "engagement_per_post",
    "engagement_per_active_user",
    "acceptance_7d",
    "acceptance_latency_median_s",
    "acceptance_latency_p90_s",
    "friends_per_user",
    "top_creators_share",
    "viral_posts",
)
METRICS = (*METRICS_BEFORE[:16], "sessions_per_active_user", "time_per_active_user_s", *METRICS_BEFORE[16:])


def ascii_text(length: int) -> Any:
    return sa.String(length).with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql")


def column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def copy_user_day(counts: tuple[str, ...], *, new: str | None = None) -> None:
    """Recreate the table with ``counts``, where ``new`` is 0. SQLite can only append columns."""
    kept = ("run_key", "day", "user_id", "signup_day", "country", "first_post_at", *counts)
    op.drop_index("user_day_user", "user_day")
    op.rename_table("user_day", "user_day_before")
    op.create_table(
        "user_day",
        sa.Column("run_key", sa.Integer, nullable=False, autoincrement=False),
        column("day", sa.Date()),
        column("user_id", sa.BigInteger()),
        sa.Column("signup_day", sa.Date(), nullable=True),
        sa.Column("country", ascii_text(2), nullable=True),
        sa.Column("first_post_at", INSTANT, nullable=True),
        *(column(name, sa.Integer()) for name in counts),
        sa.PrimaryKeyConstraint("run_key", "day", "user_id"),
        sqlite_with_rowid=False,
    )
    before = sa.table("user_day_before", *map(sa.column, kept))
    values = [sa.literal_column("0") if name == new else before.c[name] for name in kept]
    after = sa.table("user_day", *map(sa.column, kept))
    op.execute(sa.insert(after).from_select(kept, sa.select(*values)))
    op.drop_table("user_day_before")
    op.create_index("user_day_user", "user_day", ["run_key", "user_id", "day"])


def replace_view(metrics: tuple[str, ...]) -> None:
    columns = ", ".join(f"MAX(CASE WHEN k.metric = '{name}' THEN k.value END) AS {name}" for name in metrics)
    security = "SQL SECURITY INVOKER " if op.get_bind().dialect.name == "mysql" else ""
    op.execute("DROP VIEW kpi_daily_wide")
    op.execute(
        f"CREATE {security}VIEW kpi_daily_wide AS SELECT r.run_id, k.day, {columns}, MAX(k.computed_at) AS computed_at "  # noqa: S608
        "FROM kpi_daily k JOIN runs r ON r.run_key = k.run_key WHERE k.dimension = 'all' GROUP BY r.run_id, k.day"
    )


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("run_key", sa.Integer, nullable=False, autoincrement=False),
        column("event_time", INSTANT),
        column("shard", UNSIGNED_16),
        column("seq", sa.BigInteger()),
        column("user_id", sa.BigInteger()),
        column("device", ascii_text(6)),
        column("version", sa.SmallInteger()),
        column("session_id", sa.BigInteger()),
        column("duration_s", sa.Integer()),
        sa.PrimaryKeyConstraint("run_key", "event_time", "shard", "seq"),
        sqlite_with_rowid=False,
        **OPTIONS,
    )
    # Earlier rows have no sessions.
    if op.get_bind().dialect.name == "mysql":
        op.execute("ALTER TABLE user_day ADD COLUMN sessions INTEGER NOT NULL DEFAULT 0 AFTER users")
        op.execute("ALTER TABLE user_day ALTER COLUMN sessions DROP DEFAULT")
    else:
        copy_user_day(COUNTS, new="sessions")
    replace_view(METRICS)


def downgrade() -> None:
    replace_view(METRICS_BEFORE)
    if op.get_bind().dialect.name == "mysql":
        op.drop_column("user_day", "sessions")
    else:
        copy_user_day(COUNTS_BEFORE)
    op.drop_table("sessions")
