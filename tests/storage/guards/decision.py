"""Verdicts the database refuses: by the requester, by strangers, above the request."""

from tests.storage.guards.shape import Guard


def decide(
    case: str,
    decided_by: str,
    verdict: str = "'approved'",
    amount: str = "1",
    requester: str = "requester_id",
) -> str:
    """A verdict on a case; everything but the names is SQL."""
    automatic = str(decided_by in ("usr_policy", "usr_system")).lower()
    return (
        "INSERT INTO decisions (id, cancellation_id, requester_id, decided_by, verdict, amount_minor,"
        f" decided_at, automatic) SELECT 'dec_new', id, {requester}, '{decided_by}', {verdict},"
        f" {amount}, :now, {automatic} FROM cancellations WHERE id = :{case}"
    )


def agree(case: str, approved_by: str, amount: str = "1", number: int = 2) -> str:
    """One of several approvals."""
    return (
        "INSERT INTO approvals (id, cancellation_id, requester_id, number, stage, approved_by, amount_minor,"
        f" approved_at) SELECT 'dec_new', id, requester_id, {number}, 'approval', '{approved_by}', {amount},"
        f" :now FROM cancellations WHERE id = :{case}"
    )


SEVERAL = (
    Guard(
        "one decision where two must agree",
        decide("agreeing_case", "usr_carol_approver"),
        "decisions_enough_approvals",
    ),
    Guard(
        "a decision by one who did not agree",
        agree("agreeing_case", "usr_carol_approver")
        + "; "
        + decide("agreeing_case", "usr_dana_both"),
        "decisions_enough_approvals",
    ),
    Guard(
        "a decision for more than one of them granted",
        agree("agreeing_case", "usr_carol_approver")
        + "; "
        + decide("agreeing_case", "usr_carol_approver", amount="2"),
        "decisions_enough_approvals",
    ),
    Guard(
        "the same person twice",
        agree("agreeing_case", "usr_bob_approver"),
        "uq_approvals_cancellation_id_round_approved_by",
    ),
    Guard(
        "a third approval in the second's place",
        agree("agreed_case", "usr_dana_both"),
        "uq_approvals_cancellation_id_round_number",
    ),
    Guard(
        "an approval by the requester",
        agree("own_case", "usr_dana_both"),
        "ck_approvals_not_the_requester",
    ),
    Guard(
        "an approval by no approver",
        agree("agreeing_case", "usr_sam_sales"),
        "approvals_by_approver",
    ),
    Guard(
        "one of several approvals above the request",
        agree("agreeing_case", "usr_carol_approver", amount="requested_minor + 1"),
        "approvals_within_request",
    ),
    Guard(
        "an approval of no money",
        agree("agreeing_case", "usr_carol_approver", amount="0"),
        "ck_approvals_amount_positive",
    ),
    Guard(
        "an approval rewritten",
        "UPDATE approvals SET amount_minor = 1 WHERE cancellation_id = :agreed_case",
        "approvals_append_only",
    ),
    Guard(
        "the policy's own verdict where it asks people",
        decide("waiting_case", "usr_policy"),
        "decisions_automatic_by_policy",
    ),
)

DECISIONS = (
    *SEVERAL,
    Guard(
        "a decision by the requester",
        decide("own_case", "usr_dana_both"),
        "ck_decisions_not_the_requester",
    ),
    Guard(
        "a decision that names another requester",
        decide("own_case", "usr_dana_both", requester="'usr_alice_admin'"),
        "fk_decisions_cancellation_id_requester_id",
    ),
    Guard(
        "a decision by no approver",
        decide("waiting_case", "usr_sam_sales"),
        "decisions_by_approver",
    ),
    Guard(
        "a decision by an approver who left",
        "UPDATE users SET active = false WHERE id = 'usr_bob_approver'; "
        + decide("waiting_case", "usr_bob_approver"),
        "decisions_by_approver",
    ),
    Guard(
        "a decision by one who is approver no more",
        "DELETE FROM user_roles WHERE user_id = 'usr_bob_approver'; "
        + decide("waiting_case", "usr_bob_approver"),
        "decisions_by_approver",
    ),
    Guard(
        "a second decision",
        decide("declined_case", "usr_carol_approver"),
        "uq_decisions_cancellation_id_round",
    ),
    Guard(
        "an approval above the request",
        decide("waiting_case", "usr_bob_approver", amount="requested_minor + 1"),
        "decisions_within_request",
    ),
    Guard(
        "an approval of nothing",
        decide("waiting_case", "usr_bob_approver", amount="0"),
        "ck_decisions_amount_positive",
    ),
    Guard(
        "an approval without an amount",
        decide("waiting_case", "usr_bob_approver", amount="NULL"),
        "ck_decisions_amount_if_approved",
    ),
    Guard(
        "a decline with an amount",
        decide("waiting_case", "usr_bob_approver", "'declined'"),
        "ck_decisions_amount_if_approved",
    ),
    Guard(
        "an approval with the reason of a decline",
        decide("waiting_case", "usr_bob_approver")
        .replace("automatic)", "automatic, reason_code)")
        .replace("false FROM", "false, 'other' FROM"),
        "ck_decisions_reason_of_decline",
    ),
    Guard(
        "a person's decision called automatic",
        decide("waiting_case", "usr_bob_approver").replace("false FROM", "true FROM"),
        "ck_decisions_automatic",
    ),
)
