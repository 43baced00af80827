"""What the database refuses of mails: to come back unsent, to be sent after all where nobody wants them."""

from tests.storage.guards.shape import Guard

_MAIL = "kind = 'order_final' AND order_id = :final_order"

NOTICES = (
    Guard(
        "a mail that comes back before it was sent",
        f"UPDATE outbox SET status = 'bounced', bounced_at = :now WHERE {_MAIL}",
        "outbox_move",
    ),
    Guard(
        "a mail that came back at no time",
        f"UPDATE outbox SET status = 'sent', sent_at = :now WHERE {_MAIL}; "
        f"UPDATE outbox SET status = 'bounced' WHERE {_MAIL}",
        "ck_outbox_bounced",
    ),
    Guard(
        "a skipped mail that goes out after all",
        f"UPDATE outbox SET status = 'skipped' WHERE {_MAIL}; "
        f"UPDATE outbox SET status = 'pending' WHERE {_MAIL}",
        "outbox_move",
    ),
    Guard(
        "a sent mail that was given up",
        f"UPDATE outbox SET status = 'sent', sent_at = :now WHERE {_MAIL}; "
        f"UPDATE outbox SET status = 'failed' WHERE {_MAIL}",
        "outbox_move",
    ),
)
