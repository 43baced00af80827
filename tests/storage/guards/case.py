"""Cancellations and tickets the database refuses: second, late, unfinished."""

from tests.storage.guards.shape import Guard, copied


def part(case: str, **changes: str) -> str:
    """Another request for the line of a case."""
    second = {"request_number": "2", "workflow_id": "'new'", "status": "'received'"}
    return copied("cancellations", f"id = :{case}", id="'can_new'", **second | changes)


CASES = (
    Guard(
        "a SKU under two lists of SKUs",
        copied(
            "policies",
            "id = 'pol_perpetual_1'",
            id="'pol_a'",
            version="7",
            skus="'{A:1,B:1}'::text[]",
            effective_from="'2030-01-01'",
        )
        + "; "
        + copied("policies", "id = 'pol_a'", id="'pol_b'", version="8", skus="'{B:1}'::text[]"),
        "policies_one_scope",
    ),
    Guard(
        "somebody present for no time",
        "INSERT INTO presences SELECT id, 'usr_bob_approver', :now, :now, :now FROM tickets"
        " WHERE cancellation_id = :waiting_case",
        "ck_presences_in_order",
    ),
    Guard(
        "a second open cancellation",
        copied(
            "cancellations",
            "id = :waiting_case",
            id="'can_new'",
            request_number="2",
            workflow_id="'new'",
            status="'received'",
        ),
        "uq_cancellations_one_open",
    ),
    Guard("a cancellation of a cancelled line", part("cancelled_case"), "cancellations_unit_once"),
    Guard("a unit twice", part("parted_case"), "cancellations_unit_once"),
    Guard(
        "a unit that is neither",
        part("parted_case", units="'{[2,4)}'", quantity="2"),
        "cancellations_unit_once",
    ),
    Guard(
        "two open parts of a line",
        part("parting_case", units="'{[1,2)}'", request_number="3"),
        "uq_cancellations_one_open",
    ),
    Guard(
        "a unit that was never bought",
        part("parted_case", units="'{[4,5)}'"),
        "cancellations_units_of_line",
    ),
    Guard(
        "a unit without a number", part("parted_case", units="'{}'"), "cancellations_units_of_line"
    ),
    Guard(
        "more units than it says",
        part("parted_case", units="'{[1,3)}'"),
        "cancellations_units_of_line",
    ),
    Guard(
        "no units",
        part("parted_case", units="'{}'", quantity="0"),
        "ck_cancellations_quantity_positive",
    ),
    Guard(
        "a part under terms for whole lines",
        part("cancelled_case", units="'{[1,2)}'", quantity="1", requested_minor="1"),
        "cancellations_divisible",
    ),
    Guard(
        "a part of what has no key for each unit",
        copied("order_lines", "id = :parted_line", id="'lin_new'", line_number="2")
        + "; "
        + part("parted_case", line_id="'lin_new'", request_number="1"),
        "cancellations_divisible",
    ),
    Guard(
        "more money than the units cost",
        part("parted_case", units="'{[1,2)}'", requested_minor="requested_minor + 1"),
        "cancellations_within_units",
    ),
    Guard(
        "a request number twice",
        copied(
            "cancellations",
            "id = :declined_case",
            id="'can_new'",
            workflow_id="'new'",
            status="'received'",
        ),
        "uq_cancellations_line_id_request_number",
    ),
    Guard(
        "a workflow with two cases",
        copied(
            "cancellations",
            "id = :declined_case",
            id="'can_new'",
            request_number="2",
            status="'received'",
        ),
        "uq_cancellations_workflow_id",
    ),
    Guard(
        "a late request that moves on",
        copied(
            "cancellations",
            "id = :declined_case",
            id="'can_new'",
            request_number="2",
            workflow_id="'new'",
            status="'received'",
            received_at="window_closes_at + interval '1 microsecond'",
        )
        + "; UPDATE cancellations SET status = 'pending_approval' WHERE id = 'can_new'",
        "ck_cancellations_in_window",
    ),
    Guard(
        "a request above what was paid",
        copied(
            "cancellations",
            "id = :declined_case",
            id="'can_new'",
            request_number="2",
            workflow_id="'new'",
            status="'received'",
            requested_minor="line_total_minor + 1",
        ),
        "ck_cancellations_requested",
    ),
    Guard(
        "a request with a window of its own",
        copied(
            "cancellations",
            "id = :declined_case",
            id="'can_new'",
            request_number="2",
            workflow_id="'new'",
            status="'received'",
            window_closes_at="window_closes_at + interval '1 day'",
        ),
        "fk_cancellations_line_id_line_total_minor_currency_wind_f0ca",
    ),
    Guard(
        "a completed case with an open ticket",
        "UPDATE product_keys SET state = 'revoked' WHERE line_id = :credited_line; "
        "UPDATE cancellations SET status = 'completed' WHERE id = :credited_case",
        "cancellations_completed",
    ),
    Guard(
        "a completed case with a suspended key",
        "UPDATE tickets SET closed_at = :now WHERE cancellation_id = :credited_case; "
        "UPDATE cancellations SET status = 'completed' WHERE id = :credited_case",
        "cancellations_completed",
    ),
    Guard(
        "a second ticket of a case",
        copied("tickets", "cancellation_id = :waiting_case", id="'tkt_new'", number="-1"),
        "uq_tickets_cancellation_id",
    ),
    Guard(
        "a second open incident of an order",
        "; ".join(
            copied("tickets", "kind = 'incident'", id=f"'{new}'", number=number, closed_at="NULL")
            for new, number in (("tkt_one", "-1"), ("tkt_two", "-2"))
        ),
        "uq_tickets_one_open_incident",
    ),
    Guard(
        "a ticket closed before it was opened",
        "UPDATE tickets SET closed_at = opened_at - interval '1 second' WHERE cancellation_id = :waiting_case",
        "ck_tickets_closed_after_open",
    ),
)
