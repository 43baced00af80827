"""Corruptions of statements, credit notes, their numbers and their pages."""

from tests.storage.corruptions.shape import Corruption

_CLAIM = "(SELECT min(entry_id) FROM statement_entries WHERE statement_id = :first_statement)"

STATEMENTS = (
    Corruption(
        "K20",
        "an entry on two statements",
        "INSERT INTO statement_entries SELECT entry_id, :later_statement ::text, NULL, partner_id, currency,"
        f" amount_minor FROM statement_entries WHERE entry_id = {_CLAIM}",
        ("statement_entries.pk_statement_entries",),
    ),
    Corruption(
        "K20",
        "an entry on another partner's statement",
        f"UPDATE ledger_entries SET partner_id = :other_partner WHERE id = {_CLAIM}",
    ),
    Corruption(
        "K20",
        "an entry for a cent more",
        f"UPDATE statement_entries SET amount_minor = amount_minor + 1 WHERE entry_id = {_CLAIM}",
    ),
    Corruption("K20", "a statement lost", "DELETE FROM statements WHERE id = :first_statement"),
    Corruption(
        "K20",
        "an entry of after the period",
        f"UPDATE ledger_entries SET booked_at = :now WHERE id = {_CLAIM}",
    ),
    Corruption(
        "K21",
        "an entry taken off",
        f"DELETE FROM statement_entries WHERE entry_id = {_CLAIM}",
    ),
    Corruption(
        "K21",
        "a total one cent higher",
        "UPDATE statements SET total_minor = total_minor + 1, due_minor = due_minor + 1"
        " WHERE id = :first_statement",
    ),
    Corruption("K21", "a credit note lost", "DELETE FROM credit_notes WHERE id = :note"),
    Corruption(
        "K21",
        "never settled",
        "UPDATE statements SET settlement_id = NULL WHERE id = :first_statement",
        ("statements.ck_statements_settled",),
    ),
    Corruption(
        "K21",
        "settled from another account",
        "UPDATE ledger_postings p SET account_id = a.id, account_version = 99 FROM ledger_accounts a,"
        " statements s WHERE s.id = :first_statement AND p.entry_id = s.settlement_id"
        " AND p.amount_minor < 0 AND a.kind = 'sales' AND (a.partner_id, a.currency)"
        " = (s.partner_id, s.currency)",
    ),
    Corruption(
        "K21",
        "billed by hand",
        "UPDATE ledger_accounts SET balance_minor = balance_minor + 1 WHERE kind = 'billed'",
    ),
    Corruption(
        "K22",
        "a credit moved off its note",
        "UPDATE statement_entries SET credit_note_id = NULL WHERE credit_note_id = :note",
    ),
    Corruption(
        "K22",
        "a charge lost from its statement",
        "DELETE FROM statement_entries c USING ledger_entries e"
        " WHERE e.id = c.entry_id AND e.kind = 'charge' AND e.order_id = :credited_order",
    ),
    Corruption(
        "K22",
        "a note to the statement that it came with",
        "UPDATE credit_notes SET original_id = statement_id WHERE id = :note",
        ("credit_notes.ck_credit_notes_earlier",),
    ),
    Corruption(
        "K22", "a note of a cent more", "UPDATE credit_notes SET total_minor = total_minor + 1"
    ),
    Corruption(
        "K23",
        "a number skipped",
        "UPDATE statements SET number = number + 1 WHERE id = :later_statement",
    ),
    Corruption(
        "K23",
        "one number twice",
        "UPDATE statements SET number = 1",
        ("statements.uq_statements_year_number",),
    ),
    Corruption("K23", "a series set back", "UPDATE number_series SET last = last - 1"),
    Corruption("K23", "a series lost", "DELETE FROM number_series WHERE series = 'credit_note'"),
    Corruption(
        "K24",
        "a content rewritten",
        "UPDATE statements SET content = convert_to(replace(convert_from(content, 'UTF8'), '2026', '2025'), 'UTF8')",
        ("statements.ck_statements_hash",),
    ),
    Corruption(
        "K24",
        "a content rewritten with its hash",
        "UPDATE credit_notes SET content = '{}', sha256 = encode(sha256('{}'), 'hex')",
    ),
    Corruption(
        "K24",
        "a content that is no JSON",
        "UPDATE credit_notes SET content = '\\xff', sha256 = encode(sha256('\\xff'), 'hex')",
    ),
    Corruption(
        "K24",
        "pages rewritten",
        "INSERT INTO renditions SELECT id, 'en', id, NULL, 'x', '00', :now FROM statements",
        ("renditions.ck_renditions_hash",),
    ),
    Corruption(
        "K25",
        "an overlap",
        "UPDATE statements SET opens_at = opens_at - interval '1 second' WHERE id = :later_statement",
    ),
    Corruption(
        "K25",
        "issued too early",
        "UPDATE statements SET issued_at = closes_at - interval '1 second'",
        ("statements.ck_statements_over",),
    ),
    Corruption(
        "K25",
        "across months",
        "UPDATE statements SET opens_at = opens_at - interval '1 month' WHERE id = :first_statement",
        ("statements.ck_statements_within_month",),
    ),
    Corruption(
        "K25",
        "closed unheard",
        "DELETE FROM audit WHERE subject_id = :first_statement",
    ),
    Corruption(
        "K27",
        "no pages after a day",
        "UPDATE statements SET issued_at = issued_at - interval '1 day'",
        ("statements.ck_statements_over",),
    ),
    Corruption(
        "K26",
        "a reversal of a cent less",
        "UPDATE ledger_postings p SET amount_minor = amount_minor - sign(amount_minor) FROM ledger_entries e"
        " WHERE e.id = p.entry_id AND e.kind = 'reversal'",
    ),
)
