"""The brief of a case: what it gathers, what its checks see, and what it tells its reader of themselves."""

from datetime import timedelta

import pytest

from models.brief import Brief, Outcome
from models.cancellation import CancellationStatus
from models.decision import Verdict
from models.errors import NotFound, Refused
from models.money import Money
from models.outlook import Language
from models.pattern import PatternThresholds, Signal
from storage.brief import read_brief
from storage.engine import Database
from storage.policy import add_policies
from storage.ticket import tickets
from tests.factories import (
    APPROVER,
    BOTH,
    BUYER,
    OPERATOR,
    OTHER_APPROVER,
    PARTS,
    SEVERAL,
    SISTER_CUSTOMER,
    Story,
)
from tests.fixtures.terms import single_units, two_people

THRESHOLDS = PatternThresholds()


def brief_of(
    story: Story,
    reader: str = APPROVER,
    *,
    since: int | None = None,
    thresholds: PatternThresholds = THRESHOLDS,
    language: Language = Language.ENGLISH,
) -> Brief:
    """The brief of the story's case, read a minute after the last step."""
    with story.database.reading() as connection:
        own = tickets.c.cancellation_id == story.cancellation_id
        ticket_id = connection.execute(tickets.select().where(own)).one().id
        return read_brief(
            connection,
            story.person(reader),
            ticket_id,
            story.at + timedelta(minutes=1),
            thresholds,
            since=since,
            language=language,
        )


@pytest.fixture
def story(database: Database) -> Story:
    """Two units under one key, bought and asked back."""
    return Story(database).buy().request()


def test_an_honest_case_passes_every_check(story: Story) -> None:
    brief = brief_of(story)
    checks = brief.checks
    assert {
        check.outcome
        for check in (checks.in_time, checks.money, checks.key_and_downloads, checks.pattern)
    } == {Outcome.PASSED}
    assert checks.in_time.told.en == (
        "The request came in at 2026-03-02 09:05:00 UTC, 59 d 23 h 55 min 0 s before the end of its window"
        " at 2026-05-01 09:00:00 UTC."
    )
    assert checks.money.told.en == (
        "2,058.00 EUR is asked for, within the 2,058.00 EUR that policy and ledger leave."
    )
    assert checks.key_and_downloads.told.en == "No key was seen, and no download was begun."
    assert brief.line.id == brief.cancellation.line_id == story.line_id
    assert brief.quote is not None
    assert brief.quote.deadline == brief.line.window_closes_at
    assert brief.people[BUYER] == "Alice Adamová"
    assert brief.replacement is None


def test_what_was_used_before_the_request_is_told_and_allowed(database: Database) -> None:
    story = Story(database).buy().reveal().reveal().share().download().request()
    brief = brief_of(story)
    (key,) = brief.keys.seen
    assert (key.times, key.first_seen_by, key.last_seen_by, key.in_case) == (2, BUYER, BUYER, True)
    assert key.first_seen_at < key.last_seen_at
    assert (brief.downloads.started, brief.downloads.started_since) == (1, 0)
    assert brief.downloads.links_open == 1
    check = brief.checks.key_and_downloads
    assert check.outcome is Outcome.PASSED
    assert check.told.en == (
        "Before the request 1 of 1 keys were seen, downloads begun: 1; nothing since, and the policy"
        " does not mind."
    )


def test_what_is_used_after_the_request_is_to_look_at(story: Story) -> None:
    check = brief_of(story.reveal().share().download()).checks.key_and_downloads
    assert check.outcome is Outcome.TO_LOOK_AT
    assert (check.facts.keys_seen_since, check.facts.downloads_since) == (1, 1)


def test_keys_of_units_that_stay_are_listed_and_not_checked(database: Database) -> None:
    with database.transaction() as connection:
        add_policies(connection, [single_units()])
    story = Story(database, sku=PARTS, quantity=3).buy().reveal(unit=2).request(units=(1, 3))
    brief = brief_of(story)
    (key,) = brief.keys.seen
    assert (brief.keys.held, key.unit_number, key.in_case) == (3, 2, False)
    facts = brief.checks.key_and_downloads.facts
    assert (facts.keys, facts.keys_seen) == (2, 0)


def test_earlier_cases_are_counted_and_listed(database: Database) -> None:
    Story(database).buy().reveal().cancel()
    Story(database).buy().request().decide(Verdict.DECLINED)
    Story(database).place(customer=SISTER_CUSTOMER).charge().deliver().cancel()
    later = Story(database, placed_at=Story(database).at + timedelta(days=1)).buy().request()
    brief = brief_of(later)
    customer, partner = brief.customer_history, brief.partner_history
    assert customer.by_status == {CancellationStatus.COMPLETED: 1, CancellationStatus.DECLINED: 1}
    assert (customer.cases, partner.cases) == (2, 3)
    assert customer.credited == (Money(amount_minor=205_800, currency="EUR"),)
    assert partner.asked == (Money(amount_minor=3 * 205_800, currency="EUR"),)
    assert [past.credited is None for past in customer.last] == [False, True]
    assert len(partner.last) == 3
    facts = brief.checks.pattern.facts
    assert (facts.customer_seen, facts.partner_orders) == (1, 4)


def test_a_case_is_no_history_of_those_before_it(database: Database) -> None:
    earlier = Story(database).buy().request()
    Story(database, placed_at=earlier.at + timedelta(days=1)).buy().request()
    assert brief_of(earlier).partner_history.last == ()


def test_reached_thresholds_are_named_with_their_numbers(database: Database) -> None:
    Story(database).buy().reveal().cancel()
    story = Story(database, placed_at=Story(database).at + timedelta(days=1)).buy().request(BOTH)
    low = PatternThresholds(customer_cases=1, customer_seen=1, partner_cases=1, partner_percent=50)
    check = brief_of(story, thresholds=low).checks.pattern
    assert check.outcome is Outcome.TO_LOOK_AT
    assert check.facts.signals == tuple(Signal)
    assert check.told.en.startswith(
        "The customer asked 1 times before, since 2025-03-03 09:05:00 UTC; a look is due from 1 on."
    )
    assert "Žadatel je zároveň schvalovatelem." in check.told.cs


def test_the_money_is_bound_by_the_ledger(database: Database) -> None:
    story = Story(database).buy().request()
    facts = brief_of(story).checks.money.facts
    assert facts.charged == facts.line_total == Money(amount_minor=205_800, currency="EUR")
    done = brief_of(story.decide().suspend().credit()).checks.money
    assert (done.outcome, done.facts.credited.amount_minor) == (Outcome.PASSED, 0)


def test_the_reader_is_told_whether_and_why_not(story: Story) -> None:
    assert brief_of(story).standing.may_decide
    assert brief_of(story).standing.who_may == (APPROVER, OTHER_APPROVER, BOTH)
    assert brief_of(story, OPERATOR).standing.refusal_code == "not_an_approver"
    story.decide(Verdict.DECLINED)
    standing = brief_of(story).standing
    assert (standing.refusal_code, standing.who_may) == ("already_decided", ())
    assert standing.approvals_missing == 0


def test_requesters_and_those_who_agreed_may_not(database: Database) -> None:
    with database.transaction() as connection:
        add_policies(connection, [two_people()])
    story = Story(database, sku=SEVERAL).buy().request(BOTH).agree(APPROVER)
    assert brief_of(story, BOTH).standing.refusal_code == "own_request"
    standing = brief_of(story).standing
    assert (standing.refusal_code, standing.approvals_missing) == ("already_approved", 1)
    assert standing.who_may == (OTHER_APPROVER,)


def test_changes_are_those_since_a_revision(story: Story) -> None:
    seen = brief_of(story).revision
    assert brief_of(story).changes == brief_of(story, since=seen).changes == ()
    (change,) = brief_of(story.reveal(), since=seen).changes
    assert (change.actor_id, change.number) == (BUYER, brief_of(story).revision)


def test_the_quote_is_explained_in_the_readers_language(story: Story) -> None:
    quote = brief_of(story, language=Language.CZECH).quote
    assert quote is not None
    assert quote.explanation.startswith("Storno přijaté")


def test_a_ticket_about_no_cancellation_has_no_brief(database: Database) -> None:
    story = Story(database).place().charge().report_dry_stock()
    with database.reading() as connection:
        ticket_id = connection.execute(tickets.select()).one().id
        with pytest.raises(Refused, match="about no cancellation"):
            read_brief(connection, story.person(APPROVER), ticket_id, story.at, THRESHOLDS)
        with pytest.raises(NotFound):
            read_brief(connection, story.person(APPROVER), "tkt_none", story.at, THRESHOLDS)
