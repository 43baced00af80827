"""Mails come in the language of their reader, with instants in the reader's time zone."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("partners", "users"):
        op.add_column(table, sa.Column("language", sa.Text()))
        op.create_check_constraint(
            op.f(f"ck_{table}_language_known"), table, "language IN ('en', 'cs')"
        )
    op.add_column("users", sa.Column("time_zone", sa.Text()))
