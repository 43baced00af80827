"""The desk: inquiries beside cancellations, who answered first and by when, assignment, words to search by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COLUMNS = (
    ("opened_by", sa.Text(), "users.id"),
    ("first_response_at", sa.DateTime(timezone=True), None),
    ("first_response_by", sa.Text(), "users.id"),
    ("assignee_id", sa.Text(), "users.id"),
    ("escalated_at", sa.DateTime(timezone=True), None),
    ("resolved_at", sa.DateTime(timezone=True), None),
    ("closes_at", sa.DateTime(timezone=True), None),
    ("words", postgresql.TSVECTOR(), None),
)

CHECKS = {
    "kind_known": "kind IN ('cancellation', 'incident', 'inquiry')",
    "problem_type_known":
        "problem_type IN ('csp_purchase_and_refund_on_behalf_of_customers', 'product_key_stock', 'product_keys', "
        "'downloads', 'orders', 'billing', 'access', 'other')",
    "problem_of_kind":
        "CASE kind WHEN 'cancellation' THEN problem_type = 'csp_purchase_and_refund_on_behalf_of_customers'"
        " WHEN 'incident' THEN problem_type = 'product_key_stock' ELSE problem_type NOT IN"
        " ('csp_purchase_and_refund_on_behalf_of_customers', 'product_key_stock') END",
    "order_of_customer": "order_id IS NULL OR customer_id IS NOT NULL",
    "order": "kind = 'inquiry' OR order_id IS NOT NULL",
    "respond_after_open": "respond_by >= opened_at",
    "response_whole": "(first_response_at IS NULL) = (first_response_by IS NULL)",
    "response_after_open": "first_response_at >= opened_at",
    "response_by_another": "first_response_by <> opened_by",
    "resolved_whole": "(resolved_at IS NULL) = (closes_at IS NULL)",
    "closes_after_resolved": "closes_at >= resolved_at",
    "resolved_inquiry": "kind = 'inquiry' OR resolved_at IS NULL",
    "closed_in_its_time": "kind <> 'inquiry' OR closed_at IS NULL OR coalesce(closed_at >= closes_at, false)",
}

INDEXES = {
    "ix_tickets_open": (["opened_at", "id"], "closed_at IS NULL"),
    "ix_tickets_assignee": (
        ["assignee_id", "opened_at", "id"], "assignee_id IS NOT NULL AND closed_at IS NULL"
    ),
    "ix_tickets_due": (["respond_by", "id"], "first_response_at IS NULL AND closed_at IS NULL"),
    "ix_tickets_closing": (["closes_at"], "closes_at IS NOT NULL AND closed_at IS NULL"),
}

WORDS = """
-- Words as they are looked for: without case and accents, names of hosts cut at their dots.
CREATE FUNCTION keydesk_words(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT to_tsvector('simple', translate(
    regexp_replace(normalize(lower(said), NFKD), '[\u0300-\u036f]', '', 'g'), '.@-_/:', '      '))
$$;

CREATE FUNCTION keydesk_ticket_words(ticket tickets) RETURNS tsvector LANGUAGE sql STABLE AS $$
  SELECT keydesk_words(concat_ws(' ', ticket.number, ticket.title,
    (SELECT concat_ws(' ', name, domain) FROM customers WHERE id = ticket.customer_id),
    (SELECT number FROM orders WHERE id = ticket.order_id)))
$$;
"""

GUARDS = """
CREATE FUNCTION keydesk_fill_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.words := keydesk_ticket_words(NEW);
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_renamed_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tickets t SET words = keydesk_ticket_words(t) WHERE t.customer_id = NEW.id;
  RETURN NULL;
END $$;

CREATE FUNCTION keydesk_ticket_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.assignee_id IS NOT NULL AND (TG_OP = 'INSERT' OR OLD.assignee_id IS DISTINCT FROM NEW.assignee_id)
    AND NOT EXISTS (
      SELECT FROM users u JOIN user_roles r ON r.user_id = u.id
      WHERE u.id = NEW.assignee_id AND u.active AND u.customer_id IS NULL
        AND coalesce(u.partner_id, NEW.partner_id) = NEW.partner_id AND r.role IN ('refund_approver', 'operator'))
  THEN
    RAISE EXCEPTION '% does not handle this ticket', NEW.assignee_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'tickets_assignee_handles';
  END IF;
  IF TG_OP = 'INSERT' THEN
    RETURN NEW;
  END IF;
  IF OLD.first_response_at IS NOT NULL
    AND (OLD.first_response_at, OLD.first_response_by)
        IS DISTINCT FROM (NEW.first_response_at, NEW.first_response_by)
  THEN
    RAISE EXCEPTION 'ticket % was answered first already', NEW.number
      USING ERRCODE = 'check_violation', CONSTRAINT = 'tickets_first_response_once';
  END IF;
  IF OLD.closed_at IS NOT NULL AND OLD.closed_at IS DISTINCT FROM NEW.closed_at THEN
    RAISE EXCEPTION 'ticket % is closed for good', NEW.number
      USING ERRCODE = 'check_violation', CONSTRAINT = 'tickets_closed_for_good';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION keydesk_note_for_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM tickets WHERE id = NEW.ticket_id AND customer_id IS NULL) THEN
    RAISE EXCEPTION 'ticket % concerns no customer', NEW.ticket_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'ticket_notes_customer';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER fill_words BEFORE INSERT ON tickets FOR EACH ROW EXECUTE FUNCTION keydesk_fill_words();
CREATE TRIGGER renamed AFTER UPDATE OF name, domain ON customers
  FOR EACH ROW EXECUTE FUNCTION keydesk_renamed_customer();
CREATE TRIGGER people BEFORE INSERT OR UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION keydesk_ticket_people();
CREATE TRIGGER for_customer BEFORE INSERT ON ticket_notes
  FOR EACH ROW WHEN (NEW.audience = 'customer') EXECUTE FUNCTION keydesk_note_for_customer();
DROP TRIGGER frozen ON tickets;
CREATE TRIGGER frozen BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION keydesk_keep_columns(
  'waiting_for_requester', 'needs_attention', 'first_response_at', 'first_response_by', 'assignee_id', 'escalated_at',
  'resolved_at', 'closes_at', 'closed_at', 'words');
"""

# What stood before: the requester opened a cancellation's ticket, the house an incident; a person's decision was
# the first answer that the book knows of.
FILL = """
UPDATE tickets t SET
  opened_by = coalesce((SELECT requester_id FROM cancellations c WHERE c.id = t.cancellation_id), 'usr_system'),
  words = keydesk_ticket_words(t);
UPDATE tickets t SET first_response_at = greatest(d.decided_at, t.opened_at), first_response_by = d.decided_by
  FROM decisions d WHERE d.cancellation_id = t.cancellation_id AND d.verdict IN ('approved', 'declined')
    AND NOT d.automatic AND d.decided_by <> t.opened_by;
UPDATE tickets t SET escalated_at = e.happened_at
  FROM effects e WHERE e.key = t.cancellation_id || '/escalate_ticket';
"""


def upgrade() -> None:
    for name, kind, target in COLUMNS:
        op.add_column("tickets", sa.Column(name, kind, nullable=True))
        if target is not None:
            op.create_foreign_key(op.f(f"fk_tickets_{name}"), "tickets", target.split(".")[0], [name], ["id"])
    op.alter_column("tickets", "order_id", nullable=True)
    op.alter_column("tickets", "customer_id", nullable=True)
    op.execute(WORDS)
    op.execute("ALTER TABLE tickets DISABLE TRIGGER frozen")
    op.execute(FILL)
    op.execute("ALTER TABLE tickets ENABLE TRIGGER frozen")
    for name in ("opened_by", "words"):
        op.alter_column("tickets", name, nullable=False)
    for name in ("kind_known", "problem_type_known"):
        op.drop_constraint(op.f(f"ck_tickets_{name}"), "tickets")
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_tickets_{name}"), "tickets", condition)
    op.create_foreign_key(op.f("fk_tickets_partner_id"), "tickets", "partners", ["partner_id"], ["id"])
    op.create_foreign_key(
        op.f("fk_tickets_partner_id_customer_id"), "tickets", "customers",
        ["partner_id", "customer_id"], ["partner_id", "id"],
    )
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "tickets", columns, postgresql_where=sa.text(where))
    op.create_index("ix_tickets_words", "tickets", ["words"], postgresql_using="gin")
    op.drop_constraint(op.f("ck_ticket_notes_audience_known"), "ticket_notes")
    op.create_check_constraint(
        op.f("ck_ticket_notes_audience_known"), "ticket_notes", "audience IN ('internal', 'partner', 'customer')"
    )
    op.drop_constraint(op.f("ck_outbox_of_an_order"), "outbox")
    op.create_check_constraint(
        op.f("ck_outbox_of_an_order"), "outbox",
        "channel = 'mail' OR (order_id IS NULL) = (customer_id IS NULL)",
    )
    op.create_table(
        "calendars",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=True),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.CheckConstraint("id = coalesce(partner_id, 'default')", name=op.f("ck_calendars_owner")),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_calendars_partner_id")),
        sa.ForeignKeyConstraint(["set_by"], ["users.id"], name=op.f("fk_calendars_set_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendars")),
    )
    op.execute(GUARDS)
