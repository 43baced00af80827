"""Who has a ticket open, and the earlier cases of a customer."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_cancellations_customer_newest", "cancellations", ["customer_id", "received_at", "id"]
    )
    op.create_table(
        "presences",
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "since <= seen_at AND seen_at < seen_until", name=op.f("ck_presences_in_order")
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_presences_ticket_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_presences_user_id")),
        sa.PrimaryKeyConstraint("ticket_id", "user_id", name=op.f("pk_presences")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_presences_seen_until", "presences", ["seen_until"])
