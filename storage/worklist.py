"""Lists of tickets: narrowed to a worklist or to words, page by page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, cast, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import TSQUERY

from models.principal import Principal
from models.ticket import Ticket
from models.worklist import DUE_SOON, TicketQuery, Worklist
from storage.case import tickets
from storage.engine import Database
from storage.scope import within
from storage.ticket_view import TICKET, ticket_of

Place = tuple[datetime, str]
"""Where a page begins: the key of the last ticket of the page before."""

_PAGE = 500
_FEW = 1000
_PATHS = ("seqscan", "indexscan", "indexonlyscan")
_BY_WORDS_ONLY = "; ".join(f"SET LOCAL enable_{path} = off" for path in _PATHS)
_BY_ANY_WAY = "; ".join(f"SET LOCAL enable_{path} TO DEFAULT" for path in _PATHS)
_OPEN = tickets.c.closed_at.is_(None) & tickets.c.resolved_at.is_(None)

# Cut into words as the tickets were; each is looked for as a beginning. NULL if there is no word in it.
_AS_QUERY = text(r"""
SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || ''':*', ' & ')
FROM unnest(keydesk_words(:search))
""")


def list_tickets(
    connection: Connection,
    principal: Principal,
    now: datetime,
    wanted: TicketQuery,
    *,
    after: Place | None = None,
    limit: int = 50,
) -> list[Ticket]:
    """Newest first, those that are due by their due time; without notes."""
    column = tickets.c.respond_by if _by_due_time(wanted) else tickets.c.opened_at
    key = (column, tickets.c.id)
    query = within(TICKET, tickets, principal)
    query = _narrowed(connection, query, principal, now, wanted)
    if _by_due_time(wanted):
        query = query.order_by(*key)
        query = query if after is None else query.where(tuple_(*key) > after)
    else:
        query = query.order_by(column.desc(), tickets.c.id.desc())
        query = query if after is None else query.where(tuple_(*key) < after)
    return [ticket_of(row, (), now) for row in connection.execute(query.limit(limit))]


def place_of(ticket: Ticket, wanted: TicketQuery) -> Place:
    """Where the page after this ticket begins."""
    return (ticket.respond_by if _by_due_time(wanted) else ticket.opened_at, ticket.id)


def every_ticket(
    database: Database, principal: Principal, now: datetime, wanted: TicketQuery
) -> Iterator[Ticket]:
    """The whole list, read page by page: a slow reader keeps no transaction open."""
    after: Place | None = None
    while True:
        with database.reading() as connection:
            page = list_tickets(connection, principal, now, wanted, after=after, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = place_of(page[-1], wanted)


def _by_due_time(wanted: TicketQuery) -> bool:
    return wanted.worklist is Worklist.DUE_SOON


def _narrowed(
    connection: Connection,
    query: Select[Any],
    principal: Principal,
    now: datetime,
    wanted: TicketQuery,
) -> Select[Any]:
    if wanted.kind is not None:
        query = query.where(tickets.c.kind == wanted.kind)
    if wanted.worklist is not None:
        query = query.where(_belongs(wanted.worklist, principal, now))
    if wanted.search is not None:
        query = query.where(_found(connection, principal, wanted.search))
    return query


def _found(connection: Connection, principal: Principal, search: str) -> ColumnElement[bool]:
    """The tickets that hold these words: by their ids if they are few, else by looking as the list is walked.

    The planner takes every beginning of a word for one ticket in fifty, and would walk the whole list for
    one in a million.
    """
    words = connection.execute(_AS_QUERY, {"search": search}).scalar_one()
    matching = tickets.c.words.bool_op("@@")(cast(words or "", TSQUERY))
    few = within(select(tickets.c.id).where(matching), tickets, principal).limit(_FEW + 1)
    connection.exec_driver_sql(_BY_WORDS_ONLY)
    ids = list(connection.execute(few).scalars())
    connection.exec_driver_sql(_BY_ANY_WAY)
    return tickets.c.id.in_(ids) if len(ids) <= _FEW else matching


def _belongs(worklist: Worklist, principal: Principal, now: datetime) -> ColumnElement[bool]:
    unanswered = tickets.c.first_response_at.is_(None)
    return {
        Worklist.MINE: _OPEN & (tickets.c.assignee_id == principal.user_id),
        Worklist.UNASSIGNED: _OPEN & tickets.c.assignee_id.is_(None),
        Worklist.DUE_SOON: _OPEN & unanswered & (tickets.c.respond_by <= now + DUE_SOON),
        Worklist.ESCALATED: _OPEN & tickets.c.escalated_at.is_not(None),
        Worklist.DONE: or_(tickets.c.closed_at.is_not(None), tickets.c.resolved_at.is_not(None)),
    }[worklist]
