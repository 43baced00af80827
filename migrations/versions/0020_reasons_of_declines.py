"""Why a case was declined, as one of the reasons that its policy lists."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decision_attempts", sa.Column("reason_code", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("reason_code", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_decisions_reason_of_decline"), "decisions", "reason_code IS NULL OR verdict = 'declined'"
    )
