"""Corruptions of a whole book, each with the code of the invariant that must find it.

They are planted with triggers and foreign keys asleep and the named constraints dropped: this is what a
restored dump, a disabled trigger or a hand at psql could leave. `:final_order` is the order of the
chapter "final" of tests/factories.py; `_line`, `_case` and `_software` are its other ids.
"""

from typing import NamedTuple

OTHERS = {
    "other_partner": "par_00000000000000000000000000000002",
    "other_customer": "cus_00000000000000000000000000000003",
}


class Corruption(NamedTuple):
    """What happened to the book; `drops` are constraints (`table.constraint`) or unique indexes."""

    code: str
    name: str
    sql: str
    drops: tuple[str, ...] = ()


def _moved(table: str, where: str) -> Corruption:
    """A row that changed hands."""
    return Corruption(
        "I15",
        f"{table} of another partner and customer",
        f"UPDATE {table} SET partner_id = :other_partner, customer_id = :other_customer WHERE {where}",
    )


_CHARGE = "(SELECT id FROM ledger_entries WHERE kind = 'charge' AND order_id = :final_order)"
_CREDIT_UNIQUE = (
    "credits.uq_credits_cancellation_id",
    "credits.uq_credits_line_id",
    "credits.uq_credits_entry_id",
    "credits.uq_credits_number",
)
_COPY_CREDIT = """
INSERT INTO credits OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(c, {changes})).* FROM credits c WHERE c.line_id = :cancelled_line
"""
_INBOX = """
INSERT INTO inbox (source, event_id, type, body_sha256, data, received_at, resource_id, status, attempts,
                   next_attempt_at, outcome)
VALUES ('partner-one-portal', '{id}', 'portal.order.placed.v1', ''::bytea, '{{}}', :now - interval '1 hour',
        {resource}, '{status}', 1, :now, {outcome})
"""


def _inbox(event_id: str, status: str, resource: str = "'ord_none'", outcome: str = "NULL") -> str:
    return _INBOX.format(id=event_id, status=status, resource=resource, outcome=outcome)


MONEY = (
    Corruption(
        "I1",
        "a posting one cent higher",
        f"UPDATE ledger_postings SET amount_minor = amount_minor + 1 WHERE amount_minor > 0 AND entry_id = {_CHARGE}",
    ),
    Corruption(
        "I1",
        "a posting lost",
        f"DELETE FROM ledger_postings WHERE amount_minor < 0 AND entry_id = {_CHARGE}",
    ),
    Corruption(
        "I1",
        "both postings zero",
        f"UPDATE ledger_postings SET amount_minor = 0 WHERE entry_id = {_CHARGE}",
        ("ledger_postings.ck_ledger_postings_not_zero",),
    ),
    Corruption(
        "I1",
        "an entry lost, its postings left",
        f"DELETE FROM ledger_entries WHERE id = {_CHARGE}",
    ),
    Corruption(
        "I2",
        "a cent appears in the book",
        "UPDATE ledger_postings SET amount_minor = amount_minor + 1"
        " WHERE (account_id, account_version) = (SELECT account_id, 1 FROM ledger_postings LIMIT 1)",
    ),
    Corruption(
        "I2",
        "charged, but not in the ledger",
        "UPDATE orders SET status = 'charged' WHERE id = :placed_order",
    ),
    Corruption(
        "I3",
        "a balance overwritten",
        f"UPDATE ledger_postings SET balance_after_minor = balance_after_minor + 7 WHERE entry_id = {_CHARGE}",
    ),
    Corruption("I3", "a version skipped", "UPDATE ledger_accounts SET version = version + 1"),
    Corruption(
        "I4",
        "a cancellation credited twice",
        _COPY_CREDIT.format(changes="""'{"id": "crd_twice", "number": 1, "entry_id": "ent_x"}'"""),
        _CREDIT_UNIQUE,
    ),
    Corruption(
        "I5",
        "a line credited under two cancellations",
        _COPY_CREDIT.format(
            changes="jsonb_build_object('id', 'crd_twice', 'number', 1, 'cancellation_id', :waiting_case ::text)"
        ),
        _CREDIT_UNIQUE,
    ),
    Corruption(
        "I5",
        "a second credit entry of a line",
        'INSERT INTO ledger_entries SELECT (jsonb_populate_record(e, \'{"id": "ent_twice",'
        ' "business_key": "again"}\')).* FROM ledger_entries e'
        " WHERE e.kind = 'credit' AND e.line_id = :cancelled_line",
    ),
    Corruption(
        "I6",
        "more credited than charged",
        "UPDATE credits SET amount_minor = line_total_minor + 1 WHERE line_id = :cancelled_line",
        ("credits.ck_credits_within_charge",),
    ),
    Corruption(
        "I6",
        "credited, but never charged",
        "DELETE FROM ledger_entries WHERE kind = 'charge' AND order_id = :cancelled_order",
    ),
    Corruption(
        "I6",
        "credited in another currency",
        "UPDATE credits SET currency = 'USD' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "I7", "an approval lost", "DELETE FROM decisions WHERE cancellation_id = :cancelled_case"
    ),
    Corruption(
        "I7",
        "declined, but credited",
        "UPDATE decisions SET verdict = 'declined', amount_minor = NULL WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I7",
        "approved for less",
        "UPDATE decisions SET amount_minor = amount_minor - 1 WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I7",
        "decided after it was credited",
        "UPDATE decisions SET decided_at = decided_at + interval '1 day' WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I7",
        "requested a second late",
        "UPDATE cancellations SET received_at = window_closes_at + interval '1 second' WHERE id = :cancelled_case",
        ("cancellations.ck_cancellations_in_window",),
    ),
    Corruption(
        "K1",
        "charged twice the total",
        f"UPDATE ledger_postings SET amount_minor = amount_minor * 2 WHERE entry_id = {_CHARGE}",
    ),
    Corruption(
        "K1",
        "a credit entry without its credit",
        "DELETE FROM credits WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "K2",
        "a second charge",
        'INSERT INTO ledger_entries SELECT (jsonb_populate_record(e, \'{"id": "ent_twice",'
        f' "business_key": "again"}}\')).* FROM ledger_entries e WHERE e.id = {_CHARGE}',
    ),
    Corruption(
        "K2",
        "a reversal of another order's charge",
        f"UPDATE ledger_entries SET reverses_id = {_CHARGE} WHERE kind = 'reversal'",
    ),
)

ORDERS = (
    Corruption(
        "I14",
        "delivered without its key",
        "UPDATE product_keys SET state = 'available', line_id = NULL,"
        " order_id = NULL, partner_id = NULL, customer_id = NULL, unit_number = NULL"
        " WHERE line_id = :final_line",
    ),
    Corruption(
        "I14",
        "charged for hours without keys or an alarm",
        "UPDATE orders SET status = 'charged', status_at = :now - interval '2 hours' WHERE id = :placed_order",
    ),
    Corruption(
        "K5",
        "a total that is not the lines' sum",
        "UPDATE orders SET total_minor = total_minor + 1 WHERE id = :final_order",
    ),
    Corruption(
        "K5", "an order without lines", "DELETE FROM order_lines WHERE order_id = :placed_order"
    ),
    Corruption(
        "K5",
        "a line's total that is not its price",
        "UPDATE order_lines SET total_minor = total_minor + 1 WHERE id = :final_line",
        ("order_lines.ck_order_lines_total",),
    ),
    Corruption(
        "K6",
        "a frozen policy rewritten on the line",
        "UPDATE order_lines SET policy = jsonb_set(policy, '{refund_tiers,0,type}', '\"partial\"')"
        " WHERE id = :final_line",
    ),
    Corruption(
        "K6", "a policy rewritten after it was frozen", "UPDATE policies SET sha256 = 'other'"
    ),
    Corruption(
        "K6",
        "a window a day too long",
        "UPDATE order_lines SET window_closes_at = window_closes_at + interval '1 day' WHERE id = :final_line",
    ),
    Corruption(
        "K7",
        "cancelled with a line that is not",
        "UPDATE orders SET status = 'cancelled' WHERE id = :final_order",
    ),
    Corruption(
        "K7",
        "closed with an open case",
        "UPDATE orders SET status = 'failed' WHERE id = :waiting_order",
    ),
)

KEYS = (
    Corruption(
        "I9",
        "a working key beside a credit",
        "UPDATE product_keys SET state = 'allocated' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "I10",
        "revoked without a credit",
        "UPDATE product_keys SET state = 'revoked' WHERE line_id = :final_line",
    ),
    Corruption(
        "I11",
        "one key in two rows",
        "UPDATE product_keys SET fingerprint = (SELECT fingerprint FROM product_keys"
        " WHERE line_id = :final_line) WHERE line_id = :waiting_line",
        ("product_keys.uq_product_keys_fingerprint",),
    ),
    Corruption(
        "I11",
        "one unit with two keys",
        "UPDATE product_keys SET unit_number = 1 WHERE line_id = :cancelled_line",
        ("product_keys.uq_product_keys_line_id_unit_number",),
    ),
    Corruption(
        "I11",
        "a key of another product",
        "UPDATE product_keys SET sku = 'DG7GMGF0D7FX:0002' WHERE line_id = :final_line",
    ),
    Corruption(
        "I11",
        "revealed for another line",
        "UPDATE key_reveals SET line_id = :waiting_line WHERE line_id = :final_line",
    ),
    Corruption(
        "I11",
        "allocated twice",
        "INSERT INTO key_events SELECT k.id, 2 + n, s, k.state_at, k.state_by, 'again' FROM product_keys k,"
        " (VALUES (1, 'available'), (2, 'allocated')) m (n, s) WHERE k.line_id = :final_line",
    ),
    Corruption(
        "I12",
        "a state without its event",
        "UPDATE product_keys SET state = 'quarantined' WHERE line_id = :final_line",
    ),
    Corruption(
        "I12",
        "an event lost",
        "DELETE FROM key_events WHERE number = 1 AND key_id IN (SELECT id FROM product_keys"
        " WHERE line_id = :cancelled_line)",
    ),
    Corruption(
        "I13",
        "a revoked key back in the pool",
        "INSERT INTO key_events SELECT id, 5, 'available', state_at, state_by, 'returned' FROM product_keys"
        " WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "I22",
        "revealed to another partner",
        "UPDATE key_reveals SET user_id = 'usr_petra_admin' WHERE line_id = :final_line",
    ),
    Corruption(
        "I22",
        "revealed to another customer",
        "UPDATE key_reveals SET user_id = 'usr_gustav_global' WHERE line_id = :final_line",
    ),
    Corruption(
        "I22",
        "revealed to staff for no reason",
        "UPDATE key_reveals SET user_id = 'usr_olga_operator' WHERE line_id = :final_line",
    ),
    Corruption(
        "I22",
        "revealed after its revocation",
        "UPDATE key_reveals SET revealed_at = revealed_at + interval '1 day' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "K3",
        "active though cancelled",
        "UPDATE software_items SET status = 'active' WHERE id = :cancelled_software",
    ),
    Corruption(
        "K3",
        "suspended for nothing",
        "UPDATE software_items SET status = 'suspended', status_at = :now - interval '1 hour'"
        " WHERE id = :final_software",
    ),
    Corruption(
        "K3", "a line without its item", "DELETE FROM software_items WHERE id = :final_software"
    ),
    Corruption(
        "K4",
        "a link that outlived its key",
        "UPDATE download_links SET revoked_at = NULL WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "K4",
        "a link used too often",
        "UPDATE download_links SET uses = max_uses + 1",
        ("download_links.ck_download_links_uses",),
    ),
    Corruption(
        "K4",
        "a link to another product",
        "UPDATE download_links SET file_id = (SELECT id FROM product_files"
        " WHERE sku = 'DG7GMGF0D7FX:0002' LIMIT 1)",
    ),
)

CASES = (
    Corruption(
        "I8",
        "completed with an open ticket",
        "UPDATE tickets SET closed_at = NULL WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I8",
        "completed without a credit",
        "UPDATE cancellations SET status = 'completed' WHERE id = :approved_case",
    ),
    Corruption(
        "I8",
        "completed with a suspended key",
        "UPDATE product_keys SET state = 'suspended' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "I8",
        "done but for its status",
        "UPDATE cancellations SET status = 'credited' WHERE id = :cancelled_case",
    ),
    Corruption(
        "I16",
        "two verdicts",
        'INSERT INTO decisions SELECT (jsonb_populate_record(d, \'{"id": "dec_twice"}\')).*'
        " FROM decisions d WHERE d.cancellation_id = :declined_case",
        ("decisions.uq_decisions_cancellation_id",),
    ),
    Corruption(
        "I16",
        "decided by the requester",
        "UPDATE decisions SET decided_by = requester_id WHERE cancellation_id = :cancelled_case",
        ("decisions.ck_decisions_not_the_requester",),
    ),
    Corruption(
        "I16",
        "decided by a sales agent",
        "UPDATE decisions SET decided_by = 'usr_sam_sales' WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I16",
        "decided by another partner",
        "UPDATE decisions SET decided_by = 'usr_petra_admin' WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I16",
        "decided by a policy that asks a human",
        "UPDATE decisions SET decided_by = 'usr_policy', automatic = true"
        " WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I16",
        "approved above the request",
        "UPDATE decisions SET amount_minor = amount_minor + 1 WHERE cancellation_id = :approved_case",
    ),
    Corruption(
        "I23",
        "two open cancellations of a line",
        'INSERT INTO cancellations SELECT (jsonb_populate_record(c, \'{"id": "can_twice",'
        ' "request_number": 2, "workflow_id": "second"}\')).* FROM cancellations c WHERE c.id = :waiting_case',
        ("uq_cancellations_one_open",),
    ),
    Corruption(
        "K8",
        "approved by nobody",
        "UPDATE cancellations SET status = 'approved' WHERE id = :waiting_case",
    ),
    Corruption(
        "K8",
        "credited by its status only",
        "UPDATE cancellations SET status = 'credited' WHERE id = :approved_case",
    ),
    Corruption(
        "K8",
        "decided on without a quote",
        "UPDATE cancellations SET quote = NULL WHERE id = :declined_case",
    ),
    Corruption(
        "K9",
        "a case without its ticket",
        "DELETE FROM tickets WHERE cancellation_id = :waiting_case",
    ),
    Corruption(
        "K9",
        "a ticket closed before its case",
        "UPDATE tickets SET closed_at = opened_at WHERE cancellation_id = :waiting_case",
    ),
    Corruption(
        "K9",
        "a ticket open after its case",
        "UPDATE tickets SET closed_at = NULL WHERE cancellation_id = :declined_case",
    ),
    Corruption(
        "K9",
        "an incident of a failed order",
        "UPDATE tickets SET closed_at = NULL WHERE order_id = :failed_order",
    ),
    Corruption(
        "K10",
        "a request number skipped",
        "UPDATE cancellations SET request_number = 3 WHERE id = :waiting_case",
    ),
    Corruption(
        "K10",
        "another case's workflow",
        "UPDATE cancellations SET workflow_id = 'cancellation:other' WHERE id = :waiting_case",
    ),
)

TENANTS = (
    _moved("order_lines", "id = :final_line"),
    _moved("software_items", "id = :final_software"),
    _moved("product_keys", "line_id = :final_line"),
    _moved("key_reveals", "line_id = :final_line"),
    _moved("download_links", "line_id = :cancelled_line"),
    _moved("cancellations", "id = :waiting_case"),
    _moved("credits", "line_id = :cancelled_line"),
    _moved("tickets", "cancellation_id = :waiting_case"),
    _moved("outbox", "order_id = :final_order"),
    Corruption(
        "I15",
        "an entry of another partner",
        "UPDATE ledger_entries SET partner_id = :other_partner WHERE order_id = :final_order",
    ),
    Corruption(
        "I15",
        "a posting of another partner",
        f"UPDATE ledger_postings SET partner_id = :other_partner WHERE entry_id = {_CHARGE}",
    ),
    Corruption(
        "I15",
        "an account of another partner",
        "UPDATE ledger_accounts SET partner_id = :other_partner",
    ),
    Corruption(
        "I15",
        "a line of another order",
        "UPDATE cancellations SET line_id = :final_line WHERE id = :waiting_case",
    ),
    Corruption(
        "I15",
        "a customer moved to another partner",
        "UPDATE customers SET partner_id = :other_partner",
    ),
)

RECORDS = (
    Corruption("I17", "an event nobody took up", _inbox("e1", "received")),
    Corruption("I17", "an event given up on", _inbox("e1", "parked")),
    Corruption("I17", "an event done without an order", _inbox("e1", "done")),
    Corruption(
        "I17",
        "an event rejected without a reason",
        _inbox("e1", "rejected"),
        ("inbox.ck_inbox_reason",),
    ),
    Corruption(
        "I18",
        "two events own one order",
        "; ".join(_inbox(e, "done", ":final_order") for e in ("e1", "e2")),
        ("inbox.uq_inbox_resource_id",),
    ),
    Corruption(
        "I18",
        "one event id with two bodies",
        _inbox("e1", "done", ":final_order")
        + "; "
        + _inbox("e1", "done", ":waiting_order").replace("''::bytea", "'x'::bytea"),
        ("inbox.pk_inbox",),
    ),
    Corruption(
        "I18",
        "two cases own one workflow",
        "UPDATE cancellations SET workflow_id = 'one'",
        ("cancellations.uq_cancellations_workflow_id",),
    ),
    Corruption(
        "I19", "an end nobody heard of", "DELETE FROM outbox WHERE kind = 'cancellation_declined'"
    ),
    Corruption(
        "I19",
        "a credit missing from the feed",
        "DELETE FROM outbox WHERE kind = 'keydesk.credit.booked.v1'",
    ),
    Corruption(
        "I19",
        "an end told twice",
        "INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(o, jsonb_build_object("
        "'id', 'ntc_twice', 'sequence', -1, 'dedupe_key', o.dedupe_key || '/again'))).*"
        " FROM outbox o WHERE o.kind = 'cancellation_completed'",
    ),
    Corruption(
        "I20",
        "a mail that is due and left lying",
        "UPDATE outbox SET next_attempt_at = :now - interval '2 hours' WHERE kind = 'cancellation_completed'",
    ),
    Corruption(
        "I20",
        "a mail past its last try",
        "UPDATE outbox SET created_at = :now - interval '5 days' WHERE kind = 'cancellation_completed'",
    ),
    Corruption(
        "I21",
        "an audit row rewritten",
        "UPDATE audit SET details = '{\"amount\": \"1.00 EUR\"}' WHERE action = 'credit.booked'",
    ),
    Corruption(
        "I21",
        "an audit row rewritten and sealed again",
        "UPDATE audit SET actor_id = 'usr_carol_approver' WHERE action = 'cancellation.approved';"
        " UPDATE audit a SET hash = keydesk_audit_hash(a.*) WHERE action = 'cancellation.approved'",
    ),
    Corruption("I21", "an audit row taken out of the chain", "DELETE FROM audit WHERE number = 2"),
    Corruption(
        "I21",
        "the end of a chain cut off",
        "DELETE FROM audit WHERE stream = :credited_order AND number >= (SELECT number FROM audit"
        " WHERE stream = :credited_order AND action = 'credit.booked')",
    ),
    Corruption(
        "I21",
        "an act by nobody",
        "INSERT INTO audit (stream, number, happened_at, actor_id, action, subject_id, details, previous_hash,"
        " hash) VALUES ('loose', 1, :now, 'usr_ghost', 'key.revealed', 'x', '{}', '', '');"
        " UPDATE audit a SET hash = keydesk_audit_hash(a.*) WHERE stream = 'loose'",
    ),
    Corruption(
        "K11",
        "an effect forgotten",
        "DELETE FROM effects WHERE key = :cancelled_case || '/book_credit'",
    ),
    Corruption(
        "K11",
        "an effect that never happened",
        "INSERT INTO effects (key, order_id, happened_at, actor_id, sentence)"
        " VALUES (:waiting_case || '/revoke_key', :waiting_order, :now, 'usr_system', 'The key was revoked.')",
    ),
    Corruption(
        "K12",
        "one message written twice",
        "INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(o,"
        ' \'{"id": "ntc_twice", "sequence": -1}\')).* FROM outbox o'
        " WHERE o.kind = 'cancellation_completed'",
        ("outbox.uq_outbox_dedupe_key",),
    ),
    Corruption(
        "K12", "a message out of nowhere", "DELETE FROM effects WHERE key LIKE '%/open_downloads'"
    ),
    Corruption(
        "K12",
        "sent at no time",
        "UPDATE outbox SET status = 'sent' WHERE kind = 'cancellation_completed'",
    ),
)

CORRUPTIONS = (*MONEY, *ORDERS, *KEYS, *CASES, *TENANTS, *RECORDS)
