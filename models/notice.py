"""Notices: messages to people, by kind and recipient; their text lives with the notifier."""

from enum import StrEnum


class NoticeKind(StrEnum):
    """Every message people can get; the value names its template."""

    ORDER_FULFILLED = "order_fulfilled"
    ORDER_FAILED = "order_failed"
    WINDOW_CLOSING = "window_closing"
    ORDER_FINAL = "order_final"
    STOCK_MISSING = "stock_missing"
    STOCK_LOW = "stock_low"
    APPROVAL_NEEDED = "approval_needed"
    APPROVAL_REMINDER = "approval_reminder"
    APPROVAL_ESCALATED = "approval_escalated"
    APPROVAL_UNDONE = "approval_undone"
    QUESTION_ASKED = "question_asked"
    QUESTION_ANSWERED = "question_answered"
    CANCELLATION_RECEIVED = "cancellation_received"
    CANCELLATION_INELIGIBLE = "cancellation_ineligible"
    CANCELLATION_DECLINED = "cancellation_declined"
    CANCELLATION_WITHDRAWN = "cancellation_withdrawn"
    CANCELLATION_EXPIRED = "cancellation_expired"
    CANCELLATION_COMPLETED = "cancellation_completed"
    CANCELLATION_COMPENSATED = "cancellation_compensated"
    REPLACEMENT_NEEDED = "replacement_needed"
    REPLACEMENT_REMINDER = "replacement_reminder"
    REPLACEMENT_COMPLETED = "replacement_completed"
    REPLACEMENT_ENDED = "replacement_ended"
    INQUIRY_OPENED = "inquiry_opened"
    INQUIRY_ASKED = "inquiry_asked"
    INQUIRY_ANSWERED = "inquiry_answered"
    INQUIRY_OVERDUE = "inquiry_overdue"
    INQUIRY_RESOLVED = "inquiry_resolved"
    TICKET_ASSIGNED = "ticket_assigned"
    NEEDS_ATTENTION = "needs_attention"
    ENDPOINT_DISABLED = "endpoint_disabled"


class OutboxStatus(StrEnum):
    """pending → sent, skipped by the reader's own choice, or failed after the last try; sent → bounced if it came back.

    What did not arrive is shown, and an operator may have it sent again.
    """

    PENDING = "pending"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"
    BOUNCED = "bounced"


class Channel(StrEnum):
    """How an outbox row leaves: a mail to one person, or an event on the feed."""

    MAIL = "mail"
    EVENT = "event"
