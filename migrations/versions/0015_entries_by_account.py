"""An account's entries are found by its postings: an index by partner misled the check of every posting's entry."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_ledger_entries_account", table_name="ledger_entries")
