"""Inquiries in the book under many hands at once, and what their acts leave behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from models.errors import Refused
from rules.ticket import REOPEN_WITHIN
from storage.assignment import assign_ticket
from storage.case import tickets
from storage.engine import Database
from storage.inquiry import close_inquiry, escalate_inquiry
from storage.revision import revision_of
from storage.ticket_note import find_row
from storage.timeline import read_ticket_timeline
from storage.verify import verify
from tests.factories import APPROVER, BUYER, OPERATOR, OTHER_APPROVER, Story
from tests.fixtures.inquiry import Inquiry


def at_once(acts: list[Callable[[], object]]) -> list[str]:
    """All at the same time, each on a connection of its own; the codes of those that were refused."""

    def tried(act: Callable[[], object]) -> str | None:
        try:
            act()
        except Refused as refusal:
            return refusal.code
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return [code for code in pool.map(tried, acts) if code is not None]


def test_of_many_answers_at_once_the_first_one_counts(database: Database) -> None:
    inquiry = Inquiry(database).open()
    people = [OPERATOR, APPROVER, OTHER_APPROVER] * 3
    at_once([partial(inquiry.note, by) for by in people])

    with database.reading() as connection:
        ticket = connection.execute(tickets.select()).one()
        told = read_ticket_timeline(connection, ticket)
    assert ticket.first_response_by in people
    assert len(told) == 10
    assert verify(database, inquiry.at).breaches == ()


def test_of_a_reopening_and_the_closing_one_wins(database: Database) -> None:
    for _ in range(5):
        inquiry = Inquiry(database).open().resolve()
        inquiry.at += REOPEN_WITHIN - timedelta(minutes=1)
        close = partial(close_inquiry, database, inquiry.id, inquiry.at + timedelta(minutes=1))
        refused = at_once([inquiry.reopen, close])

        with database.reading() as connection:
            ticket = connection.execute(tickets.select().where(tickets.c.id == inquiry.id)).one()
        assert refused == (["ticket_closed"] if ticket.closed_at else [])
        assert (ticket.closed_at is None) == (ticket.resolved_at is None)
    assert {b.code for b in verify(database, inquiry.at).breaches} <= {"I20"}


def test_one_of_many_resolutions_stands(database: Database) -> None:
    inquiry = Inquiry(database).open()

    refused = at_once([inquiry.resolve] * 6)

    assert refused == ["ticket_resolved"] * 5


def test_many_relays_close_and_escalate_once(database: Database) -> None:
    late, done = Inquiry(database).open(), Inquiry(database).open().resolve()
    due = done.at + REOPEN_WITHIN
    at_once([lambda: escalate_inquiry(database, late.id, late.at + timedelta(days=1))] * 4)
    at_once([lambda: close_inquiry(database, done.id, due)] * 4)

    with database.reading() as connection:
        person = Story(database).person(BUYER)
        told = [
            [
                entry.sentence
                for entry in read_ticket_timeline(connection, find_row(connection, person, one.id))
            ]
            for one in (late, done)
        ]
    assert told[0][1:] == ["The ticket was escalated."]
    assert [sentence.split()[-1] for sentence in told[1]] == ["opened.", "resolved.", "closed."]


def test_whose_work_a_case_is_does_not_move_the_case(database: Database) -> None:
    """An approver who has it open is not told to look again, but the ticket's own timeline tells."""
    story = Story(database).buy().request()
    with database.reading() as connection:
        ticket = connection.execute(tickets.select()).one()
        before = revision_of(connection, story.order_id)
    operator = story.person(OPERATOR)
    assign_ticket(database, operator, ticket.id, APPROVER, "act_1", story.tick())

    with database.reading() as connection:
        told = read_ticket_timeline(connection, ticket)
        assert revision_of(connection, story.order_id) == before
    assert told[-1].sentence == f"Ticket {ticket.number} was assigned."
    assert told[0].sentence == "A cancellation was requested."
    assert verify(database, story.at).breaches == ()
