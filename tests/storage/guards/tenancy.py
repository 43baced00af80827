"""Rows of another partner or customer, at every level."""

from tests.storage.guards.product_key import REVEAL
from tests.storage.guards.shape import ELSEWHERE, Guard, copied, credit

TENANTS = (
    Guard(
        "an order of another partner's customer",
        copied(
            "orders",
            "id = :placed_order",
            id="'ord_new'",
            number="-1",
            customer_id=":other_customer ::text",
        ),
        "fk_orders_partner_id_customer_id",
    ),
    Guard(
        "a line",
        copied("order_lines", "id = :final_line", id="'lin_new'", line_number="2", **ELSEWHERE),
        "fk_order_lines_order_id_partner_id_customer_id_currency",
    ),
    Guard(
        "a line in another currency",
        copied(
            "order_lines", "id = :final_line", id="'lin_new'", line_number="2", currency="'USD'"
        ),
        "fk_order_lines_order_id_partner_id_customer_id_currency",
    ),
    Guard(
        "a software item",
        copied("order_lines", "id = :final_line", id="'lin_new'", line_number="2")
        + "; "
        + copied(
            "software_items",
            "id = :final_software",
            id="'sft_new'",
            line_id="'lin_new'",
            status="'preparing'",
            **ELSEWHERE,
        ),
        "fk_software_items_line_id_order_id_partner_id_customer_id",
    ),
    Guard(
        "a key",
        "UPDATE product_keys SET state = 'allocated', line_id = :final_line, order_id = :final_order,"
        " partner_id = :other_partner, customer_id = :other_customer, unit_number = 9"
        " WHERE id = (SELECT min(id) FROM product_keys WHERE state = 'available')",
        "fk_product_keys_line_id_order_id_partner_id_customer_id",
    ),
    Guard(
        "a reveal",
        REVEAL.format(partner=":other_partner", line="final_line"),
        "fk_key_reveals_key_id_line_id_partner_id_customer_id",
    ),
    Guard(
        "a link",
        copied(
            "download_links",
            "line_id = :cancelled_line",
            id="'lnk_new'",
            token_hash="'\\x00'",
            **ELSEWHERE,
        ),
        "fk_download_links_software_id_line_id_order_id_partner__288e",
    ),
    Guard(
        "a cancellation",
        copied(
            "cancellations",
            "id = :declined_case",
            id="'can_new'",
            request_number="2",
            workflow_id="'new'",
            status="'received'",
            **ELSEWHERE,
        ),
        "fk_cancellations_line_id_order_id_partner_id_customer_id",
    ),
    Guard(
        "a ticket",
        copied("tickets", "kind = 'incident'", id="'tkt_new'", number="-1", **ELSEWHERE),
        "fk_tickets_order_id_partner_id_customer_id",
    ),
    Guard(
        "a credit",
        credit("suspended_case", partner_id=":other_partner", customer_id=":other_customer"),
        "fk_credits_cancellation_id_line_id_order_id_partner_id__5470",
    ),
    Guard(
        "an entry",
        "INSERT INTO ledger_entries (id, kind, business_key, partner_id, order_id, currency, booked_at)"
        " SELECT 'ent_new', 'charge', 'new', :other_partner, id, currency, :now FROM orders"
        " WHERE id = :final_order",
        "fk_ledger_entries_order_id_partner_id_currency",
    ),
    Guard(
        "an entry in another currency",
        "INSERT INTO ledger_entries (id, kind, business_key, partner_id, order_id, currency, booked_at)"
        " SELECT 'ent_new', 'charge', 'new', partner_id, id, 'USD', :now FROM orders"
        " WHERE id = :final_order",
        "fk_ledger_entries_order_id_partner_id_currency",
    ),
    Guard(
        "a customer's move",
        "UPDATE customers SET partner_id = :other_partner WHERE id = (SELECT customer_id FROM orders"
        " WHERE id = :placed_order)",
        "fk_orders_partner_id_customer_id",
    ),
)
