"""Keys the database refuses: on two orders, revealed too late, working beside a credit."""

from tests.storage.guards.shape import Guard, copied

REVEAL = (
    "INSERT INTO key_reveals (id, key_id, line_id, partner_id, customer_id, user_id, revealed_at)"
    " SELECT 'rev_new', id, line_id, {partner}, customer_id, 'usr_alice_admin', :now"
    " FROM product_keys WHERE line_id = :{line} LIMIT 1"
)

KEYS = (
    Guard(
        "a key on two orders",
        "UPDATE product_keys SET line_id = :waiting_line, order_id = :waiting_order WHERE line_id = :final_line",
        "product_keys_one_line",
    ),
    Guard(
        "a second key of one unit",
        "UPDATE product_keys f SET state = 'allocated', line_id = k.line_id, order_id = k.order_id,"
        " partner_id = k.partner_id, customer_id = k.customer_id, unit_number = k.unit_number FROM product_keys k"
        " WHERE k.line_id = :final_line AND f.id = (SELECT min(id) FROM product_keys WHERE state = 'available')",
        "uq_product_keys_one_live_unit",
    ),
    Guard(
        "a key of another product",
        "UPDATE product_keys f SET state = 'allocated', line_id = k.line_id, order_id = k.order_id,"
        " partner_id = k.partner_id, customer_id = k.customer_id, unit_number = 9 FROM product_keys k"
        " WHERE k.line_id = :final_line AND f.id = (SELECT min(id) FROM product_keys"
        " WHERE state = 'available' AND sku = 'DG7GMGF0D7FX:0002')",
        "fk_product_keys_line_id_sku",
    ),
    Guard(
        "one key in two rows",
        copied("product_keys", "state = 'available'", id="'key_new'"),
        "uq_product_keys_fingerprint",
    ),
    Guard(
        "a credited key that works again",
        "UPDATE product_keys SET state = 'allocated' WHERE line_id = :credited_line",
        "product_keys_credited",
    ),
    Guard(
        "a credited unit's key that works again",
        "UPDATE product_keys SET state = 'allocated' WHERE line_id = :parting_line AND state = 'suspended'",
        "product_keys_credited",
    ),
    Guard(
        "a reveal of a suspended key",
        REVEAL.format(partner="partner_id", line="suspended_line"),
        "key_reveals_live_key",
    ),
    Guard(
        "a reveal of a revoked key",
        REVEAL.format(partner="partner_id", line="cancelled_line"),
        "key_reveals_live_key",
    ),
    Guard(
        "a key in use without a line",
        "UPDATE product_keys SET state = 'allocated' WHERE id = (SELECT min(id) FROM product_keys"
        " WHERE state = 'available')",
        "ck_product_keys_held_by_line",
    ),
    Guard(
        "a revealed key back in the pool",
        "UPDATE product_keys SET state = 'available' WHERE line_id = :final_line",
        "product_keys_move",
    ),
    Guard(
        "a key that forgets whose it was",
        "UPDATE product_keys SET line_id = NULL, order_id = NULL, partner_id = NULL, customer_id = NULL,"
        " unit_number = NULL WHERE line_id = :final_line",
        "product_keys_one_line",
    ),
    Guard(
        "two keys from one row of a file",
        "INSERT INTO key_imports VALUES ('imp_1', '', 3, :now, 'usr_system'); "
        + copied(
            "product_keys",
            "id = (SELECT min(id) FROM product_keys WHERE state = 'available')",
            id="'key_a'",
            fingerprint="'a'",
            import_id="'imp_1'",
            import_row="2",
        )
        + "; "
        + copied(
            "product_keys",
            "id = (SELECT min(id) FROM product_keys WHERE state = 'available')",
            id="'key_b'",
            fingerprint="'b'",
            import_id="'imp_1'",
            import_row="2",
        ),
        "uq_product_keys_import_id_import_row",
    ),
    Guard(
        "a key from a row of no file",
        copied(
            "product_keys",
            "id = (SELECT min(id) FROM product_keys WHERE state = 'available')",
            id="'key_a'",
            fingerprint="'a'",
            import_row="2",
        ),
        "ck_product_keys_imported_whole",
    ),
    Guard(
        "one file imported as two",
        "INSERT INTO key_imports VALUES ('imp_1', '', 3, :now, 'usr_system'),"
        " ('imp_2', '', 3, :now, 'usr_system')",
        "uq_key_imports_fingerprint",
    ),
    Guard(
        "a second open alert of a pool",
        "INSERT INTO stock_alerts SELECT 'alr_' || n, min(sku), 5, 4, :now FROM products, generate_series(1, 2) n"
        " GROUP BY n",
        "uq_stock_alerts_one_open",
    ),
    Guard(
        "an alert of a full pool",
        "INSERT INTO stock_alerts SELECT 'alr_1', min(sku), 5, 5, :now FROM products",
        "ck_stock_alerts_below",
    ),
    Guard(
        "a working key in the revocation feed",
        "INSERT INTO revocations (epoch, key_id, digest, revoked_at, published_at) SELECT 1, id, sha256('x'),"
        " date_trunc('second', state_at), :now FROM product_keys WHERE line_id = :final_line",
        "revocations_of_revoked_keys",
    ),
    Guard(
        "a revoked key twice in an epoch",
        "INSERT INTO revocations (epoch, key_id, digest, revoked_at, published_at) SELECT epoch, key_id,"
        " sha256(digest), revoked_at, :now FROM revocations WHERE number = 1",
        "uq_revocations_epoch_key_id",
    ),
    Guard(
        "a revocation forgotten before it was told",
        "INSERT INTO revocations_waiting SELECT id FROM product_keys WHERE line_id = :final_line;"
        " DELETE FROM revocations_waiting",
        "revocations_waiting_told",
    ),
    Guard(
        "a revocation of one key told as another's",
        "INSERT INTO revocations_waiting SELECT id FROM product_keys WHERE line_id = :final_line;"
        " UPDATE revocations_waiting SET key_id = 'key_other'",
        "revocations_waiting_frozen",
    ),
    Guard(
        "a revocation taken back",
        "DELETE FROM revocations WHERE number = 1",
        "revocations_append_only",
    ),
    Guard(
        "an epoch that does not follow",
        "INSERT INTO revocation_epochs SELECT 7, sha256(epoch_key), began_at, began_by FROM revocation_epochs",
        "revocation_epochs_in_order",
    ),
)
