"""Whoever decides on a replacement may say why; every attempt to decide is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

GUARDS = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON replacement_attempts
  FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON replacement_attempts EXECUTE FUNCTION keydesk_refuse_change();
DROP TRIGGER frozen ON replacements;
CREATE TRIGGER frozen BEFORE UPDATE ON replacements FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns(
  'status', 'status_at', 'decided_by', 'decided_at', 'new_key_id', 'note');
"""


def upgrade() -> None:
    op.add_column("replacements", sa.Column("note", sa.Text(), nullable=True))
    op.create_table(
        "replacement_attempts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("replacement_id", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('approved', 'declined', 'withdrawn', 'expired')",
            name=op.f("ck_replacement_attempts_verdict_known"),
        ),
        sa.ForeignKeyConstraint(
            ["replacement_id"], ["replacements.id"], name=op.f("fk_replacement_attempts_replacement_id")
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_replacement_attempts_actor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replacement_attempts")),
    )
    op.create_index(op.f("ix_replacement_attempts_replacement_id"), "replacement_attempts", ["replacement_id"])
    op.execute(GUARDS)
