"""Attachments of tickets: five at a time, by people who see the ticket, kept as rows when the bytes are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION keydesk_attachment_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Two at once would not see each other.
  PERFORM pg_advisory_xact_lock(hashtextextended('attachments:' || NEW.ticket_id, 0));
  IF (SELECT count(*) >= 5 FROM attachments WHERE ticket_id = NEW.ticket_id AND withdrawn_at IS NULL) THEN
    RAISE EXCEPTION 'ticket % holds five', NEW.ticket_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'attachments_five';
  END IF;
  IF NOT EXISTS (
    SELECT FROM users u JOIN tickets t ON t.id = NEW.ticket_id WHERE u.id = NEW.uploaded_by
      AND u.customer_id IS NULL
      AND (u.partner_id IS NULL OR (u.partner_id = t.partner_id AND NEW.audience = 'partner'))
  ) THEN
    RAISE EXCEPTION '% does not see what is attached to %', NEW.uploaded_by, NEW.ticket_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'attachments_uploader_sees';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_attachment_stays_withdrawn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'attachment % was withdrawn', OLD.id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'attachments_stay_withdrawn';
END $$;

CREATE TRIGGER fits BEFORE INSERT ON attachments FOR EACH ROW EXECUTE FUNCTION keydesk_attachment_fits();
CREATE TRIGGER stay_withdrawn BEFORE UPDATE ON attachments
  FOR EACH ROW WHEN (OLD.withdrawn_at IS NOT NULL) EXECUTE FUNCTION keydesk_attachment_stays_withdrawn();
CREATE TRIGGER frozen BEFORE UPDATE ON attachments
  FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns('withdrawn_by', 'withdrawn_at');
CREATE TRIGGER kept BEFORE DELETE ON attachments FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON attachments EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON attachment_reads
  FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON attachment_reads EXECUTE FUNCTION keydesk_refuse_change();
"""


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "media_type IN ('application/pdf', 'image/png', 'image/jpeg', 'image/gif', 'image/webp', 'text/plain')",
            name=op.f("ck_attachments_media_type_known"),
        ),
        sa.CheckConstraint("audience IN ('internal', 'partner')", name=op.f("ck_attachments_audience_known")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 120", name=op.f("ck_attachments_name")),
        sa.CheckConstraint("size_bytes BETWEEN 1 AND 104857600", name=op.f("ck_attachments_size")),
        sa.CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name=op.f("ck_attachments_hash")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("ck_attachments_withdrawn_whole")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_attachments_ticket_id")),
        *(
            sa.ForeignKeyConstraint([column], ["users.id"], name=op.f(f"fk_attachments_{column}"))
            for column in ("uploaded_by", "withdrawn_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index("ix_attachments_ticket", "attachments", ["ticket_id", "uploaded_at", "id"])
    op.create_table(
        "attachment_reads",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("attachment_id", sa.Text(), nullable=False),
        sa.Column("read_by", sa.Text(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"], ["attachments.id"], name=op.f("fk_attachment_reads_attachment_id")
        ),
        sa.ForeignKeyConstraint(["read_by"], ["users.id"], name=op.f("fk_attachment_reads_read_by")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_attachment_reads")),
    )
    op.create_index("ix_attachment_reads_attachment", "attachment_reads", ["attachment_id"])
    op.execute(GUARDS)
