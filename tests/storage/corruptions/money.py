"""Corruptions of the ledger and of credits."""

from tests.storage.corruptions.shape import CHARGE, Corruption

_CREDIT_UNIQUE = (
    "credits.uq_credits_cancellation_id",
    "credits.uq_credits_entry_id",
    "credits.uq_credits_number",
)
_COPY_CREDIT = """
INSERT INTO credits OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(c, {changes})).* FROM credits c WHERE c.line_id = :cancelled_line
"""

MONEY = (
    Corruption(
        "I1",
        "a posting one cent higher",
        f"UPDATE ledger_postings SET amount_minor = amount_minor + 1 WHERE amount_minor > 0 AND entry_id = {CHARGE}",
    ),
    Corruption(
        "I1",
        "a posting lost",
        f"DELETE FROM ledger_postings WHERE amount_minor < 0 AND entry_id = {CHARGE}",
    ),
    Corruption(
        "I1",
        "both postings zero",
        f"UPDATE ledger_postings SET amount_minor = 0 WHERE entry_id = {CHARGE}",
        ("ledger_postings.ck_ledger_postings_not_zero",),
    ),
    Corruption(
        "I1",
        "an entry lost, its postings left",
        f"DELETE FROM ledger_entries WHERE id = {CHARGE}",
    ),
    Corruption(
        "I2",
        "a cent appears in the book",
        "UPDATE ledger_postings SET amount_minor = amount_minor + 1"
        " WHERE (account_id, account_version) = (SELECT account_id, 1 FROM ledger_postings LIMIT 1)",
    ),
    Corruption(
        "I2",
        "charged, but not in the ledger",
        "UPDATE orders SET status = 'charged' WHERE id = :placed_order",
    ),
    Corruption(
        "I3",
        "a balance overwritten",
        f"UPDATE ledger_postings SET balance_after_minor = balance_after_minor + 7 WHERE entry_id = {CHARGE}",
    ),
    Corruption("I3", "a version skipped", "UPDATE ledger_accounts SET version = version + 1"),
    Corruption(
        "I4",
        "a cancellation credited twice",
        _COPY_CREDIT.format(changes="""'{"id": "crd_twice", "number": 1, "entry_id": "ent_x"}'"""),
        _CREDIT_UNIQUE,
    ),
    Corruption(
        "I5",
        "units credited under two cancellations",
        _COPY_CREDIT.format(
            changes="jsonb_build_object('id', 'crd_twice', 'number', 1, 'cancellation_id', :waiting_case ::text)"
        ),
        _CREDIT_UNIQUE,
    ),
    Corruption(
        "I5",
        "a second credit entry of a line",
        'INSERT INTO ledger_entries SELECT (jsonb_populate_record(e, \'{"id": "ent_twice",'
        ' "business_key": "again"}\')).* FROM ledger_entries e'
        " WHERE e.kind = 'credit' AND e.line_id = :cancelled_line",
    ),
    Corruption(
        "I6",
        "more credited than charged",
        "UPDATE credits SET amount_minor = line_total_minor + 1 WHERE line_id = :cancelled_line",
        ("credits.ck_credits_within_charge",),
    ),
    Corruption(
        "I6",
        "a unit credited above its price",
        "UPDATE credits SET amount_minor = amount_minor + 1 WHERE cancellation_id = :parted_case",
    ),
    Corruption(
        "I6",
        "two credits above what their line cost",
        "UPDATE credits SET amount_minor = line_total_minor WHERE line_id = :parting_line",
    ),
    Corruption(
        "I6",
        "credited, but never charged",
        "DELETE FROM ledger_entries WHERE kind = 'charge' AND order_id = :cancelled_order",
    ),
    Corruption(
        "I6",
        "credited in another currency",
        "UPDATE credits SET currency = 'USD' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "I7", "an approval lost", "DELETE FROM decisions WHERE cancellation_id = :cancelled_case"
    ),
    Corruption(
        "I7",
        "declined, but credited",
        "UPDATE decisions SET verdict = 'declined', amount_minor = NULL WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I7",
        "approved for less",
        "UPDATE decisions SET amount_minor = amount_minor - 1 WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I7",
        "decided after it was credited",
        "UPDATE decisions SET decided_at = decided_at + interval '1 day' WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "I7",
        "requested a second late",
        "UPDATE cancellations SET received_at = window_closes_at + interval '1 second' WHERE id = :cancelled_case",
        ("cancellations.ck_cancellations_in_window",),
    ),
    Corruption(
        "K1",
        "charged twice the total",
        f"UPDATE ledger_postings SET amount_minor = amount_minor * 2 WHERE entry_id = {CHARGE}",
    ),
    Corruption(
        "K1",
        "a credit entry without its credit",
        "DELETE FROM credits WHERE cancellation_id = :cancelled_case",
    ),
    Corruption(
        "K2",
        "a second charge",
        'INSERT INTO ledger_entries SELECT (jsonb_populate_record(e, \'{"id": "ent_twice",'
        f' "business_key": "again"}}\')).* FROM ledger_entries e WHERE e.id = {CHARGE}',
    ),
    Corruption(
        "K2",
        "a reversal of another order's charge",
        f"UPDATE ledger_entries SET reverses_id = {CHARGE} WHERE kind = 'reversal'",
    ),
)
