"""Corruptions of replacements and of the keys they moved."""

from tests.storage.corruptions.shape import Corruption

REPLACEMENTS = (
    Corruption(
        "K32",
        "a replaced key that lives",
        "UPDATE product_keys SET state = 'suspended' WHERE line_id = :replaced_line AND state = 'revoked'",
        ("uq_product_keys_one_live_unit",),
    ),
    Corruption(
        "K32",
        "a new key of another unit",
        "UPDATE product_keys SET unit_number = 2 WHERE line_id = :replaced_line AND state = 'allocated'",
    ),
    Corruption(
        "K32",
        "a new key of another line",
        "UPDATE product_keys SET line_id = :final_line WHERE line_id = :replaced_line AND state = 'allocated'",
        ("uq_product_keys_one_live_unit",),
    ),
    Corruption(
        "K32",
        "a leaked key that works while people decide",
        "UPDATE product_keys SET state = 'allocated' WHERE line_id = :replacing_line",
    ),
    Corruption(
        "K32",
        "completed without a new key",
        "UPDATE replacements SET new_key_id = NULL WHERE id = :replaced_replacement",
        ("replacements.ck_replacements_new_key",),
    ),
    Corruption(
        "K33",
        "decided by its requester",
        "UPDATE replacements SET decided_by = requester_id WHERE id = :replaced_replacement",
        ("replacements.ck_replacements_not_the_requester",),
    ),
    Corruption(
        "K33",
        "decided by no approver",
        "UPDATE replacements SET decided_by = 'usr_olga_operator' WHERE id = :replaced_replacement",
    ),
    Corruption(
        "K33",
        "open though decided",
        "UPDATE replacements SET decided_by = 'usr_bob_approver' WHERE id = :replacing_replacement",
        ("replacements.ck_replacements_decided", "replacements.ck_replacements_decided_whole"),
    ),
    Corruption(
        "K33",
        "two open on one line",
        "INSERT INTO replacements SELECT (jsonb_populate_record(r, jsonb_build_object('id', 'rpl_new'))).*"
        " FROM replacements r WHERE id = :replacing_replacement",
        ("uq_replacements_one_open",),
    ),
    Corruption(
        "K33",
        "open beside a cancellation",
        "UPDATE cancellations SET line_id = :replacing_line WHERE id = :waiting_case",
    ),
)
