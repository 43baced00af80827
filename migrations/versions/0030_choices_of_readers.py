"""People choose what they are told: groups of notices that are off, and mails that were skipped for it."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notices_off",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("notice_group", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "notice_group IN ('approvals', 'reminders', 'progress', 'tickets', 'stock')",
            name=op.f("ck_notices_off_notice_group_known"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notices_off_user_id")),
        sa.PrimaryKeyConstraint("user_id", "notice_group", name=op.f("pk_notices_off")),
    )
    op.drop_constraint("ck_outbox_status_known", "outbox")
    op.create_check_constraint(
        op.f("ck_outbox_status_known"), "outbox", "status IN ('pending', 'sent', 'skipped', 'failed')"
    )
