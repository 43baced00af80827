"""Corruptions of cancellations, verdicts and tickets."""

from tests.storage.corruptions.shape import Corruption

CASES = (
    Corruption(
        "I8",
        "completed with an open ticket",
        "UPDATE tickets SET closed_at = NULL WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I8",
        "completed without a credit",
        "UPDATE cancellations SET status = 'completed' WHERE id = :approved_case",
    ),
    Corruption(
        "I8",
        "completed with a suspended key",
        "UPDATE product_keys SET state = 'suspended' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "I8",
        "done but for its status",
        "UPDATE cancellations SET status = 'credited' WHERE id = :cancelled_case",
    ),
    Corruption(
        "I16",
        "two verdicts",
        'INSERT INTO decisions SELECT (jsonb_populate_record(d, \'{"id": "dec_twice"}\')).*'
        " FROM decisions d WHERE d.cancellation_id = :declined_case",
        ("decisions.uq_decisions_cancellation_id_round",),
    ),
    Corruption(
        "I16",
        "decided by the requester",
        "UPDATE decisions SET decided_by = requester_id WHERE cancellation_id = :cancelled_case",
        ("decisions.ck_decisions_not_the_requester",),
    ),
    Corruption(
        "I16",
        "decided by a sales agent",
        "UPDATE decisions SET decided_by = 'usr_sam_sales' WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I16",
        "decided by another partner",
        "UPDATE decisions SET decided_by = 'usr_petra_admin' WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I16",
        "decided by a policy that asks a human",
        "UPDATE decisions SET decided_by = 'usr_policy', automatic = true"
        " WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I16",
        "approved above the request",
        "UPDATE decisions SET amount_minor = amount_minor + 1 WHERE cancellation_id = :approved_case",
    ),
    Corruption(
        "I23",
        "two open cancellations of a line",
        'INSERT INTO cancellations SELECT (jsonb_populate_record(c, \'{"id": "can_twice",'
        ' "request_number": 2, "workflow_id": "second"}\')).* FROM cancellations c WHERE c.id = :waiting_case',
        ("uq_cancellations_one_open",),
    ),
    Corruption(
        "I23",
        "a unit in two cases",
        "UPDATE cancellations SET units = '{[3,4)}' WHERE line_id = :parting_line",
    ),
    Corruption(
        "I8",
        "completed with a working key of its units",
        "UPDATE product_keys SET state = 'suspended' WHERE line_id = :parted_line AND state = 'revoked'",
    ),
    Corruption(
        "K60",
        "a unit that was never bought",
        "UPDATE cancellations SET units = '{[4,5)}' WHERE id = :parted_case",
    ),
    Corruption(
        "K60",
        "more units than it says",
        "UPDATE cancellations SET units = '{[1,3)}' WHERE id = :parted_case",
    ),
    Corruption(
        "K60",
        "one of two units under terms for whole lines",
        "UPDATE cancellations SET units = '{[1,2)}', quantity = 1 WHERE id = :cancelled_case",
    ),
    Corruption(
        "K60",
        "one of three units that have no key each",
        "DELETE FROM product_keys WHERE line_id = :parted_line AND unit_number = 1",
    ),
    Corruption(
        "K8",
        "asks for more than its units cost",
        "UPDATE cancellations SET requested_minor = requested_minor + 1 WHERE id = :parted_case",
    ),
    Corruption(
        "K8",
        "approved by nobody",
        "UPDATE cancellations SET status = 'approved' WHERE id = :waiting_case",
    ),
    Corruption(
        "K8",
        "credited by its status only",
        "UPDATE cancellations SET status = 'credited' WHERE id = :approved_case",
    ),
    Corruption(
        "K8",
        "decided on without a quote",
        "UPDATE cancellations SET quote = NULL WHERE id = :declined_case",
    ),
    Corruption(
        "K9",
        "a case without its ticket",
        "DELETE FROM tickets WHERE cancellation_id = :waiting_case",
    ),
    Corruption(
        "K9",
        "a ticket closed before its case",
        "UPDATE tickets SET closed_at = opened_at WHERE cancellation_id = :waiting_case",
    ),
    Corruption(
        "K9",
        "a ticket open after its case",
        "UPDATE tickets SET closed_at = NULL WHERE cancellation_id = :declined_case",
    ),
    Corruption(
        "K9",
        "an incident of a failed order",
        "UPDATE tickets SET closed_at = NULL WHERE order_id = :failed_order",
    ),
    Corruption(
        "K13",
        "one of two approvals lost",
        "DELETE FROM approvals WHERE number = 1 AND cancellation_id = :agreed_case",
    ),
    Corruption(
        "K13",
        "less granted than given back",
        "UPDATE approvals SET amount_minor = 1 WHERE number = 1 AND cancellation_id = :agreed_case",
    ),
    Corruption(
        "K13",
        "settled by somebody else",
        "UPDATE decisions SET decided_by = 'usr_dana_both' WHERE cancellation_id = :agreed_case",
    ),
    Corruption(
        "K13",
        "agreed to by the requester",
        "UPDATE approvals SET approved_by = requester_id WHERE number = 1 AND cancellation_id = :agreeing_case",
        ("approvals.ck_approvals_not_the_requester",),
    ),
    Corruption(
        "I16",
        "approved by a policy that asks people",
        "UPDATE decisions SET decided_by = 'usr_policy', automatic = true WHERE cancellation_id = :agreed_case",
    ),
    Corruption(
        "K10",
        "a request number skipped",
        "UPDATE cancellations SET request_number = 3 WHERE id = :waiting_case",
    ),
    Corruption(
        "K10",
        "another case's workflow",
        "UPDATE cancellations SET workflow_id = 'cancellation:other' WHERE id = :waiting_case",
    ),
)
