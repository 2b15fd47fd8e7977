"""Identities that distinguish topics and runs of one name, in offsets, dead letters and runs."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PLACE = ("log_id", "topic", "partition_id", "record_offset")
NEW_PLACE = ("log_id", "topic", "topic_identity", "partition_id", "record_offset")
LETTER_COLUMNS = (
    "id",
    *PLACE,
    "raw",
    "raw_bytes",
    "raw_sha256",
    "error_class",
    "reason",
    "created_at",
)


def ascii_text(length: int) -> Any:
    return sa.String(length).with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql")


def new_column(name: str) -> sa.Column[Any]:
    return sa.Column(name, ascii_text(64), nullable=False, server_default="")


def copy_dead_letters(*, identity: bool) -> None:
    """SQLite cannot change constraints of a table: recreate and copy it."""
    op.rename_table("dead_letters", "dead_letters_before")
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True, nullable=False),
        sa.Column("log_id", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(249), nullable=False),
        sa.Column("partition_id", sa.Integer(), nullable=False),
        sa.Column("record_offset", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("raw_bytes", sa.BigInteger(), nullable=False),
        sa.Column("raw_sha256", sa.String(64), nullable=False),
        sa.Column("error_class", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(1000), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        *([new_column("topic_identity")] if identity else []),
        sa.UniqueConstraint(*(NEW_PLACE if identity else PLACE), name="dead_letters_place"),
    )
    before = sa.table("dead_letters_before", *map(sa.column, LETTER_COLUMNS))
    after = sa.table("dead_letters", *map(sa.column, LETTER_COLUMNS))
    op.execute(sa.insert(after).from_select(LETTER_COLUMNS, sa.select(*before.c)))
    op.drop_table("dead_letters_before")


def upgrade() -> None:
    op.add_column("consumer_offsets", new_column("topic_identity"))
    op.add_column("runs", new_column("scenario_digest"))
    if op.get_bind().dialect.name == "mysql":
        op.add_column("dead_letters", new_column("topic_identity"))
        op.drop_constraint("dead_letters_place", "dead_letters", type_="unique")
        op.create_unique_constraint("dead_letters_place", "dead_letters", list(NEW_PLACE))
    else:
        copy_dead_letters(identity=True)


def downgrade() -> None:
    # Of dead letters at one position of topics with one name, the first is kept.
    if op.get_bind().dialect.name == "mysql":
        op.execute(
            "DELETE d FROM dead_letters d JOIN dead_letters f ON f.log_id = d.log_id AND f.topic = d.topic "
            "AND f.partition_id = d.partition_id AND f.record_offset = d.record_offset AND f.id < d.id"
        )
        op.drop_constraint("dead_letters_place", "dead_letters", type_="unique")
        op.create_unique_constraint("dead_letters_place", "dead_letters", list(PLACE))
        op.drop_column("dead_letters", "topic_identity")
    else:
        op.execute(
            "DELETE FROM dead_letters WHERE id NOT IN "
            "(SELECT MIN(id) FROM dead_letters GROUP BY log_id, topic, partition_id, record_offset)"
        )
        copy_dead_letters(identity=False)
    op.drop_column("runs", "scenario_digest")
    op.drop_column("consumer_offsets", "topic_identity")
