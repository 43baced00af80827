"""The event feed's own order: a position that an event gets once it is committed (ADR 0005)."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("feed_position", sa.BigInteger(), nullable=True))
    op.create_unique_constraint(op.f("uq_outbox_feed_position"), "outbox", ["feed_position"])
    op.drop_index("ix_outbox_feed", table_name="outbox")
    op.create_index(
        "ix_outbox_unplaced",
        "outbox",
        ["sequence"],
        postgresql_where=sa.text("channel = 'event' AND feed_position IS NULL"),
    )
