"""What the database refuses of statements: an entry twice, wrong sums, skipped numbers; reversals that mirror nothing."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

APPEND_ONLY = ("statements", "credit_notes", "statement_entries", "renditions")

FUNCTIONS = """
CREATE FUNCTION keydesk_paper(content bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN convert_from(content, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception THEN
  RETURN '{}'::jsonb;
END $$;

CREATE FUNCTION keydesk_reversal_mirrors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM ledger_entries c WHERE c.id = NEW.reverses_id AND c.kind = 'charge' AND c.order_id = NEW.order_id
  ) OR EXISTS (
    SELECT FROM (SELECT account_id, amount_minor FROM ledger_postings WHERE entry_id = NEW.reverses_id) c
    FULL JOIN (SELECT account_id, amount_minor FROM ledger_postings WHERE entry_id = NEW.id) r USING (account_id)
    WHERE c.amount_minor IS DISTINCT FROM -r.amount_minor
  ) THEN
    RAISE EXCEPTION 'entry % does not mirror the charge %', NEW.id, NEW.reverses_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_mirrored';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_settlement_has_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM statements WHERE settlement_id = NEW.id) THEN
    RAISE EXCEPTION 'entry % settles no statement', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_settled';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_next_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.last <> (CASE TG_OP WHEN 'INSERT' THEN 1 ELSE OLD.last + 1 END) THEN
    RAISE EXCEPTION 'after % of % % comes no %', OLD.last, NEW.series, NEW.year, NEW.last
      USING ERRCODE = 'check_violation', CONSTRAINT = 'number_series_by_one';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_number_is_used() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT (CASE NEW.series
    WHEN 'statement' THEN EXISTS (SELECT FROM statements WHERE (year, number) = (NEW.year, NEW.last))
    ELSE EXISTS (SELECT FROM credit_notes WHERE (year, number) = (NEW.year, NEW.last))
  END) THEN
    RAISE EXCEPTION 'number % of % % is on no paper', NEW.last, NEW.series, NEW.year
      USING ERRCODE = 'check_violation', CONSTRAINT = 'number_series_without_gap';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_number_was_given() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM number_series WHERE (series, year) = (TG_ARGV[0], NEW.year) AND NEW.number <= last
  ) OR NEW.year <> extract(year FROM NEW.issued_at AT TIME ZONE 'UTC') THEN
    RAISE EXCEPTION 'nobody gave number % of %', NEW.number, NEW.year
      USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_number_given';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_statement_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM statements WHERE id = NEW.statement_id) THEN
    RAISE EXCEPTION 'statement % is closed', NEW.statement_id
      USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_before_statement';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_seal_statement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  own numeric;
  noted numeric;
BEGIN
  IF EXISTS (
    SELECT FROM statements s WHERE (s.partner_id, s.currency) = (NEW.partner_id, NEW.currency)
    AND s.id <> NEW.id AND s.closes_at > NEW.opens_at
  ) THEN
    RAISE EXCEPTION 'a statement beyond % is closed already', NEW.opens_at
      USING ERRCODE = 'check_violation', CONSTRAINT = 'statements_in_order';
  END IF;
  SELECT coalesce(sum(amount_minor) FILTER (WHERE credit_note_id IS NULL), 0),
         coalesce(-sum(amount_minor) FILTER (WHERE credit_note_id IS NOT NULL), 0)
  INTO own, noted FROM statement_entries WHERE statement_id = NEW.id;
  IF (own, noted) <> (NEW.total_minor, NEW.credited_minor) OR EXISTS (
    SELECT FROM credit_notes n WHERE n.statement_id = NEW.id AND n.total_minor IS DISTINCT FROM
      (SELECT -sum(amount_minor) FROM statement_entries WHERE credit_note_id = n.id)
  ) OR NEW.due_minor <> coalesce((
    SELECT sum(p.amount_minor) FROM ledger_entries e
    JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id
    WHERE e.id = NEW.settlement_id AND e.kind = 'settlement' AND a.kind = 'billed'
  ), 0) OR NEW.due_minor <> -coalesce((
    SELECT sum(p.amount_minor) FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
    WHERE p.entry_id = NEW.settlement_id AND a.kind = 'receivable'
  ), 0) THEN
    RAISE EXCEPTION 'statement % does not add up', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'statements_add_up';
  END IF;
  IF EXISTS (
    SELECT FROM statement_entries c JOIN ledger_entries e ON e.id = c.entry_id
    LEFT JOIN credit_notes n ON n.id = c.credit_note_id
    LEFT JOIN ledger_entries o ON o.order_id = e.order_id AND o.kind = 'charge'
    LEFT JOIN statement_entries b ON b.entry_id = o.id
    LEFT JOIN LATERAL (
      SELECT p.amount_minor FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id
      WHERE p.entry_id = e.id AND a.kind = 'receivable'
    ) r ON true
    WHERE c.statement_id = NEW.id AND (
      e.kind = 'settlement' OR e.booked_at >= NEW.closes_at OR r.amount_minor IS DISTINCT FROM c.amount_minor
      OR b.statement_id IS DISTINCT FROM coalesce(n.original_id, NEW.id)
    )
  ) THEN
    RAISE EXCEPTION 'statement % claims what is not its own', NEW.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'statements_own_entries';
  END IF;
  RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE CONSTRAINT TRIGGER mirrored AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.kind = 'reversal') EXECUTE FUNCTION keydesk_reversal_mirrors();
CREATE CONSTRAINT TRIGGER settled AFTER INSERT ON ledger_entries DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.kind = 'settlement') EXECUTE FUNCTION keydesk_settlement_has_statement();
CREATE TRIGGER moves_by_one BEFORE INSERT OR UPDATE ON number_series
  FOR EACH ROW EXECUTE FUNCTION keydesk_next_number();
CREATE CONSTRAINT TRIGGER without_gap AFTER INSERT OR UPDATE ON number_series DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION keydesk_number_is_used();
CREATE TRIGGER given BEFORE INSERT ON statements
  FOR EACH ROW EXECUTE FUNCTION keydesk_number_was_given('statement');
CREATE TRIGGER given BEFORE INSERT ON credit_notes
  FOR EACH ROW EXECUTE FUNCTION keydesk_number_was_given('credit_note');
CREATE TRIGGER before_statement BEFORE INSERT ON credit_notes
  FOR EACH ROW EXECUTE FUNCTION keydesk_statement_is_open();
CREATE TRIGGER before_statement BEFORE INSERT ON statement_entries
  FOR EACH ROW EXECUTE FUNCTION keydesk_statement_is_open();
CREATE TRIGGER seal AFTER INSERT ON statements FOR EACH ROW EXECUTE FUNCTION keydesk_seal_statement();
CREATE TRIGGER kept BEFORE DELETE ON number_series FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change();
CREATE TRIGGER frozen BEFORE UPDATE ON number_series
  FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns('last');
"""


def upgrade() -> None:
    op.execute(FUNCTIONS)
    op.execute(TRIGGERS)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION keydesk_refuse_change()"
        )
    for table in (*APPEND_ONLY, "number_series"):
        op.execute(
            f"CREATE TRIGGER not_emptied BEFORE TRUNCATE ON {table} EXECUTE FUNCTION keydesk_refuse_change()"
        )
