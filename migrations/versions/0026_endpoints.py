"""Endpoints and deliveries: an event once for each, within its sight, and every attempt kept."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION keydesk_delivery_within_sight() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.position IS NOT NULL AND NOT EXISTS (
    SELECT FROM endpoints e JOIN outbox o ON o.id = NEW.event_id
    WHERE e.id = NEW.endpoint_id AND o.channel = 'event' AND o.feed_position > e.starts_after
      AND (e.partner_id IS NULL OR e.partner_id = o.partner_id)
  ) THEN
    RAISE EXCEPTION 'event % is not for endpoint %', NEW.event_id, NEW.endpoint_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'deliveries_within_sight';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER within_sight BEFORE INSERT ON deliveries
  FOR EACH ROW EXECUTE FUNCTION keydesk_delivery_within_sight();
CREATE TRIGGER kept BEFORE DELETE ON endpoints FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON endpoints EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON endpoint_secrets FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON endpoint_secrets EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER kept BEFORE DELETE ON deliveries FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON deliveries EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON delivery_attempts
  FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON delivery_attempts EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER frozen BEFORE UPDATE ON endpoints FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns(
  'planned_to', 'status', 'status_at', 'status_by', 'disabled_reason', 'failures', 'failing_since', 'rests_until');
CREATE TRIGGER frozen BEFORE UPDATE ON endpoint_secrets FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns(
  'wrapped_key', 'ring_key_id', 'seal_version', 'expires_at');
CREATE TRIGGER frozen BEFORE UPDATE ON deliveries FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns(
  'status', 'status_at', 'attempts', 'tries', 'first_tried_at', 'next_attempt_at', 'leased_until');
CREATE TRIGGER move BEFORE INSERT OR UPDATE OF status ON endpoints FOR EACH ROW EXECUTE FUNCTION keydesk_check_move(
  'status', 'active', 'active>disabled', 'disabled>active');
CREATE TRIGGER move BEFORE INSERT OR UPDATE OF status ON deliveries FOR EACH ROW EXECUTE FUNCTION keydesk_check_move(
  'status', 'pending', 'pending>delivered', 'pending>given_up', 'delivered>pending', 'given_up>pending');
"""


def upgrade() -> None:
    op.create_unique_constraint(op.f("uq_outbox_id_feed_position"), "outbox", ["id", "feed_position"])
    op.create_table(
        "endpoints",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("starts_after", sa.BigInteger(), nullable=False),
        sa.Column("planned_to", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status_by", sa.Text(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rests_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('active', 'disabled')", name=op.f("ck_endpoints_status_known")),
        sa.CheckConstraint(
            "disabled_reason IN ('by_hand', 'gone', 'failing')", name=op.f("ck_endpoints_disabled_reason_known")
        ),
        sa.CheckConstraint(
            "(status = 'disabled') = (disabled_reason IS NOT NULL)", name=op.f("ck_endpoints_disabled_whole")
        ),
        sa.CheckConstraint(
            "(failures > 0) = (failing_since IS NOT NULL)", name=op.f("ck_endpoints_failing_whole")
        ),
        sa.CheckConstraint("planned_to >= starts_after", name=op.f("ck_endpoints_planned_from_start")),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_endpoints_partner_id")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_endpoints_created_by")),
        sa.ForeignKeyConstraint(["status_by"], ["users.id"], name=op.f("fk_endpoints_status_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoints")),
    )
    op.create_index("ix_endpoints_partner", "endpoints", ["partner_id", "id"])
    op.create_table(
        "endpoint_secrets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("ring_key_id", sa.Text(), nullable=False),
        sa.Column("seal_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name=op.f("fk_endpoint_secrets_endpoint_id")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_endpoint_secrets_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint_secrets")),
    )
    op.create_index(
        "uq_endpoint_secrets_one_current", "endpoint_secrets", ["endpoint_id"], unique=True,
        postgresql_where=sa.text("expires_at IS NULL"),
    )
    op.create_index("ix_endpoint_secrets_endpoint", "endpoint_secrets", ["endpoint_id", "created_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("first_tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'given_up')", name=op.f("ck_deliveries_status_known")
        ),
        sa.CheckConstraint(
            "(position IS NULL) = (type = 'keydesk.test.v1')", name=op.f("ck_deliveries_only_tests_unplaced")
        ),
        sa.CheckConstraint(
            "leased_until IS NULL OR status = 'pending'", name=op.f("ck_deliveries_leased_while_pending")
        ),
        sa.ForeignKeyConstraint(["endpoint_id"], ["endpoints.id"], name=op.f("fk_deliveries_endpoint_id")),
        sa.ForeignKeyConstraint(
            ["event_id", "position"], ["outbox.id", "outbox.feed_position"],
            name=op.f("fk_deliveries_event_id_position"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("number", name=op.f("uq_deliveries_number")),
        sa.UniqueConstraint("endpoint_id", "event_id", name=op.f("uq_deliveries_endpoint_id_event_id")),
    )
    op.create_index(
        "ix_deliveries_due", "deliveries", ["endpoint_id", "next_attempt_at", "number"],
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_waiting", "deliveries", ["endpoint_id", "subject", "sequence"],
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_leased", "deliveries", ["endpoint_id"], postgresql_where=sa.text("leased_until IS NOT NULL")
    )
    op.create_index("ix_deliveries_newest", "deliveries", ["endpoint_id", "number"])
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_attempts_delivery_id")
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_delivery_attempts")),
    )
    op.execute(GUARDS)
