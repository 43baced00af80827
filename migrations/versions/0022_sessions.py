"""Sessions of browsers: found by a hash, a day at most, and over once they ended."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION keydesk_session_stays_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'session % ended at %', OLD.id, OLD.ended_at
    USING ERRCODE = 'check_violation', CONSTRAINT = 'sessions_stay_ended';
END $$;

CREATE TRIGGER ended BEFORE UPDATE ON sessions
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION keydesk_session_stays_ended();
CREATE TRIGGER frozen BEFORE UPDATE ON sessions
  FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns('seen_at', 'ended_at');
CREATE TRIGGER kept BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON sessions EXECUTE FUNCTION keydesk_refuse_change();
"""


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("method IN ('dev', 'oidc')", name=op.f("ck_sessions_method_known")),
        sa.CheckConstraint(
            "expires_at > started_at AND expires_at <= started_at + interval '24 hours'",
            name=op.f("ck_sessions_within_a_day"),
        ),
        sa.CheckConstraint(
            "seen_at >= started_at AND seen_at < expires_at", name=op.f("ck_sessions_seen_in_time")
        ),
        sa.CheckConstraint("ended_at >= started_at", name=op.f("ck_sessions_ended_later")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_sessions_secret_sha256")),
    )
    op.create_index(
        "ix_sessions_open", "sessions", ["user_id", "started_at"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.execute(GUARDS)
