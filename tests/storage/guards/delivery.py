"""What the database refuses of events and their delivery."""

from tests.storage.guards.shape import Guard, copied

_FIRST = "endpoint_id = :endpoint AND subject = :cancelled_order AND sequence = 1"

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
    Guard(
        "an event of one partner for another's endpoint",
        copied("endpoints", "id = :endpoint", id="'ept_new'", partner_id=":other_partner ::text")
        + "; "
        + copied(
            "deliveries",
            _FIRST,
            id="'dlv_new'",
            number="-1",
            endpoint_id="'ept_new'",
            status="'pending'",
        ),
        "deliveries_within_sight",
    ),
    Guard(
        "an event from before an endpoint's start",
        copied("endpoints", "id = :endpoint", id="'ept_new'", starts_after="planned_to")
        + "; "
        + copied(
            "deliveries",
            _FIRST,
            id="'dlv_new'",
            number="-1",
            endpoint_id="'ept_new'",
            status="'pending'",
        ),
        "deliveries_within_sight",
    ),
    Guard(
        "an event twice for one endpoint",
        copied("deliveries", _FIRST, id="'dlv_new'", number="-1", status="'pending'"),
        "uq_deliveries_endpoint_id_event_id",
    ),
    Guard(
        "a delivery of nothing in the feed",
        copied(
            "deliveries",
            _FIRST,
            id="'dlv_new'",
            number="-1",
            event_id="'evt_new'",
            position="NULL",
            status="'pending'",
        ),
        "ck_deliveries_only_tests_unplaced",
    ),
    Guard(
        "a delivery given up after it arrived",
        f"UPDATE deliveries SET status = 'given_up' WHERE {_FIRST}",
        "deliveries_move",
    ),
    Guard(
        "a lease on what arrived",
        f"UPDATE deliveries SET leased_until = :now WHERE {_FIRST}",
        "ck_deliveries_leased_while_pending",
    ),
    Guard(
        "two current secrets of an endpoint",
        copied("endpoint_secrets", "endpoint_id = :endpoint", id="'whk_new'"),
        "uq_endpoint_secrets_one_current",
    ),
    Guard(
        "an endpoint disabled without a reason",
        "UPDATE endpoints SET status = 'disabled' WHERE id = :endpoint",
        "ck_endpoints_disabled_whole",
    ),
    Guard(
        "an endpoint that fails since no time",
        "UPDATE endpoints SET failures = 1 WHERE id = :endpoint",
        "ck_endpoints_failing_whole",
    ),
)
