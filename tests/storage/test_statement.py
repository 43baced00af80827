"""Closing statements: every entry once, credits of earlier ones on credit notes, numbers without a gap."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select

from models.errors import Refused
from models.statement import Account, ClosingStep, Statement
from storage.engine import Database
from storage.policy import add_policies
from storage.statement import (
    close_statement,
    credit_notes,
    due_accounts,
    preview_statements,
    statements,
)
from tests.factories import (
    OTHER_BUYER,
    OTHER_CUSTOMER,
    OTHER_PARTNER,
    PARTNER,
    PARTS,
    PER_UNIT,
    Story,
)
from tests.fixtures.closing import ISSUER, broken, close_statements
from tests.fixtures.terms import single_units

MARCH, APRIL, MAY, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5, 6))
IN_MARCH = datetime(2026, 3, 30, 10, tzinfo=UTC)
ACCOUNT = Account(partner_id=PARTNER, currency="EUR")


def step(until: datetime, at: datetime | None = None) -> ClosingStep:
    return ClosingStep(account=ACCOUNT, until=until, at=at or until)


def shown(statement: Statement) -> list[tuple[str, int]]:
    return [(line.kind, line.amount.amount_minor) for line in statement.lines]


def later(story: Story, at: datetime) -> Story:
    story.at = at
    return story


def test_a_month_is_closed_once_with_what_was_booked_in_it(database: Database) -> None:
    story = Story(database, placed_at=IN_MARCH).buy()
    Story(database, placed_at=APRIL).buy()

    (march,) = close_statements(database, APRIL)

    assert (march.opens_at, march.closes_at, march.number) == (MARCH, APRIL, "ST-2026-000001")
    assert [line.order_id for line in march.lines] == [story.order_id]
    assert march.total == march.due == march.lines[0].amount
    assert march.credit_notes == ()
    assert close_statements(database, APRIL) == []
    assert broken(database, APRIL) == set()


def test_a_credit_of_the_same_period_is_netted(database: Database) -> None:
    Story(database, placed_at=IN_MARCH).buy().cancel()
    other = Story(database, placed_at=IN_MARCH, sku=PER_UNIT).buy()

    (march,) = close_statements(database, APRIL)

    assert sorted(shown(march)) == sorted(
        [("charge", 205800), ("credit", -205800), ("charge", march.due.amount_minor)]
    )
    assert {line.order_id for line in march.lines} >= {other.order_id}
    assert march.credit_notes == ()
    assert broken(database, APRIL) == set()


def test_credits_of_an_earlier_statement_are_one_credit_note_to_it(database: Database) -> None:
    told = [Story(database, placed_at=IN_MARCH, quantity=1).buy() for _ in range(2)]
    (march,) = close_statements(database, APRIL)
    for story in told:
        later(story, APRIL + timedelta(days=3)).cancel()
    own = Story(database, placed_at=APRIL + timedelta(days=4)).buy()

    (april,) = close_statements(database, MAY)

    (noted,) = april.credit_notes
    assert (noted.number, noted.original_number) == ("CN-2026-000001", march.number)
    assert noted.total == april.credited == march.total
    assert [line.order_id for line in april.lines] == [own.order_id]
    assert april.due.amount_minor == april.total.amount_minor - march.total.amount_minor
    with database.reading() as connection:
        note = connection.execute(select(credit_notes)).one()
    content = json.loads(note.content)
    assert note.sha256 == sha256(note.content).hexdigest()
    assert content["original"]["number"] == march.number
    assert {line["order_id"] for line in content["lines"]} == {s.order_id for s in told}
    assert all(line["ticket_number"] and line["credit_number"] for line in content["lines"])
    assert {line["reason"]["cs"] for line in content["lines"]} == {"Objednáno omylem"}
    assert all(line["amount"]["amount_minor"] > 0 for line in content["lines"])
    assert broken(database, MAY) == set()


def test_each_earlier_statement_gets_a_note_of_its_own(database: Database) -> None:
    first = Story(database, placed_at=IN_MARCH, quantity=1).buy()
    second = Story(database, placed_at=APRIL + timedelta(days=20), quantity=1).buy()
    close_statements(database, MAY)
    for story in (first, second):
        later(story, MAY + timedelta(days=1)).cancel()

    (may,) = close_statements(database, JUNE)

    numbers = [(note.number, note.original_number) for note in may.credit_notes]
    assert numbers == [("CN-2026-000001", "ST-2026-000001"), ("CN-2026-000002", "ST-2026-000002")]
    assert (may.lines, may.total.amount_minor) == ((), 0)
    assert may.due.amount_minor == -205800
    assert broken(database, JUNE) == set()


def test_a_part_of_a_line_is_credited_by_its_own_units(database: Database) -> None:
    with database.transaction() as connection:
        add_policies(connection, [single_units()])
    story = Story(database, placed_at=IN_MARCH, sku=PARTS, quantity=3).buy()
    (march,) = close_statements(database, APRIL)
    later(story, APRIL + timedelta(days=3)).cancel(quantity=1)

    close_statements(database, MAY)

    with database.reading() as connection:
        content = connection.execute(select(credit_notes.c.content)).scalar_one()
    (line,) = json.loads(content)["lines"]
    assert (line["quantity"], line["amount"]) == (1, line["unit_price"])
    assert line["amount"]["amount_minor"] * 3 == march.total.amount_minor
    assert broken(database, MAY) == set()


def test_a_reversal_after_the_statement_is_on_a_credit_note_too(database: Database) -> None:
    story = Story(database, placed_at=IN_MARCH).place().charge()
    close_statements(database, APRIL)
    later(story, APRIL + timedelta(hours=1)).run_dry()

    (april,) = close_statements(database, MAY)

    assert [note.total.amount_minor for note in april.credit_notes] == [205800]
    assert broken(database, MAY) == set()


def test_a_month_that_nets_to_nothing_has_a_statement_and_no_settlement(database: Database) -> None:
    Story(database, placed_at=IN_MARCH).buy().cancel()

    (march,) = close_statements(database, APRIL)

    assert march.due.amount_minor == 0
    with database.reading() as connection:
        assert connection.execute(select(statements.c.settlement_id)).scalar_one() is None
    assert broken(database, APRIL) == set()


def test_months_left_open_are_closed_in_their_order(database: Database) -> None:
    for at in (IN_MARCH, APRIL + timedelta(days=5), MAY + timedelta(days=5)):
        Story(database, placed_at=at, quantity=1).buy()

    closed = close_statements(database, JUNE)

    assert [s.closes_at for s in closed] == [APRIL, MAY, JUNE]
    assert [s.number for s in closed] == [f"ST-2026-{n:06d}" for n in (1, 2, 3)]
    assert broken(database, JUNE) == set()


def test_what_was_booked_too_late_is_on_the_next_statement_and_says_so(database: Database) -> None:
    Story(database, placed_at=IN_MARCH, quantity=1).buy()
    close_statements(database, APRIL)
    late = Story(database, placed_at=IN_MARCH, quantity=1).buy()
    Story(database, placed_at=APRIL + timedelta(days=1), quantity=1).buy()

    assert close_statements(database, APRIL) == []
    (april,) = close_statements(database, MAY)

    assert {line.order_id for line in april.lines if line.late} == {late.order_id}
    assert len(april.lines) == 2
    assert broken(database, MAY) == set()


def test_a_running_month_is_not_closed(database: Database) -> None:
    Story(database, placed_at=IN_MARCH).buy()

    with pytest.raises(Refused) as refused:
        close_statement(database, step(APRIL, at=IN_MARCH + timedelta(days=1)), ISSUER)

    assert refused.value.code == "month_not_over"
    assert close_statement(database, step(APRIL), ISSUER) is not None


def test_a_part_of_a_month_may_be_closed_and_the_rest_follows(database: Database) -> None:
    Story(database, placed_at=IN_MARCH, quantity=1).buy()
    noon = IN_MARCH + timedelta(hours=2)
    (part,) = close_statements(database, noon)
    Story(database, placed_at=noon, quantity=1).buy()

    (rest,) = close_statements(database, APRIL)

    assert (part.opens_at, part.closes_at) == (MARCH, noon)
    assert (rest.opens_at, rest.closes_at) == (noon, APRIL)
    assert broken(database, APRIL) == set()


def test_numbers_begin_anew_with_the_year_of_issue(database: Database) -> None:
    december = datetime(2026, 12, 5, tzinfo=UTC)
    january = datetime(2027, 1, 1, tzinfo=UTC)
    Story(database, placed_at=IN_MARCH, quantity=1).buy()
    close_statements(database, APRIL)
    Story(database, placed_at=december, quantity=1).buy()

    (closed,) = close_statements(database, january)

    assert closed.number == "ST-2027-000001"


def test_a_preview_shows_the_statements_and_leaves_nothing(database: Database) -> None:
    Story(database, placed_at=IN_MARCH, quantity=1).buy()
    Story(database, placed_at=APRIL + timedelta(days=2), quantity=1).buy()

    previewed = preview_statements(database, step(MAY), ISSUER)
    closed = close_statements(database, MAY)

    assert [s.lines for s in previewed] == [s.lines for s in closed]
    assert [s.number for s in closed] == ["ST-2026-000001", "ST-2026-000002"]


def test_partners_and_currencies_are_closed_apart(database: Database) -> None:
    Story(database, placed_at=IN_MARCH).buy()
    Story(database, placed_at=IN_MARCH).place(OTHER_BUYER, OTHER_CUSTOMER).charge().deliver()
    with database.reading() as connection:
        due = due_accounts(connection, APRIL, 10)

    closed = close_statements(database, APRIL)

    assert {account.partner_id for account in due} == {PARTNER, OTHER_PARTNER}
    assert {s.partner.id for s in closed} == {PARTNER, OTHER_PARTNER}
    assert broken(database, APRIL) == set()
