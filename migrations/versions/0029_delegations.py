"""Approvers act for one another for a time: B for A is A's word, and nobody decides who acts for the requester."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

GUARDS = """
CREATE FUNCTION keydesk_acting_for(requester text, since timestamptz, until timestamptz) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE acting (person) AS (
    SELECT delegate_id FROM delegations
    WHERE approver_id = requester AND begins_at <= until AND least(ends_at, revoked_at) > greatest(begins_at, since)
    UNION
    SELECT d.delegate_id FROM acting a JOIN delegations d ON d.approver_id = a.person
    WHERE d.begins_at <= until AND least(d.ends_at, d.revoked_at) > greatest(d.begins_at, since)
  )
  SELECT person FROM acting
$$;

CREATE FUNCTION keydesk_is_approver(person text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM user_roles r JOIN users u ON u.id = r.user_id
                 WHERE u.id = person AND r.role = 'refund_approver' AND u.active AND u.customer_id IS NULL)
$$;

CREATE FUNCTION keydesk_last_use(delegation text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT max(used_at) FROM (
    SELECT d.decided_at AS used_at FROM decisions d JOIN delegations g ON g.id = delegation
    WHERE d.decided_by = g.delegate_id AND d.on_behalf_of = g.approver_id
      AND d.decided_at >= g.begins_at AND d.decided_at < g.ends_at
    UNION ALL
    SELECT a.approved_at FROM approvals a JOIN delegations g ON g.id = delegation
    WHERE a.approved_by = g.delegate_id AND a.on_behalf_of = g.approver_id
      AND a.approved_at >= g.begins_at AND a.approved_at < g.ends_at
  ) uses
$$;

CREATE FUNCTION keydesk_delegation_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Two at once would not see each other.
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.approver_id || '/' || NEW.delegate_id, 0));
  IF EXISTS (
    SELECT FROM delegations d WHERE d.approver_id = NEW.approver_id AND d.delegate_id = NEW.delegate_id
      AND d.revoked_at IS NULL AND d.begins_at < NEW.ends_at AND d.ends_at > NEW.begins_at
  ) THEN
    RAISE EXCEPTION '% acts for % in that time already', NEW.delegate_id, NEW.approver_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'delegations_one_at_a_time';
  END IF;
  IF NOT (keydesk_is_approver(NEW.approver_id) AND keydesk_is_approver(NEW.delegate_id)) OR (
    SELECT a.partner_id IS DISTINCT FROM b.partner_id FROM users a, users b
    WHERE a.id = NEW.approver_id AND b.id = NEW.delegate_id
  ) THEN
    RAISE EXCEPTION '% and % are no approvers of one side', NEW.approver_id, NEW.delegate_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'delegations_of_one_side';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_delegation_stays_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.revoked_at IS NOT NULL THEN
    RAISE EXCEPTION 'delegation % was revoked', OLD.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'delegations_stay_revoked';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_no_conflict() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  word jsonb := to_jsonb(NEW);
  actor text := coalesce(word ->> 'approved_by', word ->> 'decided_by');
  behalf text := word ->> 'on_behalf_of';
  at timestamptz := coalesce(word ->> 'approved_at', word ->> 'decided_at')::timestamptz;
  since timestamptz := (word ->> 'requested_at')::timestamptz;
BEGIN
  IF TG_TABLE_NAME <> 'replacements' THEN
    SELECT received_at INTO since FROM cancellations WHERE id = word ->> 'cancellation_id';
  END IF;
  IF behalf = word ->> 'requester_id' OR EXISTS (
    SELECT FROM keydesk_acting_for(word ->> 'requester_id', since, at) person WHERE person IN (actor, behalf)
  ) THEN
    RAISE EXCEPTION '% acts for the requester', actor
      USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_no_conflict';
  END IF;
  IF behalf IS NOT NULL AND (
    NOT keydesk_is_approver(behalf) OR NOT EXISTS (
      SELECT FROM delegations d WHERE d.approver_id = behalf AND d.delegate_id = actor
        AND d.begins_at <= at AND d.ends_at > at AND d.revoked_at IS NULL FOR SHARE)
  ) THEN
    RAISE EXCEPTION '% does not act for %', actor, behalf
      USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_delegated';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_persons_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('approvals:' || NEW.cancellation_id, 0));
  IF EXISTS (
    SELECT FROM approvals a WHERE a.cancellation_id = NEW.cancellation_id AND a.round = NEW.round
      AND a.approved_by <> NEW.approved_by
      AND array_remove(ARRAY[a.approved_by, a.on_behalf_of], NULL)
          && array_remove(ARRAY[NEW.approved_by, NEW.on_behalf_of], NULL)
  ) THEN
    RAISE EXCEPTION 'one person counts twice in %', NEW.cancellation_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'approvals_persons_once';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER fits BEFORE INSERT ON delegations FOR EACH ROW EXECUTE FUNCTION keydesk_delegation_fits();
CREATE TRIGGER stay_revoked BEFORE UPDATE ON delegations
  FOR EACH ROW EXECUTE FUNCTION keydesk_delegation_stays_revoked();
CREATE TRIGGER frozen BEFORE UPDATE ON delegations FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns(
  'revoked_by', 'revoked_at');
CREATE TRIGGER kept BEFORE DELETE ON delegations FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER not_emptied BEFORE TRUNCATE ON delegations EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER no_conflict BEFORE INSERT ON decisions
  FOR EACH ROW WHEN (NEW.verdict IN ('approved', 'declined') AND NOT NEW.automatic)
  EXECUTE FUNCTION keydesk_no_conflict();
CREATE TRIGGER no_conflict BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION keydesk_no_conflict();
CREATE TRIGGER no_conflict BEFORE UPDATE OF status ON replacements
  FOR EACH ROW WHEN (NEW.status IN ('approved', 'declined')) EXECUTE FUNCTION keydesk_no_conflict();
CREATE TRIGGER persons_once BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION keydesk_persons_once();
"""


def upgrade() -> None:
    op.create_table(
        "delegations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("approver_id", sa.Text(), nullable=False),
        sa.Column("delegate_id", sa.Text(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("approver_id <> delegate_id", name=op.f("ck_delegations_not_oneself")),
        sa.CheckConstraint("begins_at < ends_at", name=op.f("ck_delegations_begins_first")),
        sa.CheckConstraint("made_by <> delegate_id", name=op.f("ck_delegations_not_for_oneself")),
        sa.CheckConstraint(
            "(revoked_at IS NULL) = (revoked_by IS NULL)", name=op.f("ck_delegations_revoked_whole")
        ),
        *(
            sa.ForeignKeyConstraint([column], ["users.id"], name=op.f(f"fk_delegations_{column}"))
            for column in ("approver_id", "delegate_id", "made_by", "revoked_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
    )
    for column in ("approver_id", "delegate_id"):
        op.create_index(op.f(f"ix_delegations_{column}"), "delegations", [column])
    for table in ("decision_attempts", "decisions", "approvals"):
        op.add_column(table, sa.Column("on_behalf_of", sa.Text(), nullable=True))
    for table in ("decisions", "approvals"):
        op.create_foreign_key(op.f(f"fk_{table}_on_behalf_of"), table, "users", ["on_behalf_of"], ["id"])
    op.create_check_constraint(
        op.f("ck_decisions_behalf_of_approver"), "decisions",
        "on_behalf_of IS NULL OR (verdict IN ('approved', 'declined') AND NOT automatic AND on_behalf_of <> decided_by)",
    )
    op.create_check_constraint(
        op.f("ck_approvals_behalf_of_another"), "approvals", "on_behalf_of <> approved_by"
    )
    op.execute(GUARDS)
