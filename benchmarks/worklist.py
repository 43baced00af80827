"""The desk's lists on a large book: worklists, a search and a page far down, as their route reads them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import Connection, text

from models.ids import Prefix, new_id
from models.inquiry import InquiryDraft
from models.principal import Principal
from models.ticket import Contact, ProblemType
from models.worklist import TicketQuery, Worklist
from storage.engine import Database
from storage.inquiry import open_inquiry
from storage.principal import principal_of
from storage.worklist import Place, list_tickets, place_of

_READER, _AGENT = "usr_olga_operator", "usr_alice_admin"
_TIMES = 20
_LISTS = {
    "tickets, the newest": TicketQuery(),
    **{f"tickets, {worklist}": TicketQuery(worklist=worklist) for worklist in Worklist},
    "tickets, found by a word of one in ten": TicketQuery(search="rare"),
    "tickets, found by a number": TicketQuery(search="-77"),
    "tickets, found by nothing": TicketQuery(search="nowhere"),
}

# One inquiry is copied: nine of ten are closed, every tenth open one is somebody's, every hundredth escalated.
_COPY = """
INSERT INTO tickets OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(t, jsonb_build_object(
  'id', t.id || n, 'number', -n, 'opened_at', t.opened_at - n * interval '1 minute',
  'respond_by', t.respond_by - n * interval '1 minute',
  'title', CASE WHEN n % 10 = 3 THEN 'A rare question ' ELSE 'A question ' END || n,
  'resolved_at', CASE WHEN n % 10 > 0 THEN t.opened_at END,
  'closes_at', CASE WHEN n % 10 > 0 THEN t.opened_at END,
  'closed_at', CASE WHEN n % 10 > 0 THEN t.opened_at END,
  'assignee_id', CASE WHEN n % 100 = 0 THEN :reader END,
  'first_response_at', CASE WHEN n % 20 = 0 THEN t.opened_at END,
  'first_response_by', CASE WHEN n % 20 = 0 THEN :reader END,
  'escalated_at', CASE WHEN n % 1000 = 10 THEN t.opened_at END))).*
FROM tickets t, generate_series(1, :copies) n WHERE t.id = :ticket_id
"""
_WORDS = "UPDATE tickets t SET words = keydesk_ticket_words(t)"


def fill_tickets(connection: Connection, ticket_id: str, rows: int) -> None:
    """So many tickets, on a connection whose guards are down."""
    copied = {"ticket_id": ticket_id, "reader": _READER, "copies": rows - 1}
    connection.execute(text(_COPY), copied)
    connection.execute(text(_WORDS))


def open_one(database: Database) -> str:
    """The inquiry that the others are copies of."""
    ticket_id = new_id(Prefix.TICKET)
    draft = InquiryDraft(
        problem_type=ProblemType.OTHER,
        title="A question",
        description="Why?",
        contact=Contact(name="A", email="a@example.test", phone="+420 601 234 567"),
    )
    open_inquiry(database, draft, ticket_id, _person(database, _AGENT), datetime.now(UTC))
    return ticket_id


def read_lists(database: Database) -> Iterator[tuple[str, float]]:
    """Each list by its name, and how long one page takes: the median of many, in seconds."""
    reader = _person(database, _READER)
    for name, wanted in _LISTS.items():
        yield name, _page(database, reader, wanted, None)
    yield "tickets, a page far down", _page(database, reader, TicketQuery(), _far_down(database))


def _far_down(database: Database) -> Place:
    middle = """SELECT opened_at, id FROM tickets ORDER BY opened_at
      OFFSET (SELECT count(*) FROM tickets) / 10 LIMIT 1"""
    with database.reading() as connection:
        row = connection.execute(text(middle)).one()
    return row.opened_at, row.id


def _page(database: Database, reader: Principal, wanted: TicketQuery, after: Place | None) -> float:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        with database.reading() as connection:
            found = list_tickets(connection, reader, datetime.now(UTC), wanted, after=after)
        for ticket in found:
            place_of(ticket, wanted)
        times.append(time.perf_counter() - began)
    return median(times)


def _person(database: Database, user_id: str) -> Principal:
    with database.reading() as connection:
        person = principal_of(connection, user_id)
    assert person is not None
    return person
