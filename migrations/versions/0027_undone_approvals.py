"""An approval can be taken back in its time; only then may its case have another verdict, in the next round."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION keydesk_undo_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  found_status text;
BEGIN
  SELECT status INTO found_status FROM cancellations WHERE id = NEW.cancellation_id FOR UPDATE;
  IF found_status <> 'approved' OR EXISTS (
    SELECT FROM effects WHERE key = NEW.cancellation_id || '/suspend_key'
  ) THEN
    RAISE EXCEPTION 'cancellation % is % and under way', NEW.cancellation_id, found_status
      USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_undos_before_effects';
  END IF;
  IF NOT EXISTS (SELECT FROM decisions WHERE id = NEW.decision_id AND decided_by = NEW.undone_by)
    AND NOT EXISTS (SELECT FROM approvals WHERE cancellation_id = NEW.cancellation_id AND round = NEW.round
                    AND approved_by = NEW.undone_by) THEN
    RAISE EXCEPTION '% did not approve cancellation %', NEW.undone_by, NEW.cancellation_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_undos_by_approver';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_credit_of_standing_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The same row that an undo locks: of the two, the second sees the first.
  PERFORM FROM cancellations WHERE id = NEW.cancellation_id FOR UPDATE;
  IF EXISTS (SELECT FROM decision_undos WHERE decision_id = NEW.decision_id) OR EXISTS (
    SELECT FROM decisions WHERE id = NEW.decision_id AND undo_until > NEW.booked_at
  ) THEN
    RAISE EXCEPTION 'decision % was taken back, or still can be', NEW.decision_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'credits_of_standing_decision';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION keydesk_decision_has_approvals() RETURNS trigger LANGUAGE plpgsql AS $$
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
  FROM approvals WHERE cancellation_id = NEW.cancellation_id AND round = NEW.round;
  IF given < needed OR NEW.amount_minor > least_granted OR NOT EXISTS (
    SELECT FROM approvals
    WHERE cancellation_id = NEW.cancellation_id AND round = NEW.round AND approved_by = NEW.decided_by
  ) THEN
    RAISE EXCEPTION '% of % approvals, the least of %, for a decision of %',
      given, needed, least_granted, NEW.amount_minor
      USING ERRCODE = 'check_violation', CONSTRAINT = 'decisions_enough_approvals';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER in_time BEFORE INSERT ON decision_undos FOR EACH ROW EXECUTE FUNCTION keydesk_undo_in_time();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON decision_undos
  FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON decision_undos EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER standing BEFORE INSERT ON credits
  FOR EACH ROW EXECUTE FUNCTION keydesk_credit_of_standing_decision();
DROP TRIGGER move ON cancellations;
CREATE TRIGGER move BEFORE INSERT OR UPDATE OF status ON cancellations FOR EACH ROW EXECUTE FUNCTION keydesk_check_move(
  'status', 'received', 'received>ineligible', 'received>pending_approval', 'received>withdrawn',
  'pending_approval>approved', 'pending_approval>declined', 'pending_approval>withdrawn',
  'pending_approval>expired', 'approved>pending_approval', 'approved>credited', 'approved>compensated',
  'credited>completed');
"""


def _add_rounds(table: str) -> None:
    op.add_column(table, sa.Column("round", sa.Integer(), nullable=False, server_default="1"))
    op.add_column(table, sa.Column("previous_round", sa.Integer(), nullable=True))
    op.create_check_constraint(
        op.f(f"ck_{table}_round"), table, "previous_round IS NOT DISTINCT FROM nullif(round - 1, 0)"
    )


def _follow_undos(table: str) -> None:
    op.create_foreign_key(
        op.f(f"fk_{table}_cancellation_id_previous_round"), table, "decision_undos",
        ["cancellation_id", "previous_round"], ["cancellation_id", "round"],
    )


def upgrade() -> None:
    for table in ("decisions", "approvals"):
        _add_rounds(table)
    op.add_column("decisions", sa.Column("undo_until", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_decisions_undoable"), "decisions",
        "undo_until IS NULL OR (undo_until > decided_at AND verdict = 'approved' AND NOT automatic)",
    )
    op.drop_constraint("uq_decisions_cancellation_id", "decisions")
    op.create_unique_constraint(op.f("uq_decisions_cancellation_id_round"), "decisions", ["cancellation_id", "round"])
    undoable = ["id", "cancellation_id", "round", "verdict", "undo_until"]
    op.create_unique_constraint(
        op.f("uq_decisions_id_cancellation_id_round_verdict_undo_until"), "decisions", undoable
    )
    for column in ("approved_by", "number"):
        op.drop_constraint(f"uq_approvals_cancellation_id_{column}", "approvals")
        op.create_unique_constraint(
            op.f(f"uq_approvals_cancellation_id_round_{column}"), "approvals", ["cancellation_id", "round", column]
        )
    op.create_table(
        "decision_undos",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("cancellation_id", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("undo_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_by", sa.Text(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict = 'approved'", name=op.f("ck_decision_undos_approved")),
        sa.CheckConstraint("undone_at <= undo_until", name=op.f("ck_decision_undos_in_time")),
        sa.ForeignKeyConstraint(
            ["decision_id", *undoable[1:]],
            [f"decisions.{column}" for column in undoable],
            name=op.f("fk_decision_undos_decision_id_cancellation_id_round_ver_30a3"),
        ),
        sa.ForeignKeyConstraint(["undone_by"], ["users.id"], name=op.f("fk_decision_undos_undone_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_undos")),
        sa.UniqueConstraint("cancellation_id", "round", name=op.f("uq_decision_undos_cancellation_id_round")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_decision_undos_decision_id")),
    )
    for table in ("decisions", "approvals"):
        _follow_undos(table)
    op.execute(GUARDS)
