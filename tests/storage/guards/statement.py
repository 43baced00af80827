"""Statements the database refuses: twice the same entry, wrong sums, skipped numbers, rewritten pages."""

from tests.storage.guards.money import ENTRY, posting
from tests.storage.guards.shape import CHARGE, Guard, copied

ONE = "id = :later_statement"
NUMBER = "UPDATE number_series SET last = last + 1 WHERE series = 'statement'"
BOOKED = "; ".join([ENTRY, posting("receivable", 100), posting("sales", -100)])
CREDITED = "; ".join(
    [ENTRY.replace("'charge'", "'credit'"), posting("receivable", -100), posting("refunds", 100)]
)
REVERSAL = (
    "INSERT INTO ledger_entries (id, kind, business_key, partner_id, order_id, currency, booked_at, reverses_id)"
    " SELECT 'ent_new', 'reversal', 'new', partner_id, {order}, currency, :now, id FROM ledger_entries"
    f" WHERE id = {CHARGE}"
)


def claim(entry: str = "'ent_new'", **changes: str) -> str:
    columns = {
        "entry_id": entry,
        "statement_id": "'sta_new'",
        "partner_id": "s.partner_id",
        "currency": "s.currency",
        "amount_minor": "100",
    } | changes
    return (
        f"INSERT INTO statement_entries ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
        " FROM statements s WHERE s.id = :later_statement"
    )


def settlement(amount: int = 100) -> str:
    entry = (
        "INSERT INTO ledger_entries (id, kind, business_key, partner_id, currency, booked_at)"
        " SELECT 'ent_set', 'settlement', 'set', partner_id, currency, :now FROM orders WHERE id = :final_order"
    )
    sides = (posting("billed", amount, "'ent_set'"), posting("receivable", -amount, "'ent_set'"))
    return "; ".join([entry, *sides])


def statement(**changes: str) -> str:
    """The next statement of the account, of 100 minor units, but for some columns."""
    sealed = {
        "id": "'sta_new'",
        "number": "x.number + 1",
        "opens_at": "x.closes_at",
        "closes_at": "x.closes_at + interval '1 hour'",
        "issued_at": "x.closes_at + interval '1 hour'",
        "total_minor": "100",
        "credited_minor": "0",
        "due_minor": "100",
        "settlement_id": "'ent_set'",
    }
    return copied("statements", ONE, **sealed | changes)


def closing(*, booked: str = BOOKED, claims: str = "", amount: int = 100, **changes: str) -> str:
    """A whole closing."""
    parts = [NUMBER, booked, settlement(amount), claims or claim(), statement(**changes)]
    return "; ".join(parts)


STATEMENTS = (
    Guard(
        "an entry on two statements",
        copied(
            "statement_entries",
            "entry_id = (SELECT min(entry_id) FROM statement_entries)",
            statement_id="'sta_new'",
        ),
        "pk_statement_entries",
    ),
    Guard(
        "an entry added to a closed statement",
        f"{BOOKED}; {claim(statement_id='s.id')}",
        "statement_entries_before_statement",
    ),
    Guard(
        "an entry claimed for a statement that never comes",
        f"{BOOKED}; {claim()}",
        "fk_statement_entries_statement_id_partner_id_currency",
    ),
    Guard(
        "an entry claimed for another partner",
        f"{BOOKED}; {claim(partner_id=':other_partner ::text')}",
        "fk_statement_entries_entry_id_partner_id_currency",
    ),
    Guard(
        "a total of another sum",
        closing(total_minor="99", credited_minor="-1"),
        "statements_add_up",
    ),
    Guard("a settlement of another sum", closing(amount=99), "statements_add_up"),
    Guard(
        "a settlement that is a charge",
        closing(settlement_id="'ent_new'").replace(settlement() + "; ", ""),
        "statements_add_up",
    ),
    Guard(
        "an entry for another amount than it moved",
        closing(claims=claim(amount_minor="99"), total_minor="99", due_minor="99", amount=99),
        "statements_own_entries",
    ),
    Guard(
        "an entry of after the period",
        closing(closes_at="x.closes_at + interval '1 second'"),
        "statements_own_entries",
    ),
    Guard(
        "a credit of an earlier statement without a credit note",
        closing(
            booked=CREDITED,
            claims=claim(amount_minor="-100"),
            amount=-100,
            total_minor="-100",
            due_minor="-100",
        ),
        "statements_own_entries",
    ),
    Guard(
        "a period that overlaps",
        closing(opens_at="x.closes_at - interval '1 second'"),
        "statements_in_order",
    ),
    Guard(
        "a period that still runs",
        closing(issued_at="x.closes_at + interval '59 minutes'"),
        "ck_statements_over",
    ),
    Guard(
        "a period across months",
        closing(
            closes_at="x.closes_at + interval '1 month'",
            issued_at="x.closes_at + interval '1 month'",
        ),
        "ck_statements_within_month",
    ),
    Guard("what is due is not the difference", closing(due_minor="99"), "ck_statements_due"),
    Guard("something due and not settled", closing(settlement_id="NULL"), "ck_statements_settled"),
    Guard("a settlement of nothing", settlement(), "ledger_entries_settled"),
    Guard(
        "a charge of no order",
        f"{ENTRY.replace(', id, currency', ', NULL, currency')}",
        "ck_ledger_entries_settlement",
    ),
    Guard(
        "a number skipped",
        "UPDATE number_series SET last = last + 2 WHERE series = 'credit_note'",
        "number_series_by_one",
    ),
    Guard("a number given to nothing", NUMBER, "number_series_without_gap"),
    Guard(
        "a series that starts later",
        "INSERT INTO number_series VALUES ('statement', 1999, 7)",
        "number_series_by_one",
    ),
    Guard("a number that nobody gave", closing(number="x.number + 2"), "statements_number_given"),
    Guard(
        "a number of another year",
        closing(issued_at="x.issued_at + interval '1 year'"),
        "statements_number_given",
    ),
    Guard("one number twice", closing(number="x.number"), "uq_statements_year_number"),
    Guard("other bytes than the hash says", closing(sha256="'00'"), "ck_statements_hash"),
    Guard(
        "other pages than the hash says",
        "INSERT INTO renditions SELECT id, 'en', id, NULL, 'x', sha256, :now FROM statements"
        " WHERE id = :later_statement",
        "ck_renditions_hash",
    ),
    Guard(
        "pages of two papers",
        "INSERT INTO renditions SELECT id, 'en', id, :note ::text, 'x', encode(sha256('x'), 'hex'), :now"
        " FROM statements WHERE id = :later_statement",
        "ck_renditions_one_paper",
    ),
    Guard(
        "a credit note added to a closed statement",
        copied("credit_notes", "id = :note", id="'crn_new'"),
        "credit_notes_before_statement",
    ),
    Guard(
        "two credit notes of one statement to one other",
        "; ".join(
            "UPDATE number_series SET last = last + 1 WHERE series = 'credit_note'; "
            + copied(
                "credit_notes",
                "id = :note",
                id=f"'crn_{n}'",
                number=f"x.number + {n}",
                statement_id="'sta_new'",
            )
            for n in (1, 2)
        ),
        "uq_credit_notes_statement_id_original_id",
    ),
    Guard(
        "a credit note to its own statement",
        copied("credit_notes", "id = :note", id="'crn_new'", statement_id="'x'", original_id="'x'"),
        "ck_credit_notes_earlier",
    ),
    Guard(
        "a reversal of another sum",
        "; ".join(
            [REVERSAL.format(order="order_id"), posting("receivable", -100), posting("sales", 100)]
        ),
        "ledger_entries_mirrored",
    ),
    Guard(
        "a reversal on another account",
        "; ".join(
            [
                REVERSAL.format(order="order_id"),
                posting("receivable", 1, amount_minor="-o.total_minor"),
                posting("refunds", 1, amount_minor="o.total_minor"),
            ]
        ),
        "ledger_entries_mirrored",
    ),
    Guard(
        "a reversal of another order's charge",
        "; ".join(
            [
                REVERSAL.format(order=":waiting_order ::text"),
                posting("receivable", 1, amount_minor="-o.total_minor"),
                posting("sales", 1, amount_minor="o.total_minor"),
            ]
        ),
        "ledger_entries_mirrored",
    ),
)
