"""Corruptions of tickets, of what was said on them, and of who answered."""

from tests.storage.corruptions.shape import Corruption

_WAITING = "cancellation_id = :waiting_case"

TICKETS = (
    Corruption(
        "T1",
        "an inquiry about another partner's customer",
        "UPDATE tickets SET customer_id = :other_customer WHERE id = :asked_inquiry",
    ),
    Corruption(
        "T1",
        "a mail about an inquiry for another partner",
        "UPDATE outbox SET partner_id = :other_partner WHERE order_id = :opened_inquiry",
    ),
    Corruption(
        "T1",
        "an act on an inquiry among another partner's",
        "UPDATE audit SET partner_id = :other_partner WHERE stream = :asked_inquiry",
    ),
    Corruption(
        "T2",
        "an effect on nothing",
        "UPDATE effects SET order_id = 'ord_none' WHERE order_id = :asked_inquiry",
    ),
    Corruption(
        "T3",
        "answered by who opened it",
        "UPDATE tickets SET first_response_by = opened_by WHERE id = :asked_inquiry",
        ("tickets.ck_tickets_response_by_another",),
    ),
    Corruption(
        "T3",
        "answered by another partner",
        "UPDATE tickets SET first_response_by = 'usr_petra_admin' WHERE id = :asked_inquiry",
    ),
    Corruption(
        "T3",
        "answered by a helpdesk agent",
        "UPDATE tickets SET first_response_by = 'usr_hana_helpdesk' WHERE id = :asked_inquiry",
    ),
    Corruption(
        "T3",
        "answered before it was asked",
        "UPDATE tickets SET first_response_at = opened_at - interval '1 hour' WHERE id = :asked_inquiry",
        ("tickets.ck_tickets_response_after_open",),
    ),
    Corruption(
        "T4",
        "a note that stopped no clock",
        "UPDATE tickets SET first_response_at = NULL, first_response_by = NULL WHERE id = :told_inquiry",
    ),
    Corruption(
        "T4",
        "a decision that stopped no clock",
        "UPDATE tickets SET first_response_at = NULL, first_response_by = NULL"
        " WHERE cancellation_id = :declined_case",
    ),
    Corruption(
        "T4",
        "an approval that stopped no clock",
        "UPDATE tickets SET first_response_at = NULL, first_response_by = NULL"
        " WHERE cancellation_id = :agreeing_case",
    ),
    Corruption(
        "T5",
        "the work of a sales agent",
        f"UPDATE tickets SET assignee_id = 'usr_sam_sales' WHERE {_WAITING}",
    ),
    Corruption(
        "T5",
        "the work of who asked",
        "UPDATE tickets SET assignee_id = opened_by WHERE cancellation_id = :own_case",
    ),
    Corruption(
        "T6",
        "an inquiry closed unresolved",
        "UPDATE tickets SET closed_at = :now WHERE id = :asked_inquiry",
        ("tickets.ck_tickets_closed_in_its_time",),
    ),
    Corruption(
        "T6",
        "an inquiry left open after its time",
        "UPDATE tickets SET closes_at = :now - interval '1 hour' WHERE id = :resolved_inquiry",
        ("tickets.ck_tickets_closes_after_resolved",),
    ),
    Corruption(
        "T6",
        "a resolved inquiry that waits",
        "UPDATE tickets SET waiting_for_requester = true WHERE id = :resolved_inquiry",
    ),
    Corruption(
        "T7",
        "a note for a customer who is not concerned",
        "UPDATE tickets SET customer_id = NULL WHERE id = :told_inquiry",
    ),
    Corruption(
        "T8",
        "a ticket that is found under another title",
        f"UPDATE tickets SET title = 'Something else' WHERE {_WAITING}",
    ),
    Corruption(
        "T9",
        "an inquiry that nobody opened",
        "DELETE FROM effects WHERE key = :opened_inquiry || '/open_inquiry'",
    ),
    Corruption(
        "T9",
        "an inquiry that closed by itself",
        "DELETE FROM effects WHERE key = :shut_inquiry || '/close_inquiry'",
    ),
    Corruption(
        "T9",
        "an escalation that left no trace",
        "UPDATE tickets SET escalated_at = NULL WHERE id = :overdue_inquiry",
    ),
)
