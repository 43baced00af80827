"""Approvals by several people, as many as the policy frozen on the line asks for at that amount."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NEEDED = """
CREATE FUNCTION keydesk_approvals_of(rule jsonb) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE rule ->> 'mode'
    WHEN 'automatic' THEN 0
    WHEN 'two_approvers' THEN 2
    WHEN 'stages' THEN (SELECT sum((stage ->> 'approvers')::integer)::integer
                        FROM jsonb_array_elements(rule -> 'stages') stage)
    ELSE 1 END
$$;

CREATE FUNCTION keydesk_approvals_needed(terms jsonb, amount bigint, unit text) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(
    (SELECT keydesk_approvals_of(rule)
     FROM jsonb_array_elements(terms #> '{approval,by_amount}') WITH ORDINALITY AS listed (rule, place)
     WHERE EXISTS (SELECT FROM jsonb_array_elements(rule -> 'up_to') most
                   WHERE most ->> 'currency' = unit AND amount <= (most ->> 'amount_minor')::bigint)
     ORDER BY place LIMIT 1),
    keydesk_approvals_of(terms -> 'approval'))
$$;

CREATE FUNCTION keydesk_approval_needs_approver() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  cap bigint;
BEGIN
  IF NOT EXISTS (
    SELECT FROM user_roles r JOIN users u ON u.id = r.user_id
    WHERE r.user_id = NEW.approved_by AND r.role = 'refund_approver' AND u.active
  ) THEN
    RAISE EXCEPTION '% is no refund approver', NEW.approved_by
      USING ERRCODE = 'check_violation', CONSTRAINT = 'approvals_by_approver';
  END IF;
  SELECT requested_minor INTO cap FROM cancellations WHERE id = NEW.cancellation_id;
  IF NEW.amount_minor > cap THEN
    RAISE EXCEPTION 'approved % of % requested', NEW.amount_minor, cap
      USING ERRCODE = 'check_violation', CONSTRAINT = 'approvals_within_request';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_decision_has_approvals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  needed integer;
  given integer;
  least_granted bigint;
BEGIN
  SELECT keydesk_approvals_needed(l.policy, k.requested_minor, k.currency) INTO needed
  FROM cancellations k JOIN order_lines l ON l.id = k.line_id WHERE k.id = NEW.cancellation_id;
  IF NEW.automatic AND NEW.decided_by IN ('usr_policy', 'usr_system') THEN
    IF needed > 0 THEN
      RAISE EXCEPTION 'the policy asks % people', needed
        USING ERRCODE = 'check_violation', CONSTRAINT = 'decisions_automatic_by_policy';
    END IF;
    RETURN NEW;
  END IF;
  IF needed < 2 THEN
    RETURN NEW;
  END IF;
  SELECT count(*), min(amount_minor) INTO given, least_granted
  FROM approvals WHERE cancellation_id = NEW.cancellation_id;
  IF given < needed OR NEW.amount_minor > least_granted OR NOT EXISTS (
    SELECT FROM approvals WHERE cancellation_id = NEW.cancellation_id AND approved_by = NEW.decided_by
  ) THEN
    RAISE EXCEPTION '% of % approvals, the least of %, for a decision of %',
      given, needed, least_granted, NEW.amount_minor
      USING ERRCODE = 'check_violation', CONSTRAINT = 'decisions_enough_approvals';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER approver BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION keydesk_approval_needs_approver();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON approvals
  FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON approvals EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER enough_approvals BEFORE INSERT ON decisions
  FOR EACH ROW WHEN (NEW.verdict = 'approved') EXECUTE FUNCTION keydesk_decision_has_approvals();
"""


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("cancellation_id", sa.Text(), nullable=False),
        sa.Column("requester_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_approvals_amount_positive")),
        sa.CheckConstraint("approved_by <> requester_id", name=op.f("ck_approvals_not_the_requester")),
        sa.CheckConstraint("number > 0", name=op.f("ck_approvals_number_positive")),
        sa.ForeignKeyConstraint(["approved_by"], ["users.id"], name=op.f("fk_approvals_approved_by")),
        sa.ForeignKeyConstraint(
            ["cancellation_id", "requester_id"],
            ["cancellations.id", "cancellations.requester_id"],
            name=op.f("fk_approvals_cancellation_id_requester_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.UniqueConstraint(
            "cancellation_id", "approved_by", name=op.f("uq_approvals_cancellation_id_approved_by")
        ),
        sa.UniqueConstraint("cancellation_id", "number", name=op.f("uq_approvals_cancellation_id_number")),
    )
    op.execute(NEEDED)
