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
)
