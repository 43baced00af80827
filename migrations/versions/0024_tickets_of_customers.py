"""Notes for customers are read by customer: their tickets, and the notes among them, are found by index."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_tickets_customer", "tickets", ["customer_id", "opened_at", "id"])
    op.create_index(
        "ix_ticket_notes_customer", "ticket_notes", ["ticket_id", "written_at", "id"],
        postgresql_where=sa.text("audience = 'customer'"),
    )
