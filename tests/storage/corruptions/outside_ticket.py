"""Corruptions of outside tickets, their approvals, and what came from there."""

from tests.storage.corruptions.shape import Corruption

_WAITING = "(SELECT id FROM tickets WHERE cancellation_id = :waiting_case)"

OUTSIDE_TICKETS = (
    Corruption(
        "T20",
        "a desk that heard of another case",
        f"UPDATE outside_tickets SET told_effect = 1 WHERE ticket_id = {_WAITING}",
    ),
    Corruption(
        "T20",
        "closed there before it is closed here",
        f"UPDATE outside_tickets SET closed_at = :now WHERE ticket_id = {_WAITING}",
    ),
    Corruption(
        "T20",
        "an outside ticket of no cancellation",
        f"UPDATE tickets SET cancellation_id = NULL WHERE id = {_WAITING}",
        ("tickets.ck_tickets_case",),
    ),
    Corruption(
        "T21",
        "an act taken for another ticket",
        "UPDATE inbox SET data = data || '{\"ticket_id\": \"tkt_other\"}' WHERE source = 'request_tracker'",
    ),
    Corruption(
        "T21",
        "an act that is not in the inbox",
        "DELETE FROM inbox WHERE source = 'request_tracker'",
    ),
    Corruption(
        "T21",
        "an event that nobody did",
        "DELETE FROM outside_changes",
    ),
    Corruption(
        "T22",
        "a hole in the approvals",
        "UPDATE outside_approvals SET position = 3",
    ),
    Corruption(
        "T22",
        "two open approvals",
        "INSERT INTO outside_approvals SELECT desk, '72', ticket_id, 2, asked_at FROM outside_approvals",
        ("uq_outside_approvals_one_open",),
    ),
)
