"""What the database refuses: illegal moves, rewritten records, unbalanced entries, a live key beside a credit."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "audit", "effects", "key_events", "key_reveals", "ledger_entries", "ledger_postings", "decisions",
    "decision_attempts", "credits", "ticket_notes", "policies", "order_lines",
)
KEPT = ("orders", "software_items", "product_keys", "cancellations", "tickets", "download_links",
        "ledger_accounts", "inbox", "outbox")

MOVES = {
    "orders": ("status", "placed", (
        "placed>charged", "placed>refused", "charged>fulfilled", "charged>failed",
        "fulfilled>final", "fulfilled>cancelled",
    )),
    "software_items": ("status", "preparing", (
        "preparing>active", "preparing>cancelled", "active>suspended", "active>cancelled",
        "suspended>active", "suspended>cancelled",
    )),
    "product_keys": ("state", "available", (
        "available>allocated", "allocated>suspended", "allocated>revoked", "allocated>quarantined",
        "suspended>allocated", "suspended>revoked",
    )),
    "cancellations": ("status", "received", (
        "received>ineligible", "received>pending_approval", "received>withdrawn",
        "pending_approval>approved", "pending_approval>declined", "pending_approval>withdrawn",
        "pending_approval>expired", "approved>credited", "approved>compensated", "credited>completed",
    )),
}

MUTABLE = {
    "orders": ("status", "status_at"),
    "software_items": ("status", "status_at"),
    "cancellations": ("status", "status_at", "quote"),
    "tickets": ("waiting_for_requester", "needs_attention", "closed_at"),
    "download_links": ("uses", "revoked_at"),
    "ledger_accounts": ("balance_minor", "version"),
    "product_keys": (
        "state", "state_at", "state_by", "state_reason", "line_id", "order_id", "partner_id", "customer_id",
        "unit_number", "ciphertext", "wrapped_key", "ring_key_id",
    ),
}

FUNCTIONS = """
CREATE FUNCTION keydesk_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: its rows are records', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_append_only';
END $$;

CREATE FUNCTION keydesk_check_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  column_name text := TG_ARGV[0];
  first text := TG_ARGV[1];
  was text;
  becomes text := to_jsonb(NEW) ->> column_name;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF becomes <> first THEN
      RAISE EXCEPTION '% starts as %, not %', TG_TABLE_NAME, first, becomes
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_first_' || column_name;
    END IF;
    RETURN NEW;
  END IF;
  was := to_jsonb(OLD) ->> column_name;
  IF was <> becomes AND NOT ((was || '>' || becomes) = ANY (TG_ARGV[2:])) THEN
    RAISE EXCEPTION '% may not go from % to %', TG_TABLE_NAME, was, becomes
      USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_move';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_keep_columns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (to_jsonb(OLD) - TG_ARGV) IS DISTINCT FROM (to_jsonb(NEW) - TG_ARGV) THEN
    RAISE EXCEPTION 'only % of % may change', array_to_string(TG_ARGV, ', '), TG_TABLE_NAME
      USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_frozen';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_keep_holder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.line_id IS NOT NULL AND (OLD.line_id, OLD.unit_number) IS DISTINCT FROM (NEW.line_id, NEW.unit_number) THEN
    RAISE EXCEPTION 'a key stays with the line it was allocated to'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'product_keys_one_line';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_record_key_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.state = NEW.state THEN
    RETURN NULL;
  END IF;
  INSERT INTO key_events (key_id, number, state, happened_at, actor_id, reason)
  SELECT NEW.id, coalesce(max(number), 0) + 1, NEW.state, NEW.state_at, NEW.state_by, NEW.state_reason
  FROM key_events WHERE key_id = NEW.id;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_reveal_needs_live_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  found_state text;
BEGIN
  SELECT state INTO found_state FROM product_keys WHERE id = NEW.key_id FOR SHARE;
  IF found_state IS DISTINCT FROM 'allocated' THEN
    RAISE EXCEPTION 'a key that is % cannot be revealed', found_state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'key_reveals_live_key';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_post() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ledger_accounts SET balance_minor = balance_minor + NEW.amount_minor, version = version + 1
  WHERE id = NEW.account_id
  RETURNING version, balance_minor INTO NEW.account_version, NEW.balance_after_minor;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  total numeric;
  sides integer;
BEGIN
  SELECT coalesce(sum(amount_minor), 0), count(*) INTO total, sides
  FROM ledger_postings WHERE entry_id = NEW.id;
  IF total <> 0 OR sides < 2 THEN
    RAISE EXCEPTION 'entry % has % postings that sum to %', NEW.id, sides, total
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_balanced';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_posting_belongs_to_new_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  total numeric;
BEGIN
  SELECT coalesce(sum(amount_minor), 0) INTO total FROM ledger_postings WHERE entry_id = NEW.entry_id;
  IF total <> 0 THEN
    RAISE EXCEPTION 'entry % no longer balances: %', NEW.entry_id, total
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_balanced';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_decision_needs_approver() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  cap bigint;
BEGIN
  IF NEW.verdict IN ('approved', 'declined') AND NOT NEW.automatic AND NOT EXISTS (
    SELECT FROM user_roles r JOIN users u ON u.id = r.user_id
    WHERE r.user_id = NEW.decided_by AND r.role = 'refund_approver' AND u.active
  ) THEN
    RAISE EXCEPTION '% is no refund approver', NEW.decided_by
      USING ERRCODE = 'check_violation', CONSTRAINT = 'decisions_by_approver';
  END IF;
  SELECT requested_minor INTO cap FROM cancellations WHERE id = NEW.cancellation_id;
  IF NEW.amount_minor > cap THEN
    RAISE EXCEPTION 'approved % of % requested', NEW.amount_minor, cap
      USING ERRCODE = 'check_violation', CONSTRAINT = 'decisions_within_request';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_credit_needs_suspended_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM product_keys WHERE line_id = NEW.line_id FOR SHARE;
  IF EXISTS (SELECT FROM product_keys WHERE line_id = NEW.line_id AND state NOT IN ('suspended', 'revoked')) THEN
    RAISE EXCEPTION 'line % still has a working key', NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'credits_key_suspended';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_credited_key_stays_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = 'allocated' AND EXISTS (SELECT FROM credits WHERE line_id = NEW.line_id) THEN
    RAISE EXCEPTION 'line % is credited; its key cannot work again', NEW.line_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'product_keys_credited';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_completed_means_done() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM credits WHERE cancellation_id = NEW.id)
    OR EXISTS (SELECT FROM product_keys WHERE line_id = NEW.line_id AND state <> 'revoked')
    OR NOT EXISTS (SELECT FROM tickets WHERE cancellation_id = NEW.id AND closed_at IS NOT NULL)
  THEN
    RAISE EXCEPTION 'cancellation % is not done: credit, revoked key and closed ticket are needed', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cancellations_completed';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_seal_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  newest record;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('audit:' || NEW.stream, 0));
  SELECT number, hash INTO newest FROM audit WHERE stream = NEW.stream ORDER BY number DESC LIMIT 1;
  NEW.number := coalesce(newest.number, 0) + 1;
  NEW.previous_hash := coalesce(newest.hash, '\\x'::bytea);
  NEW.hash := keydesk_audit_hash(NEW);
  RETURN NEW;
END $$;
"""

AUDIT_HASH = """
CREATE FUNCTION keydesk_audit_hash(entry audit) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(entry.previous_hash || convert_to(jsonb_build_array(
    entry.stream, entry.number, extract(epoch FROM entry.happened_at)::text, entry.actor_id, entry.action,
    entry.subject_id, entry.partner_id, entry.details
  )::text, 'UTF8'))
$$;
"""

TRIGGERS = """
CREATE TRIGGER keep_holder BEFORE UPDATE ON product_keys FOR EACH ROW EXECUTE FUNCTION keydesk_keep_holder();
CREATE TRIGGER record_state AFTER INSERT OR UPDATE OF state ON product_keys
  FOR EACH ROW EXECUTE FUNCTION keydesk_record_key_state();
CREATE TRIGGER credited BEFORE UPDATE OF state ON product_keys
  FOR EACH ROW EXECUTE FUNCTION keydesk_credited_key_stays_down();
CREATE TRIGGER live_key BEFORE INSERT ON key_reveals FOR EACH ROW EXECUTE FUNCTION keydesk_reveal_needs_live_key();
CREATE TRIGGER post BEFORE INSERT ON ledger_postings FOR EACH ROW EXECUTE FUNCTION keydesk_post();
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION keydesk_entry_balances();
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_postings DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION keydesk_posting_belongs_to_new_entry();
CREATE TRIGGER approver BEFORE INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION keydesk_decision_needs_approver();
CREATE TRIGGER key_suspended BEFORE INSERT ON credits
  FOR EACH ROW EXECUTE FUNCTION keydesk_credit_needs_suspended_key();
CREATE CONSTRAINT TRIGGER done AFTER UPDATE OF status ON cancellations DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION keydesk_completed_means_done();
CREATE TRIGGER seal BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION keydesk_seal_audit();
"""


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def upgrade() -> None:
    op.execute(AUDIT_HASH)
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change()"
        )
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER kept BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change()"
        )
    for table in (*APPEND_ONLY, *KEPT):
        op.execute(
            f"CREATE TRIGGER not_emptied BEFORE TRUNCATE ON {table} EXECUTE FUNCTION keydesk_refuse_change()"
        )
    for table, columns in MUTABLE.items():
        op.execute(
            f"CREATE TRIGGER frozen BEFORE UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns({_quoted(columns)})"
        )
    for table, (column, first, moves) in MOVES.items():
        op.execute(
            f"CREATE TRIGGER move BEFORE INSERT OR UPDATE OF {column} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION keydesk_check_move({_quoted((column, first, *moves))})"
        )
