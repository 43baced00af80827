"""Escalated tickets are found by index, and approvals and notes from before count as first responses, too."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# Earlier than the decision that the desk began with: somebody had asked, agreed or written before.
ANSWERED = """
UPDATE tickets t SET first_response_at = greatest(f.at, t.opened_at), first_response_by = f.by
FROM (
  SELECT DISTINCT ON (ticket_id) ticket_id, at, by FROM (
    SELECT n.ticket_id, n.written_at AS at, n.author_id AS by FROM ticket_notes n
    JOIN users u ON u.id = n.author_id AND u.partner_id IS NULL WHERE n.audience <> 'internal'
    UNION ALL SELECT k.id, a.approved_at, a.approved_by
    FROM approvals a JOIN tickets k ON k.cancellation_id = a.cancellation_id
  ) said JOIN tickets own ON own.id = said.ticket_id AND own.opened_by <> said.by
  ORDER BY ticket_id, at
) f WHERE f.ticket_id = t.id AND (t.first_response_at IS NULL OR t.first_response_at > f.at)
"""


def upgrade() -> None:
    op.create_index(
        "ix_tickets_escalated", "tickets", ["opened_at", "id"],
        postgresql_where=sa.text("escalated_at IS NOT NULL AND closed_at IS NULL"),
    )
    op.execute("ALTER TABLE tickets DISABLE TRIGGER people")
    op.execute(ANSWERED)
    op.execute("ALTER TABLE tickets ENABLE TRIGGER people")
