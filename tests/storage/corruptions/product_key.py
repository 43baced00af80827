"""Corruptions of keys, reveals, software items and links."""

from tests.storage.corruptions.shape import Corruption

KEYS = (
    Corruption(
        "I9",
        "a working key beside a credit",
        "UPDATE product_keys SET state = 'allocated' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "I9",
        "a working key beside the credit of its unit",
        "UPDATE product_keys SET state = 'allocated' WHERE line_id = :parted_line",
    ),
    Corruption(
        "I10",
        "revoked with a credit for another unit",
        "UPDATE product_keys SET state = 'revoked' WHERE line_id = :parted_line",
    ),
    Corruption(
        "I10",
        "revoked without a credit",
        "UPDATE product_keys SET state = 'revoked' WHERE line_id = :final_line",
    ),
    Corruption(
        "I11",
        "one key in two rows",
        "UPDATE product_keys SET fingerprint = (SELECT fingerprint FROM product_keys"
        " WHERE line_id = :final_line) WHERE line_id = :waiting_line",
        ("product_keys.uq_product_keys_fingerprint",),
    ),
    Corruption(
        "I11",
        "one unit with two keys",
        "UPDATE product_keys SET unit_number = 1 WHERE line_id = :cancelled_line",
        ("uq_product_keys_one_live_unit",),
    ),
    Corruption(
        "I11",
        "a key of another product",
        "UPDATE product_keys SET sku = 'DG7GMGF0D7FX:0002' WHERE line_id = :final_line",
    ),
    Corruption(
        "I11",
        "revealed for another line",
        "UPDATE key_reveals SET line_id = :waiting_line WHERE line_id = :final_line",
    ),
    Corruption(
        "I11",
        "allocated twice",
        "INSERT INTO key_events SELECT k.id, 2 + n, s, k.state_at, k.state_by, 'again' FROM product_keys k,"
        " (VALUES (1, 'available'), (2, 'allocated')) m (n, s) WHERE k.line_id = :final_line",
    ),
    Corruption(
        "I12",
        "a state without its event",
        "UPDATE product_keys SET state = 'quarantined' WHERE line_id = :final_line",
    ),
    Corruption(
        "I12",
        "an event lost",
        "DELETE FROM key_events WHERE number = 1 AND key_id IN (SELECT id FROM product_keys"
        " WHERE line_id = :cancelled_line)",
    ),
    Corruption(
        "I13",
        "a revoked key back in the pool",
        "INSERT INTO key_events SELECT id, 5, 'available', state_at, state_by, 'returned' FROM product_keys"
        " WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "I22",
        "revealed to another partner",
        "UPDATE key_reveals SET user_id = 'usr_petra_admin' WHERE line_id = :final_line",
    ),
    Corruption(
        "I22",
        "revealed to another customer",
        "UPDATE key_reveals SET user_id = 'usr_gustav_global' WHERE line_id = :final_line",
    ),
    Corruption(
        "I22",
        "revealed to staff for no reason",
        "UPDATE key_reveals SET user_id = 'usr_olga_operator' WHERE line_id = :final_line",
    ),
    Corruption(
        "I22",
        "revealed after its revocation",
        "UPDATE key_reveals SET revealed_at = revealed_at + interval '1 day' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "K30",
        "a row beyond its file",
        "INSERT INTO key_imports VALUES ('imp_1', '', 3, :now, 'usr_system');"
        " UPDATE product_keys SET import_id = 'imp_1', import_row = 4 WHERE line_id = :final_line",
    ),
    Corruption(
        "K30",
        "a file that is gone",
        "UPDATE product_keys SET import_id = 'imp_1', import_row = 4 WHERE line_id = :final_line",
    ),
    Corruption(
        "K30",
        "two keys from one row",
        "INSERT INTO key_imports VALUES ('imp_1', '', 3, :now, 'usr_system');"
        " UPDATE product_keys SET import_id = 'imp_1', import_row = 2"
        " WHERE line_id IN (:final_line, :waiting_line)",
        ("product_keys.uq_product_keys_import_id_import_row",),
    ),
    Corruption(
        "K31",
        "two open alerts of one pool",
        "INSERT INTO stock_alerts SELECT 'alr_' || n, min(sku), 5, 4, :now FROM products, generate_series(1, 2) n"
        " GROUP BY n",
        ("uq_stock_alerts_one_open",),
    ),
    Corruption(
        "K31",
        "an alert of a full pool",
        "INSERT INTO stock_alerts SELECT 'alr_1', min(sku), 5, 5, :now FROM products",
        ("stock_alerts.ck_stock_alerts_below",),
    ),
    Corruption(
        "K31",
        "an alert that ended before it began",
        "INSERT INTO stock_alerts SELECT 'alr_1', min(sku), 5, 4, :now, :now - interval '1 day' FROM products",
        ("stock_alerts.ck_stock_alerts_cleared_later",),
    ),
    Corruption(
        "K3",
        "active though cancelled",
        "UPDATE software_items SET status = 'active' WHERE id = :cancelled_software",
    ),
    Corruption(
        "K3",
        "a unit that stands still for no case",
        "UPDATE product_keys SET state = 'suspended', state_at = :now - interval '1 hour'"
        " WHERE line_id = :parted_line AND unit_number = 1",
    ),
    Corruption(
        "K3",
        "cancelled with units that are not",
        "UPDATE product_keys SET state = 'revoked' WHERE line_id = :parted_line; "
        "UPDATE software_items SET status = 'cancelled' WHERE id = :parted_software",
    ),
    Corruption(
        "K3",
        "suspended for nothing",
        "UPDATE software_items SET status = 'suspended', status_at = :now - interval '1 hour'"
        " WHERE id = :final_software",
    ),
    Corruption(
        "K3", "a line without its item", "DELETE FROM software_items WHERE id = :final_software"
    ),
)
