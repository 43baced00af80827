"""An invitation by mail is used once, by the person its mail went to, for the case that it was about."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION keydesk_invitation_of_the_decider() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM outbox o
    JOIN tickets t ON t.id = o.facts ->> 'ticket_id'
    JOIN decision_attempts a ON a.cancellation_id = t.cancellation_id AND a.actor_id = o.recipient_id
    WHERE o.id = NEW.notice_id AND o.channel = 'mail' AND a.id = NEW.attempt_id
  ) THEN
    RAISE EXCEPTION 'attempt % is not what mail % asked for', NEW.attempt_id, NEW.notice_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'invitation_uses_own';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER own BEFORE INSERT ON invitation_uses
  FOR EACH ROW EXECUTE FUNCTION keydesk_invitation_of_the_decider();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON invitation_uses
  FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON invitation_uses EXECUTE FUNCTION keydesk_refuse_change();
"""


def upgrade() -> None:
    op.create_table(
        "invitation_uses",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("attempt_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("used_at < expires_at", name=op.f("ck_invitation_uses_in_time")),
        sa.ForeignKeyConstraint(["notice_id"], ["outbox.id"], name=op.f("fk_invitation_uses_notice_id")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["decision_attempts.id"], name=op.f("fk_invitation_uses_attempt_id")
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_invitation_uses")),
        sa.UniqueConstraint("notice_id", name=op.f("uq_invitation_uses_notice_id")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_invitation_uses_attempt_id")),
    )
    op.execute(GUARDS)
