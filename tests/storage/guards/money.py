"""Money the database refuses: double, unbalanced, unapproved, beside a working key."""

from tests.storage.guards.shape import CHARGE, Guard, copied, credit

ENTRY = """
INSERT INTO ledger_entries (id, kind, business_key, partner_id, order_id, currency, booked_at)
SELECT 'ent_new', 'charge', 'new', partner_id, id, currency, :now FROM orders WHERE id = :final_order
"""


def posting(kind: str, amount: int, entry: str = "'ent_new'", **changes: str) -> str:
    columns = {
        "account_id": "a.id",
        "entry_id": entry,
        "partner_id": "a.partner_id",
        "currency": "a.currency",
        "amount_minor": str(amount),
    } | changes
    return (
        f"INSERT INTO ledger_postings ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
        f" FROM ledger_accounts a JOIN orders o ON o.partner_id = a.partner_id"
        f" WHERE o.id = :final_order AND a.kind = '{kind}'"
    )


MONEY = (
    Guard(
        "a second credit of a cancellation",
        copied(
            "credits",
            "line_id = :credited_line",
            id="'crd_new'",
            number="-1",
            line_id=":suspended_line ::text",
            entry_id="'ent_new'",
        ),
        "uq_credits_cancellation_id",
    ),
    Guard(
        "a second credit that goes above the charge of its line",
        copied(
            "credits",
            "cancellation_id = :parting_case",
            id="'crd_new'",
            number="-1",
            cancellation_id=":final_case ::text",
            entry_id="'ent_new'",
            amount_minor="amount_minor + 1",
        ),
        "credits_within_line",
    ),
    Guard(
        "two credits on one entry",
        copied(
            "credits",
            "line_id = :credited_line",
            id="'crd_new'",
            number="-1",
            cancellation_id=":suspended_case ::text",
            line_id=":suspended_line ::text",
        ),
        "uq_credits_entry_id",
    ),
    Guard(
        "a credit above the charge",
        credit("suspended_case", amount_minor="k.line_total_minor + 1"),
        "credits_within_line",
    ),
    Guard(
        "a credit that claims a higher charge",
        credit("suspended_case", line_total_minor="k.line_total_minor + 1"),
        "fk_credits_line_id_line_total_minor_currency_window_closes_at",
    ),
    Guard(
        "a credit that is not the approved amount",
        credit("suspended_case", amount_minor="d.amount_minor - 1"),
        "fk_credits_decision_id_cancellation_id_verdict_amount_m_5bbe",
    ),
    Guard(
        "a credit of nothing",
        credit("suspended_case", amount_minor="0"),
        "ck_credits_within_charge",
    ),
    Guard(
        "a credit with another verdict",
        credit("suspended_case", verdict="'declined'"),
        "ck_credits_approved",
    ),
    Guard(
        "a credit before its decision",
        credit("suspended_case", booked_at="d.decided_at - interval '1 microsecond'"),
        "ck_credits_after_decision",
    ),
    Guard(
        "a credit that moves the decision's date",
        credit("suspended_case", decided_at="d.decided_at - interval '1 s'"),
        "fk_credits_decision_id_cancellation_id_verdict_amount_m_5bbe",
    ),
    Guard("a credit while a key works", credit("approved_case"), "credits_key_suspended"),
    Guard(
        "an entry that does not balance",
        "; ".join([ENTRY, posting("receivable", 100), posting("sales", -99)]),
        "ledger_entries_balanced",
    ),
    Guard(
        "an entry with one side",
        f"{ENTRY}; {posting('receivable', 100)}",
        "ledger_entries_balanced",
    ),
    Guard("an entry without sides", ENTRY, "ledger_entries_balanced"),
    Guard(
        "a posting of zero", f"{ENTRY}; {posting('receivable', 0)}", "ck_ledger_postings_not_zero"
    ),
    Guard(
        "a posting added to an old entry",
        posting("refunds", 5, CHARGE),
        "ledger_entries_balanced",
    ),
    Guard(
        "two postings of one account in an entry",
        "; ".join([ENTRY, posting("receivable", 100), posting("receivable", -100)]),
        "uq_ledger_postings_entry_id_account_id",
    ),
    Guard(
        "a posting in another currency",
        f"{ENTRY}; {posting('receivable', 1, currency=chr(39) + 'USD' + chr(39))}",
        "fk_ledger_postings_account_id_partner_id_currency",
    ),
    Guard(
        "a posting on another partner's account",
        f"{ENTRY}; " + posting("receivable", 1, partner_id=":other_partner ::text"),
        "fk_ledger_postings_account_id_partner_id_currency",
    ),
    Guard(
        "one business key twice",
        copied("ledger_entries", f"id = {CHARGE}", id="'ent_new'"),
        "uq_ledger_entries_business_key",
    ),
    Guard(
        "a charge reversed twice",
        copied("ledger_entries", "kind = 'reversal'", id="'ent_new'", business_key="'new'"),
        "uq_ledger_entries_reverses_id",
    ),
    Guard(
        "a reversal of nothing",
        copied(
            "ledger_entries",
            f"id = {CHARGE}",
            id="'ent_new'",
            business_key="'new'",
            kind="'reversal'",
        ),
        "ck_ledger_entries_reversal",
    ),
)
