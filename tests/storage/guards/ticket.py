"""Tickets the database refuses: of nobody's order, answered by the wrong people, or closed before their time."""

from tests.storage.guards.shape import Guard, copied

_ELSEWHERE = {"customer_id": ":other_customer ::text"}
_WAITING = "cancellation_id = :waiting_case"


def changed(changes: str) -> str:
    """The ticket of a case that waits, changed."""
    return f"UPDATE tickets SET {changes} WHERE {_WAITING}"


def inquiry(**changes: str) -> str:
    """An inquiry about the order of a case that waits."""
    plain = {
        "id": "'tkt_new'",
        "number": "-1",
        "kind": "'inquiry'",
        "problem_type": "'other'",
        "cancellation_id": "NULL::text",
        "line_id": "NULL::text",
    }
    return copied("tickets", _WAITING, **plain | changes)


TICKETS = (
    Guard(
        "an inquiry about another partner's customer",
        inquiry(order_id="NULL::text", **_ELSEWHERE),
        "fk_tickets_partner_id_customer_id",
    ),
    Guard(
        "an inquiry of a stranger about an order",
        inquiry(partner_id=":other_partner ::text", **_ELSEWHERE),
        "fk_tickets_order_id_partner_id_customer_id",
    ),
    Guard(
        "an order without its customer",
        inquiry(customer_id="NULL::text"),
        "ck_tickets_order_of_customer",
    ),
    Guard(
        "an inquiry of no partner",
        inquiry(order_id="NULL::text", customer_id="NULL::text", partner_id="'par_none'"),
        "fk_tickets_partner_id",
    ),
    Guard(
        "an incident of no order",
        inquiry(kind="'incident'", problem_type="'product_key_stock'", order_id="NULL::text"),
        "ck_tickets_order",
    ),
    Guard(
        "an inquiry that poses as a cancellation",
        inquiry(problem_type="'csp_purchase_and_refund_on_behalf_of_customers'"),
        "ck_tickets_problem_of_kind",
    ),
    Guard(
        "an answer due before the question",
        inquiry(respond_by="opened_at - interval '1 second'"),
        "ck_tickets_respond_after_open",
    ),
    Guard(
        "a first response by nobody",
        changed("first_response_at = :now"),
        "ck_tickets_response_whole",
    ),
    Guard(
        "a first response before the ticket",
        changed(
            "first_response_at = opened_at - interval '1 second', first_response_by = 'usr_bob_approver'"
        ),
        "ck_tickets_response_after_open",
    ),
    Guard(
        "a first response by who asked",
        changed("first_response_at = :now, first_response_by = opened_by"),
        "ck_tickets_response_by_another",
    ),
    Guard(
        "a second first response",
        "UPDATE tickets SET first_response_by = 'usr_carol_approver' WHERE cancellation_id = :approved_case",
        "tickets_first_response_once",
    ),
    *(
        Guard(f"{who} as assignee", changed(f"assignee_id = '{user}'"), "tickets_assignee_handles")
        for who, user in (
            ("a sales agent", "usr_sam_sales"),
            ("an admin agent", "usr_alice_admin"),
            ("a customer", "usr_greta_global"),
            ("the house itself", "usr_system"),
        )
    ),
    Guard(
        "an approver of another partner as assignee",
        "UPDATE users SET partner_id = :other_partner WHERE id = 'usr_bob_approver'; "
        + changed("assignee_id = 'usr_bob_approver'"),
        "tickets_assignee_handles",
    ),
    Guard(
        "an approver who is gone as assignee",
        "UPDATE users SET active = false WHERE id = 'usr_bob_approver'; "
        + changed("assignee_id = 'usr_bob_approver'"),
        "tickets_assignee_handles",
    ),
    Guard(
        "a case that is resolved by hand",
        changed("resolved_at = :now, closes_at = :now"),
        "ck_tickets_resolved_inquiry",
    ),
    Guard(
        "a resolution that never closes",
        inquiry(resolved_at=":now ::timestamptz"),
        "ck_tickets_resolved_whole",
    ),
    Guard(
        "a closing before the resolution",
        inquiry(resolved_at=":now ::timestamptz", closes_at="opened_at"),
        "ck_tickets_closes_after_resolved",
    ),
    Guard(
        "an inquiry closed unresolved",
        inquiry(closed_at=":now ::timestamptz"),
        "ck_tickets_closed_in_its_time",
    ),
    Guard(
        "an inquiry closed while it may be reopened",
        inquiry(
            resolved_at=":now ::timestamptz",
            closes_at=":now ::timestamptz + interval '7 days'",
            closed_at=":now ::timestamptz + interval '6 days'",
        ),
        "ck_tickets_closed_in_its_time",
    ),
    Guard(
        "a closed ticket opened again",
        "UPDATE tickets SET closed_at = NULL WHERE cancellation_id = :declined_case",
        "tickets_closed_for_good",
    ),
    Guard(
        "a note for a customer whom the ticket does not concern",
        inquiry(order_id="NULL::text", customer_id="NULL::text")
        + "; INSERT INTO ticket_notes (id, ticket_id, author_id, audience, text, written_at)"
        " VALUES ('not_new', 'tkt_new', 'usr_bob_approver', 'customer', 'Hello.', :now)",
        "ticket_notes_customer",
    ),
    Guard(
        "a calendar under another's name",
        "INSERT INTO calendars VALUES ('default', :other_partner, '{}', :now, 'usr_system')",
        "ck_calendars_owner",
    ),
)
