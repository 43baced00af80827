"""A mail that was sent may come back, an operator may send one again, and no status moves but by these rules."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

MOVE = """
CREATE TRIGGER move BEFORE INSERT OR UPDATE OF status ON outbox FOR EACH ROW EXECUTE FUNCTION keydesk_check_move(
  'status', 'pending', 'pending>sent', 'pending>skipped', 'pending>failed', 'sent>bounced', 'sent>pending',
  'failed>pending', 'bounced>pending')
"""


def upgrade() -> None:
    op.add_column("outbox", sa.Column("bounced_at", sa.DateTime(timezone=True)))
    op.add_column("outbox", sa.Column("resent_at", sa.DateTime(timezone=True)))
    op.drop_constraint("ck_outbox_status_known", "outbox")
    op.create_check_constraint(
        op.f("ck_outbox_status_known"),
        "outbox",
        "status IN ('pending', 'sent', 'skipped', 'failed', 'bounced')",
    )
    op.create_check_constraint(
        op.f("ck_outbox_bounced"), "outbox", "(status = 'bounced') = (bounced_at IS NOT NULL)"
    )
    op.create_index(
        "ix_outbox_mails", "outbox", ["order_id"], postgresql_where=sa.text("channel = 'mail'")
    )
    op.execute(MOVE)
