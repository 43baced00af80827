"""Corruptions of orders and their frozen policies."""

from tests.storage.corruptions.shape import Corruption

ORDERS = (
    Corruption(
        "I14",
        "delivered without its key",
        "UPDATE product_keys SET state = 'available', line_id = NULL,"
        " order_id = NULL, partner_id = NULL, customer_id = NULL, unit_number = NULL"
        " WHERE line_id = :final_line",
    ),
    Corruption(
        "I14",
        "charged for hours without keys or an alarm",
        "UPDATE orders SET status = 'charged', status_at = :now - interval '2 hours' WHERE id = :placed_order",
    ),
    Corruption(
        "K5",
        "a total that is not the lines' sum",
        "UPDATE orders SET total_minor = total_minor + 1 WHERE id = :final_order",
    ),
    Corruption(
        "K5", "an order without lines", "DELETE FROM order_lines WHERE order_id = :placed_order"
    ),
    Corruption(
        "K5",
        "a line's total that is not its price",
        "UPDATE order_lines SET total_minor = total_minor + 1 WHERE id = :final_line",
        ("order_lines.ck_order_lines_total",),
    ),
    Corruption(
        "K6",
        "a frozen policy rewritten on the line",
        "UPDATE order_lines SET policy = jsonb_set(policy, '{refund_tiers,0,type}', '\"partial\"')"
        " WHERE id = :final_line",
    ),
    Corruption(
        "K6", "a policy rewritten after it was frozen", "UPDATE policies SET sha256 = 'other'"
    ),
    Corruption(
        "K6",
        "a window a day too long",
        "UPDATE order_lines SET window_closes_at = window_closes_at + interval '1 day' WHERE id = :final_line",
    ),
    Corruption(
        "K6",
        "a policy for other SKUs",
        "UPDATE policies SET skus = '{NOBODY:0001}' WHERE id = 'pol_perpetual_1'",
    ),
    Corruption(
        "K7",
        "cancelled with a line that is not",
        "UPDATE orders SET status = 'cancelled' WHERE id = :final_order",
    ),
    Corruption(
        "K7",
        "cancelled with units that are not",
        "UPDATE orders SET status = 'cancelled' WHERE id = :parted_order",
    ),
    Corruption(
        "K7",
        "closed with an open case",
        "UPDATE orders SET status = 'failed' WHERE id = :waiting_order",
    ),
)
