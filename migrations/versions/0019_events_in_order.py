"""Each event's number among those of its subject, and events about no order: closed statements are told, too."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NUMBER_PLACED = """
UPDATE outbox SET subject = n.subject, subject_sequence = n.nth
FROM (
  SELECT id, order_id AS subject, row_number() OVER (PARTITION BY order_id ORDER BY feed_position) AS nth
  FROM outbox WHERE feed_position IS NOT NULL
) n WHERE outbox.id = n.id
"""

# As the closing of each would have told it.
TELL_CLOSED = """
INSERT INTO outbox (id, dedupe_key, channel, kind, partner_id, facts, created_at, status, attempts, next_attempt_at)
SELECT 'evt_' || substr(id, 5), id || '/close_statement/keydesk.statement.closed.v1', 'event',
       'keydesk.statement.closed.v1', partner_id, jsonb_build_object(
         'statement_id', id,
         'number', content ->> 'number', 'opens_at', content ->> 'opens_at', 'closes_at', content ->> 'closes_at',
         'total', content -> 'total', 'credited', content -> 'credited', 'due', content -> 'due',
         'credit_note_ids', coalesce(
           (SELECT jsonb_agg(n -> 'id') FROM jsonb_array_elements(content -> 'credit_notes') n), '[]')
       ), issued_at, 'pending', 0, issued_at
FROM (SELECT id, partner_id, issued_at, convert_from(content, 'UTF8')::jsonb AS content FROM statements) s
ORDER BY issued_at, id
"""


def upgrade() -> None:
    op.add_column("outbox", sa.Column("subject", sa.Text(), nullable=True))
    op.add_column("outbox", sa.Column("subject_sequence", sa.BigInteger(), nullable=True))
    op.alter_column("outbox", "order_id", nullable=True)
    op.alter_column("outbox", "customer_id", nullable=True)
    op.execute(NUMBER_PLACED)
    op.execute(TELL_CLOSED)
    op.create_unique_constraint(
        op.f("uq_outbox_subject_subject_sequence"), "outbox", ["subject", "subject_sequence"]
    )
    op.create_check_constraint(
        op.f("ck_outbox_of_an_order"), "outbox", "(order_id IS NULL) = (customer_id IS NULL)"
    )
    op.create_check_constraint(
        op.f("ck_outbox_placed_whole"), "outbox",
        "num_nulls(feed_position, subject, subject_sequence) IN (0, 3)",
    )
