"""Corruptions of the feed's order and of deliveries."""

from tests.storage.corruptions.shape import Corruption

_LAST = (
    "(SELECT id FROM outbox WHERE feed_position IS NOT NULL ORDER BY feed_position DESC LIMIT 1)"
)

DELIVERIES = (
    Corruption(
        "N10",
        "a hole in the feed",
        f"UPDATE outbox SET feed_position = feed_position + 1 WHERE id = {_LAST}",
    ),
    Corruption(
        "N10",
        "two events of an order the other way round",
        "UPDATE outbox SET subject_sequence = 3 - subject_sequence"
        " WHERE subject = :cancelled_order AND subject_sequence <= 2",
        ("outbox.uq_outbox_subject_subject_sequence",),
    ),
    Corruption(
        "N10",
        "an event numbered under another order",
        f"UPDATE outbox SET subject = 'ord_none', subject_sequence = 1 WHERE id = {_LAST}",
    ),
    Corruption(
        "N11",
        "an event that an endpoint never gets",
        f"DELETE FROM deliveries WHERE event_id = {_LAST}",
    ),
    Corruption(
        "N11",
        "events of one partner for another's endpoint",
        "UPDATE endpoints SET partner_id = :other_partner WHERE id = :endpoint",
    ),
    Corruption(
        "N11",
        "an event twice for one endpoint",
        "INSERT INTO deliveries OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(d,"
        f' \'{{"id": "dlv_twice", "number": -1}}\')).* FROM deliveries d WHERE event_id = {_LAST}',
        ("deliveries.uq_deliveries_endpoint_id_event_id",),
    ),
    Corruption("N12", "delivered without an attempt", "DELETE FROM delivery_attempts"),
    Corruption(
        "N12", "a refusal that counts as taken", "UPDATE delivery_attempts SET status_code = 500"
    ),
    Corruption("N12", "an attempt that nobody counted", "UPDATE deliveries SET attempts = 0"),
    Corruption(
        "N13",
        "the second event of an order before the first",
        "UPDATE deliveries SET status = 'pending', status_at = queued_at"
        " WHERE subject = :cancelled_order AND sequence = 1",
    ),
    Corruption(
        "N14",
        "an endpoint whose secrets all end",
        "UPDATE endpoint_secrets SET expires_at = :now WHERE endpoint_id = :endpoint",
    ),
    Corruption(
        "N15",
        "an endpoint stopped in silence",
        "UPDATE endpoints SET status = 'disabled', disabled_reason = 'gone', status_at = :now",
    ),
)
