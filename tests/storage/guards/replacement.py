"""Replacements the database refuses: by the wrong person, beside another case, without what they promise."""

from tests.storage.guards.shape import Guard, copied

_REQUEST = (
    "INSERT INTO replacements (id, line_id, order_id, partner_id, customer_id, old_key_id, reason, requester_id,"
    " requested_at, status, status_at) SELECT 'rpl_new', line_id, order_id, partner_id, customer_id, {key},"
    " 'Leaked.', 'usr_alice_admin', :now, 'requested', :now FROM product_keys WHERE line_id = :{line} LIMIT 1"
)
_DECIDED = (
    "UPDATE replacements SET status = 'approved', decided_by = {by}, decided_at = :now"
    " WHERE id = :replacing_replacement"
)

REPLACEMENTS = (
    Guard(
        "a replacement decided by its requester",
        "UPDATE user_roles SET role = 'refund_approver' WHERE user_id = 'usr_alice_admin'; "
        + _DECIDED.format(by="'usr_alice_admin'"),
        "ck_replacements_not_the_requester",
    ),
    Guard(
        "a replacement decided by no approver",
        _DECIDED.format(by="'usr_olga_operator'"),
        "replacements_by_approver",
    ),
    Guard(
        "a replacement approved by nobody",
        "UPDATE replacements SET status = 'withdrawn' WHERE id = :replacing_replacement",
        "ck_replacements_decided",
    ),
    Guard(
        "a second open replacement of a line",
        copied("replacements", "id = :replacing_replacement", id="'rpl_new'", status="'requested'"),
        "uq_replacements_one_open",
    ),
    Guard(
        "a replacement beside an open cancellation",
        _REQUEST.format(key="id", line="waiting_line"),
        "replacements_no_cancellation",
    ),
    Guard(
        "a replacement of a cancelled key",
        _REQUEST.format(key="id", line="cancelled_line"),
        "replacements_of_living_keys",
    ),
    Guard(
        "a cancellation beside an open replacement",
        copied(
            "cancellations",
            "id = :waiting_case",
            id="'can_new'",
            line_id=":replacing_line ::text",
            order_id=":replacing_order ::text",
            status="'received'",
        ),
        "cancellations_no_replacement",
    ),
    Guard(
        "a key of another line replaced",
        _REQUEST.format(
            key="(SELECT id FROM product_keys WHERE line_id = :waiting_line)", line="final_line"
        ),
        "fk_replacements_old_key_id_line_id_partner_id_customer_id",
    ),
    Guard(
        "a replacement completed without a new key",
        _DECIDED.format(by="'usr_bob_approver'")
        + "; UPDATE replacements SET status = 'completed' WHERE id = :replacing_replacement",
        "ck_replacements_new_key",
    ),
    Guard(
        "a replacement completed while the old key lives",
        _DECIDED.format(by="'usr_bob_approver'")
        + "; UPDATE product_keys f SET state = 'allocated', line_id = k.line_id, order_id = k.order_id,"
        " partner_id = k.partner_id, customer_id = k.customer_id, unit_number = 2 FROM product_keys k"
        " WHERE k.line_id = :replacing_line AND f.id = (SELECT min(id) FROM product_keys p"
        " WHERE p.state = 'available' AND p.sku = 'DG7GMGF0D5RK:0004')"
        "; UPDATE replacements SET status = 'completed', new_key_id ="
        " (SELECT id FROM product_keys WHERE line_id = :replacing_line AND state = 'allocated')"
        " WHERE id = :replacing_replacement",
        "replacements_completed",
    ),
    Guard(
        "a replaced key that works again",
        "UPDATE product_keys SET state = 'allocated' WHERE line_id = :replaced_line AND state = 'revoked'",
        "product_keys_move",
    ),
)
