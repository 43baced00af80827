"""What the database refuses of events and their delivery."""

from tests.storage.guards.shape import Guard

DELIVERIES = (
    Guard(
        "two events of one subject with one number",
        "UPDATE outbox SET subject_sequence = 1 WHERE subject = :cancelled_order AND subject_sequence = 2",
        "uq_outbox_subject_subject_sequence",
    ),
    Guard(
        "a place in the feed without a number",
        "UPDATE outbox SET subject_sequence = NULL WHERE subject = :cancelled_order",
        "ck_outbox_placed_whole",
    ),
    Guard(
        "a message about an order of no customer",
        "UPDATE outbox SET customer_id = NULL WHERE order_id = :cancelled_order",
        "ck_outbox_of_an_order",
    ),
)
