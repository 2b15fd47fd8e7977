"""Daily KPIs: computed days, daily aggregates of users and likes, KPIs, cohorts, a wide view."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
COUNTS = (
    "users",
    "friend_requests",
    "friend_acceptances",
    "pictures",
    "videos",
    "picture_likes",
    "video_likes",
    "comments",
)
#: Lets the index alone answer who published a liked post.
POST_INDEXES = (
    ("pictures", "pictures_picture", ["run_key", "picture_id", "user_id"]),
    ("videos", "videos_video", ["run_key", "video_id", "user_id"]),
)
WIDE_METRICS = (
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


def ascii_text(length: int) -> Any:
    return sa.String(length).with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql")


def column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def create_kpi_table(name: str, key: tuple[str, ...], *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("run_key", sa.Integer, nullable=False, autoincrement=False),
        *columns,
        sa.PrimaryKeyConstraint("run_key", *key),
        sqlite_with_rowid=False,
        **OPTIONS,
    )


def upgrade() -> None:
    for table, index, indexed in POST_INDEXES:
        op.drop_index(index, table)
        op.create_index(index, table, indexed)
    create_kpi_table(
        "kpi_days",
        ("day",),
        column("day", sa.Date()),
        column("dirty", sa.BigInteger()),
        column("events", sa.BigInteger()),
        column("users_so_far", sa.BigInteger()),
        column("friendships_so_far", sa.BigInteger()),
        sa.Column("computed_at", INSTANT, nullable=True),
    )
    create_kpi_table(
        "user_day",
        ("day", "user_id"),
        column("day", sa.Date()),
        column("user_id", sa.BigInteger()),
        sa.Column("signup_day", sa.Date(), nullable=True),
        sa.Column("country", ascii_text(2), nullable=True),
        sa.Column("first_post_at", INSTANT, nullable=True),
        *(column(name, sa.Integer()) for name in COUNTS),
    )
    op.create_index("user_day_user", "user_day", ["run_key", "user_id", "day"])
    create_kpi_table(
        "active_users",
        ("day", "signup_day", "previous_day"),
        column("day", sa.Date()),
        column("signup_day", sa.Date()),
        column("previous_day", sa.Date()),
        column("users", sa.BigInteger()),
    )
    create_kpi_table(
        "creator_day",
        ("day", "user_id"),
        column("day", sa.Date()),
        column("user_id", sa.BigInteger()),
        column("likes", sa.BigInteger()),
        column("first_like_at", INSTANT),
    )
    create_kpi_table(
        "kpi_daily",
        ("day", "metric", "dimension", "dimension_value"),
        column("day", sa.Date()),
        column("metric", ascii_text(32)),
        column("dimension", ascii_text(16)),
        column("dimension_value", ascii_text(32)),
        column("value", sa.Double()),
        column("numerator", sa.BigInteger()),
        column("denominator", sa.BigInteger()),
        column("computed_at", INSTANT),
    )
    create_kpi_table(
        "cohort_weekly",
        ("cohort_week", "week_number"),
        column("cohort_week", sa.Date()),
        sa.Column("week_number", sa.Integer, nullable=False, autoincrement=False),
        column("users", sa.BigInteger()),
        column("active", sa.BigInteger()),
    )
    columns = ", ".join(f"MAX(CASE WHEN k.metric = '{name}' THEN k.value END) AS {name}" for name in WIDE_METRICS)
    security = "SQL SECURITY INVOKER " if op.get_bind().dialect.name == "mysql" else ""
    op.execute(
        f"CREATE {security}VIEW kpi_daily_wide AS SELECT r.run_id, k.day, {columns}, MAX(k.computed_at) AS computed_at "  # noqa: S608
        "FROM kpi_daily k JOIN runs r ON r.run_key = k.run_key WHERE k.dimension = 'all' GROUP BY r.run_id, k.day"
    )


def downgrade() -> None:
    op.execute("DROP VIEW kpi_daily_wide")
    for name in ("cohort_weekly", "kpi_daily", "creator_day", "active_users", "user_day", "kpi_days"):
        op.drop_table(name)
    for table, index, indexed in POST_INDEXES:
        op.drop_index(index, table)
        op.create_index(index, table, indexed[:2])
