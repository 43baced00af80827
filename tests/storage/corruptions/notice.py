"""Corruptions of mails that came back or were skipped."""

from tests.storage.corruptions.shape import Corruption

_MAIL = "kind = 'cancellation_completed' AND order_id = :cancelled_order"

NOTICES = (
    Corruption(
        "N1",
        "a mail that came back at no time",
        f"UPDATE outbox SET status = 'bounced', sent_at = :now WHERE {_MAIL}",
        ("outbox.ck_outbox_bounced",),
    ),
    Corruption(
        "N1",
        "a mail that nobody saw coming back",
        f"UPDATE outbox SET status = 'bounced', sent_at = :now, bounced_at = :now WHERE {_MAIL}",
    ),
    Corruption(
        "N2", "a credit kept from its reader", f"UPDATE outbox SET status = 'skipped' WHERE {_MAIL}"
    ),
)
