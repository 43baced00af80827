"""Replacements of leaked keys: a unit has one live key, a line one open case, and both are held by the database."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION keydesk_one_case_of_a_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The lock under which every effect of an order runs: two cases at once would not see each other.
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.order_id, 0));
  IF TG_TABLE_NAME = 'replacements' AND EXISTS (
    SELECT FROM cancellations WHERE line_id = NEW.line_id
      AND status IN ('received', 'pending_approval', 'approved', 'credited')
  ) THEN
    RAISE EXCEPTION 'line % is being cancelled', NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'replacements_no_cancellation';
  END IF;
  IF TG_TABLE_NAME = 'replacements' AND NOT EXISTS (
    SELECT FROM product_keys WHERE id = to_jsonb(NEW) ->> 'old_key_id' AND state IN ('allocated', 'suspended')
  ) THEN
    RAISE EXCEPTION 'a dead key of line % is not replaced', NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'replacements_of_living_keys';
  END IF;
  IF TG_TABLE_NAME = 'cancellations' AND EXISTS (
    SELECT FROM replacements WHERE line_id = NEW.line_id AND status IN ('requested', 'pending_approval', 'approved')
  ) THEN
    RAISE EXCEPTION 'a key of line % is being replaced', NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cancellations_no_replacement';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_replacement_needs_approver() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM user_roles r JOIN users u ON u.id = r.user_id
    WHERE r.user_id = NEW.decided_by AND r.role = 'refund_approver' AND u.active
  ) THEN
    RAISE EXCEPTION '% is no refund approver', NEW.decided_by
      USING ERRCODE = 'check_violation', CONSTRAINT = 'replacements_by_approver';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_replaced_means_done() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM product_keys o JOIN product_keys n ON n.id = NEW.new_key_id
    WHERE o.id = NEW.old_key_id AND o.state = 'revoked' AND n.unit_number = o.unit_number
  ) THEN
    RAISE EXCEPTION 'replacement % is not done: a revoked key and a new one of its unit are needed', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'replacements_completed';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER one_case BEFORE INSERT ON replacements FOR EACH ROW EXECUTE FUNCTION keydesk_one_case_of_a_line();
CREATE TRIGGER one_case BEFORE INSERT ON cancellations FOR EACH ROW EXECUTE FUNCTION keydesk_one_case_of_a_line();
CREATE TRIGGER needs_approver BEFORE UPDATE OF status ON replacements
  FOR EACH ROW WHEN (NEW.status IN ('approved', 'declined')) EXECUTE FUNCTION keydesk_replacement_needs_approver();
CREATE CONSTRAINT TRIGGER done AFTER UPDATE OF status ON replacements DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION keydesk_replaced_means_done();
CREATE TRIGGER kept BEFORE DELETE ON replacements FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON replacements EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER frozen BEFORE UPDATE ON replacements FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns(
  'status', 'status_at', 'decided_by', 'decided_at', 'new_key_id');
CREATE TRIGGER move BEFORE INSERT OR UPDATE OF status ON replacements FOR EACH ROW EXECUTE FUNCTION keydesk_check_move(
  'status', 'requested', 'requested>pending_approval', 'pending_approval>approved', 'pending_approval>declined',
  'pending_approval>withdrawn', 'pending_approval>expired', 'approved>completed');
"""


def upgrade() -> None:
    op.drop_constraint("uq_product_keys_line_id_unit_number", "product_keys")
    op.create_index(
        "uq_product_keys_one_live_unit", "product_keys", ["line_id", "unit_number"], unique=True,
        postgresql_where=sa.text("state IN ('allocated', 'suspended')"),
    )
    op.create_index("ix_product_keys_line", "product_keys", ["line_id"])
    op.create_table(
        "replacements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("old_key_id", sa.Text(), nullable=False),
        sa.Column("new_key_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requester_id", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('requested', 'pending_approval', 'approved', 'completed', 'declined', 'withdrawn', 'expired')",
            name=op.f("ck_replacements_status_known"),
        ),
        sa.CheckConstraint("old_key_id <> new_key_id", name=op.f("ck_replacements_another_key")),
        sa.CheckConstraint(
            "(status = 'completed') = (new_key_id IS NOT NULL)", name=op.f("ck_replacements_new_key")
        ),
        sa.CheckConstraint(
            "(status IN ('requested', 'pending_approval')) = (decided_by IS NULL)",
            name=op.f("ck_replacements_decided"),
        ),
        sa.CheckConstraint(
            "(decided_by IS NULL) = (decided_at IS NULL)", name=op.f("ck_replacements_decided_whole")
        ),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'completed', 'declined') OR decided_by <> requester_id",
            name=op.f("ck_replacements_not_the_requester"),
        ),
        sa.ForeignKeyConstraint(
            ["line_id", "order_id", "partner_id", "customer_id"],
            ["order_lines.id", "order_lines.order_id", "order_lines.partner_id", "order_lines.customer_id"],
            name=op.f("fk_replacements_line_id_order_id_partner_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["old_key_id", "line_id", "partner_id", "customer_id"],
            ["product_keys.id", "product_keys.line_id", "product_keys.partner_id", "product_keys.customer_id"],
            name=op.f("fk_replacements_old_key_id_line_id_partner_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["new_key_id", "line_id", "partner_id", "customer_id"],
            ["product_keys.id", "product_keys.line_id", "product_keys.partner_id", "product_keys.customer_id"],
            name=op.f("fk_replacements_new_key_id_line_id_partner_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["requester_id"], ["users.id"], name=op.f("fk_replacements_requester_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_replacements_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replacements")),
        sa.UniqueConstraint("new_key_id", name=op.f("uq_replacements_new_key_id")),
    )
    op.create_index(
        "uq_replacements_one_open", "replacements", ["line_id"], unique=True,
        postgresql_where=sa.text("status IN ('requested', 'pending_approval', 'approved')"),
    )
    op.create_index("ix_replacements_partner_newest", "replacements", ["partner_id", "requested_at", "id"])
    op.create_index(
        "ix_replacements_requested", "replacements", ["requested_at"],
        postgresql_where=sa.text("status = 'requested'"),
    )
    op.execute(GUARDS)
