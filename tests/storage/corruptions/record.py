"""Corruptions of events, messages, audit chain and effects."""

from tests.storage.corruptions.shape import Corruption

_INBOX = """
INSERT INTO inbox (source, event_id, type, body_sha256, data, received_at, resource_id, status, attempts,
                   next_attempt_at, outcome)
VALUES ('partner-one-portal', '{id}', 'portal.order.placed.v1', ''::bytea, '{{}}', :now - interval '1 hour',
        {resource}, '{status}', 1, :now, {outcome})
"""


def _inbox(event_id: str, status: str, resource: str = "'ord_none'", outcome: str = "NULL") -> str:
    return _INBOX.format(id=event_id, status=status, resource=resource, outcome=outcome)


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
        " FROM outbox o WHERE o.kind = 'cancellation_completed' AND o.order_id = :cancelled_order",
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
        " WHERE o.kind = 'cancellation_completed' AND o.order_id = :cancelled_order",
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
